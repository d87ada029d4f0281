"""The input of the whole walkthrough: `[BOS, r, r]` with random r, and its control."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Int
from torch import Tensor

from helpers.arguments import check_whole
from helpers.inputs.tokenizing import (
    Input,
    bos_token,
    ordinary_tokens,
    read_tokens,
    shuffle_tokens,
)
from helpers.models import Model, check_model

Sampling = Literal["corrected", "blog"]


@dataclass(frozen=True)
class RepeatedTokens:
    """Sequences `[BOS, r_1 … r_N, r_1 … r_N]` and how they were drawn.

    Args:
        tokens: Token ids, pos = 2N + 1.
        n: Length N of the repeated half.
        seed: Seed of the generator that drew them.
        sampling: "corrected": without replacement and without special tokens; "blog": with
            replacement from the whole vocabulary, as in the post; "given": not drawn at all.
    """

    tokens: Int[Tensor, "batch pos"]
    n: int
    seed: int
    sampling: Sampling | Literal["given"] = "corrected"

    def __len__(self) -> int:
        return self.tokens.shape[0]

    def __str__(self) -> str:
        return f"{len(self)} repeated sequences, N = {self.n}, seed {self.seed}"

    @property
    def attrs(self) -> dict[str, str | int | float]:
        """What every result says about the sample it was measured on."""
        return {
            "n": self.n,
            "sequences": len(self),
            "seed": self.seed,
            "sampling": self.sampling,
        }

    def first(self, sequences: int) -> "RepeatedTokens":
        """The first few sequences, as a sample of their own.

        Raises:
            ValueError: If there are not that many.
        """
        check_whole(sequences=sequences)
        if not 1 <= sequences <= len(self):
            raise ValueError(f"Asked for {sequences} sequences of a sample of {len(self)}.")
        return RepeatedTokens(self.tokens[:sequences], self.n, self.seed, self.sampling)


def sample_repeated_tokens(
    model: Model,
    *,
    n: int = 50,
    sequences: int = 32,
    seed: int = 0,
    sampling: Sampling = "corrected",
) -> RepeatedTokens:
    """Draw random token sequences, each said twice after BOS.

    tokens[b] = [BOS, r_1 … r_N, r_1 … r_N]. Nothing but the context can tell what comes in the
    second half: whoever predicts it has looked the first half up.

    Args:
        model: Its vocabulary, BOS and context length are used.
        n: Length N of the repeated half, at least 2.
        sequences: How many sequences to draw.
        seed: Seed of a generator of its own; the global one is never touched.
        sampling: "corrected" draws without replacement and without special tokens, so that no
            token has two earlier occurrences; "blog" draws as the post does.

    Returns:
        The sample, tokens of shape `[sequences, 2N + 1]`.

    Raises:
        ValueError: If N does not fit the model's context or vocabulary, or sampling is unknown.
    """
    if sampling not in get_args(Sampling):
        raise ValueError(f'Unknown sampling {sampling!r}: choose "corrected" or "blog".')
    _check_length(model, n, sequences, seed)
    generator = torch.Generator().manual_seed(seed)
    if sampling == "blog":
        halves = torch.randint(model.d_vocab, (sequences, n), generator=generator)
    else:
        words = ordinary_tokens(model)
        if n > len(words):
            raise ValueError(
                f"n={n} different tokens are needed, but {model.name} has only {len(words)} "
                f"that are not special: choose n <= {len(words)}."
            )
        halves = torch.stack([shuffle_tokens(model, generator)[:n] for _ in range(sequences)])
    bos = torch.full((sequences, 1), bos_token(model))
    return RepeatedTokens(torch.cat([bos, halves, halves], dim=1), n, seed, sampling)


def sample_unrepeated_tokens(
    model: Model, *, n: int = 50, sequences: int = 32, seed: int = 0
) -> Int[Tensor, "batch pos"]:
    """Draw random token sequences of the same length in which the second half repeats nothing.

    tokens[b] = [BOS, r_1 … r_N, r'_1 … r'_N], where r and r' have no token in common: the
    control for `sample_repeated_tokens`. A head that looks a fixed number of places back does so
    here as well; one that looks for a repeat finds none.

    Args:
        model: Its vocabulary, BOS and context length are used.
        n: Length N of each half, at least 2.
        sequences: How many sequences to draw.
        seed: Seed of a generator of its own.

    Returns:
        Tokens, `[sequences, 2N + 1]`. No token comes twice, unless the vocabulary has fewer than
        2N that are not special: then r' is drawn with replacement from those that r leaves.

    Raises:
        ValueError: If N does not fit the model's context or leaves no token for r'.
    """
    _check_length(model, n, sequences, seed)
    words = ordinary_tokens(model)
    if n >= len(words):
        raise ValueError(
            f"{model.name} has {len(words)} tokens that are not special: n={n} leaves none that "
            f"would not repeat. Choose n < {len(words)}."
        )
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(sequences):
        order = shuffle_tokens(model, generator)
        first, left = order[:n], order[n:]
        if len(left) < n:
            left = left[torch.randint(len(left), (n,), generator=generator)]
        rows.append(torch.cat([torch.tensor([bos_token(model)]), first, left[:n]]))
    return torch.stack(rows)


def read_repeated(model: Model, source: Input) -> RepeatedTokens:
    """A sample of repeated tokens as it is, or made from a text or ids that are `[BOS, r, r]`.

    Args:
        model: The model that will read it.
        source: `RepeatedTokens`, or a text or token ids said twice.

    Raises:
        ValueError: If the input is not said twice, or cannot be read.
    """
    check_model(model)
    if isinstance(source, RepeatedTokens):
        return source
    tokens = read_tokens(model, source)
    n = tokens.shape[1] // 2
    if tokens.shape[1] != 2 * n + 1 or n < 2 or not tokens[:, 1 : n + 1].equal(tokens[:, n + 1 :]):
        raise ValueError(
            f"This measure reads [BOS, r, r], a sequence said twice; these {tokens.shape[1]} "
            "tokens are not. Take sample_repeated_tokens(model), or say your text twice; for any "
            "text there are log_probs(model, text) and get_attention(model, text, heads)."
        )
    return RepeatedTokens(tokens, n, seed=0, sampling="given")


def fitting_n(model: Model, n: int = 50) -> int:
    """The longest half that a model can read twice, at most n."""
    return min(n, (model.n_ctx - 1) // 2)


def _check_length(model: Model, n: int, sequences: int, seed: int) -> None:
    check_model(model)
    check_whole(n=n, sequences=sequences, seed=seed)
    if n < 2 or sequences < 1:
        raise ValueError(f"Need n >= 2 and sequences >= 1, got n={n}, sequences={sequences}.")
    if 2 * n + 1 > model.n_ctx:
        raise ValueError(
            f"n={n} gives {2 * n + 1} tokens, but {model.name} can read {model.n_ctx}: "
            f"choose n <= {fitting_n(model, n)}."
        )
