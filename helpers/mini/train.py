"""Training of `mini`: `python -m helpers.mini.train` makes the model that ships, from nothing.

A GPT-2 of four layers learns two things at once: to repeat (random words, said again and again
with a varying period) and to speak (`MarkovLanguage`). Sequences start short and grow, since a
previous-token head for every position is easiest found on few positions.
"""

import argparse
import json
import math
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import GPT2Config, GPT2LMHeadModel, set_seed
from transformers.utils import logging

from helpers.metrics import is_top1, part_slice, token_log_probs
from helpers.mini.language import MarkovLanguage
from helpers.mini.tokenizer import BOS_ID, build_tokenizer
from helpers.progress import is_watched

SHIPPED = Path(__file__).with_name("model")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out.

    Args:
        steps: Optimizer steps.
        tokens: Tokens of a batch, whatever their length.
        learning_rate: Highest learning rate; warmed up over 100 steps, then a cosine.
        sparsity: How fast what a head writes shrinks towards nothing (see `shrink_heads`).
        repeats: Share of each batch that are repeats; the rest is language.
        seed: Seed of the weights and of the data; the language itself is always seed 0.
        n_layer: Layers.
        n_head: Heads of each layer.
        n_embd: Width of the residual stream.
        n_positions: Longest input.
    """

    steps: int = 2200
    tokens: int = 4096
    learning_rate: float = 3e-3
    sparsity: float = 2.0
    repeats: float = 0.625
    seed: int = 0
    n_layer: int = 4
    n_head: int = 8
    n_embd: int = 192
    n_positions: int = 128


def sample_repeats(
    words: Int[Tensor, " words"], sequences: int, length: int, *, generator: torch.Generator
) -> Int[Tensor, "batch pos"]:
    """Random words without repeats, said again from the start until the length is reached.

    Args:
        words: Ids to draw from.
        sequences: Number of sequences.
        length: Words per sequence; each has a period of its own, from 6 to half of it.
        generator: Input of randomness.
    """
    rows = []
    for _ in range(sequences):
        period = int(torch.randint(6, length // 2 + 1, (1,), generator=generator))
        said = words[torch.randperm(len(words), generator=generator)[:period]]
        rows.append(said.repeat(length // period + 1)[:length])
    return torch.stack(rows)


def pick_length(progress: float, recipe: Recipe, *, generator: torch.Generator) -> int:
    """Words per sequence at this share of the training: short at first, up to the full context."""
    full = recipe.n_positions - 1
    if progress < 0.2:
        lengths, weights = (full // 4, full // 2), (0.5, 0.5)
    else:
        lengths, weights = (full // 2, full), (0.2, 0.8)
    return lengths[int(torch.multinomial(torch.tensor(weights), 1, generator=generator))]


def train(recipe: Recipe) -> tuple[GPT2LMHeadModel, list[dict[str, float]]]:
    """Train a model.

    Args:
        recipe: Everything that decides what comes out.

    Returns:
        The model, and its loss curve: log-probabilities of both halves of a repeat and of the
        language, on data of their own, every 50 steps.
    """
    tokenizer = build_tokenizer(context=recipe.n_positions)
    words = torch.arange(2, len(tokenizer))
    language = MarkovLanguage(len(tokenizer), words)
    with torch.random.fork_rng():
        set_seed(recipe.seed)
        model = GPT2LMHeadModel(_config(recipe, len(tokenizer)))
    generator = torch.Generator().manual_seed(recipe.seed + 1)
    optimizers = _optimizers(model, recipe)
    curve: list[dict[str, float]] = []
    bar = tqdm(range(recipe.steps), desc="training mini", disable=not is_watched())
    for step in bar:
        rate = recipe.learning_rate * _schedule(step, recipe.steps)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        length = pick_length(step / recipe.steps, recipe, generator=generator)
        rows = recipe.tokens // (length + 1)
        repeats = round(rows * recipe.repeats)
        batch = torch.cat(
            [
                sample_repeats(words, repeats, length, generator=generator),
                language.sample(rows - repeats, length, generator=generator),
            ]
        )
        tokens = torch.cat([torch.full((rows, 1), BOS_ID), batch], dim=1)
        loss = _loss(model, tokens)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        shrink_heads(model, rate * recipe.sparsity)
        if step % 50 == 49 or step == recipe.steps - 1:
            seen = {"step": step + 1.0, "train_loss": loss.item()}
            n = min(50, (recipe.n_positions - 1) // 2)
            curve.append(seen | evaluate(model, language, bos=BOS_ID, n=n))
            bar.set_postfix_str(
                f"repeats {curve[-1]['second_accuracy']:.3f}, "
                f"language {curve[-1]['language_log_prob']:.3f}"
            )
    return model.eval(), curve


@torch.no_grad()
def shrink_heads(model: GPT2LMHeadModel, amount: float) -> None:
    """Take the same amount off the norm of every head's output matrix, down to zero.

    The proximal step of a group lasso over heads. Without it all heads of a layer share one job,
    and there is no other head of that layer to compare with; with it a head keeps its output
    only if the loss pays for it.

    Args:
        model: Its `c_proj` matrices of attention are changed in place.
        amount: How much of the Frobenius norm to take off.
    """
    for block in model.transformer.h:
        written = block.get_submodule("attn.c_proj").get_parameter("weight")
        heads = written.view(model.config.n_head, -1, model.config.n_embd)
        norm = heads.flatten(1).norm(dim=1).clamp(min=1e-12)
        heads *= (1 - amount / norm).clamp(min=0)[:, None, None]


@torch.no_grad()
def evaluate(
    model: GPT2LMHeadModel, language: MarkovLanguage, *, bos: int, n: int = 50, sequences: int = 32
) -> dict[str, float]:
    """How well a model repeats and speaks, on fixed data that it was not trained on.

    Args:
        model: The model.
        language: The language it should speak.
        bos: Id of the first token.
        n: Length of the repeated half.
        sequences: Sequences of each kind.

    Returns:
        Mean log-probability and accuracy of the first and (boundary left out) the second half of
        `[BOS, r, r]`, and mean log-probability of language from the third word on, in nats.
    """
    generator = torch.Generator().manual_seed(12345)
    words = language.words
    half = torch.stack(
        [words[torch.randperm(len(words), generator=generator)[:n]] for _ in range(sequences)]
    )
    first = torch.full((sequences, 1), bos)
    repeat = torch.cat([first, half, half], dim=1)
    text = torch.cat([first, language.sample(sequences, 2 * n, generator=generator)], dim=1)
    logits = model(repeat).logits
    log_prob, hits = token_log_probs(logits, repeat), is_top1(logits, repeat).float()
    spoken = token_log_probs(model(text).logits, text)[:, 2:]
    return {
        "first_log_prob": log_prob[:, part_slice("first", n)].mean().item(),
        "first_accuracy": hits[:, part_slice("first", n)].mean().item(),
        "second_log_prob": log_prob[:, part_slice("second", n)].mean().item(),
        "second_accuracy": hits[:, part_slice("second", n)].mean().item(),
        "language_log_prob": spoken.mean().item(),
    }


def save(
    model: GPT2LMHeadModel,
    recipe: Recipe,
    curve: list[dict[str, float]],
    into: Path,
    minutes: float,
) -> None:
    """Write weights, tokenizer and loss curve to a directory, all or nothing.

    Args:
        model: The trained model.
        recipe: How it was trained.
        curve: Its loss curve.
        into: Directory that takes its place when everything is written.
        minutes: How long the training took.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="building-", dir=into.parent) as building:
        made = Path(building) / "model"
        if not is_watched():
            logging.disable_progress_bar()  # it would be drawn into log files
        model.save_pretrained(made)
        build_tokenizer(context=recipe.n_positions).save_pretrained(made)
        log = {"recipe": asdict(recipe), "minutes": round(minutes, 1), "curve": curve}
        (made / "training.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
        card = into / "README.md"
        if card.is_file():
            shutil.copy(card, made)
        if into.exists():
            into.rename(Path(building) / "before")
        made.rename(into)


def _config(recipe: Recipe, d_vocab: int) -> GPT2Config:
    return GPT2Config(
        vocab_size=d_vocab,
        n_positions=recipe.n_positions,
        n_embd=recipe.n_embd,
        n_layer=recipe.n_layer,
        n_head=recipe.n_head,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )


def _optimizers(model: GPT2LMHeadModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings, norms and biases."""
    matrices = [p for name, p in model.named_parameters() if ".h." in name and p.ndim == 2]
    inside = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in inside]
    return [
        torch.optim.Muon(
            matrices,
            lr=recipe.learning_rate,
            weight_decay=0.02,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(rest, lr=recipe.learning_rate, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def _schedule(step: int, steps: int) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1.0, (step + 1) / 100) * (0.02 + 0.98 * cosine)


def _loss(model: GPT2LMHeadModel, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, ""]:
    logits = model(tokens).logits[:, :-1]
    return cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def main() -> None:
    """Train from the command line and save."""
    parser = argparse.ArgumentParser(description="Train mini from nothing and save it.")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="directory to write")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    arguments = parser.parse_args()
    recipe = Recipe(steps=arguments.steps, seed=arguments.seed)
    start = time.monotonic()
    model, curve = train(recipe)
    save(model, recipe, curve, arguments.out, (time.monotonic() - start) / 60)


if __name__ == "__main__":
    main()
