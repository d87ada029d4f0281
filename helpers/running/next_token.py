"""How well the next token is predicted, without ever writing out the logits."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from jaxtyping import Bool, Float, Int
from torch import Tensor

from helpers.arguments import check_whole
from helpers.inputs import Input, about, label_tokens, read_tokens
from helpers.models import Model, Site
from helpers.results import label_array, token_coord
from helpers.running.collect import batch_slices, collect

ROWS, BLOCK = 1024, 2048
"""Residuals that are unembedded at once, and tokens of the vocabulary at a time: 8 MB of logits."""


class Predictions(NamedTuple):
    """How well each target was predicted; entry i of the last dimension is the i-th target."""

    log_prob: Float[Tensor, "batch target"]
    top1: Bool[Tensor, "batch target"]


def predict_next(model: Model, source: Input, k: int = 5, *, position: int = -1) -> pd.DataFrame:
    """What the model says comes next: the k likeliest tokens.

    Args:
        model: The model.
        source: A text, token ids or a sample; of several sequences the first is taken.
        k: How many tokens.
        position: After which position of the input (BOS is 0); the last one if not given.

    Returns:
        A table of `token` and `probability`, the likeliest first. Its `attrs` name the model and
        the interventions that were active.

    Raises:
        ValueError: If the input cannot be read, or k or the position is out of range.
    """
    tokens = read_tokens(model, source)[:1]
    length = tokens.shape[1]
    check_whole(k=k, position=position)
    if not -length <= position < length:
        raise ValueError(f"The input has positions 0 to {length - 1}, not {position}.")
    if not 1 <= k <= model.d_vocab:
        raise ValueError(f"{model.name} has {model.d_vocab} tokens: choose k from 1 to that.")
    probability = model(tokens)[0, position].softmax(-1)
    best = probability.topk(k)
    table = pd.DataFrame(
        {
            "token": label_tokens(model, best.indices.cpu()),
            "probability": best.values.cpu().numpy(),
        }
    )
    table.attrs.update(about(model, source))
    return table


def log_probs(model: Model, source: Input) -> xr.DataArray:
    """Log-probability of each token of an input, given those before it.

    lp[b, t] = log p(token_t | tokens before t), t = 1, 2 …; in nats, at most 0.

    Args:
        model: The model.
        source: A text, token ids or a sample.

    Returns:
        Array over `sequence` and `position`, with the tokens of the first sequence beside it.

    Raises:
        ValueError: If the input cannot be read.
    """
    tokens = read_tokens(model, source)
    return label_array(
        predict(model, tokens).log_prob,
        ("sequence", "position"),
        coords={
            "position": np.arange(1, tokens.shape[1]),
            **token_coord("position", label_tokens(model, tokens[0, 1:])),
        },
        long_name="log-probability of the target token",
        units="nats",
        **about(model, source),
    )


def predict(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    *,
    targets: slice = slice(None),
    batch_size: int | None = None,
    label: str = "",
) -> Predictions:
    """Log-probability and first choice for each next token.

    Only the positions that predict a wanted target are unembedded, a block of the vocabulary at
    a time, so that the logits of a large vocabulary never fill the memory.

    Args:
        model: The model.
        tokens: Token ids.
        targets: Which targets to predict; entry i of the target dimension is position i + 1.
        batch_size: Sequences that are run at once; as many as suit the cache if not given.
        label: What the run is for, in a few words, if it shall show a bar.

    Returns:
        Log-probabilities in nats and hits, `[batch, target]`.
    """
    wanted = range(tokens.shape[1] - 1)[targets]
    last = Site("resid_post", model.n_layers - 1)

    def unembed(residual: Tensor, rows: slice) -> Tensor:
        ids = tokens[rows, wanted.start + 1 : wanted.stop + 1]
        flat = residual[:, wanted.start : wanted.stop].flatten(0, 1)
        log_prob, top1 = predict_from(model, flat, ids.flatten())
        return torch.stack([log_prob, top1.float()], dim=-1).view(*ids.shape, 2)

    found = collect(model, tokens, {last: unembed}, batch_size=batch_size, label=label)[last]
    return Predictions(found[..., 0], found[..., 1].bool())


def predict_from(
    model: Model, residual: Float[Tensor, "row d_model"], ids: Int[Tensor, " row"]
) -> tuple[Float[Tensor, " row"], Bool[Tensor, " row"]]:
    """Log-probability of one token for each residual stream, and whether it was the first choice.

    log p = logit of the token - log-sum-exp over the vocabulary, taken block by block: the
    logits are used while they lie in the cache and never written out. A tie for the first
    choice is a miss.

    Args:
        model: The model.
        residual: Residual stream after the last block, at the position that predicts.
        ids: The target token of each.

    Returns:
        Log-probabilities in nats and hits, on the CPU.
    """
    model.need("unembedding")
    gpu = model.device.type == "cuda"
    rows, block = (8 * ROWS, model.d_vocab) if gpu else (ROWS, BLOCK)
    parts = []
    for part in batch_slices(len(residual), rows):
        wanted = ids[part].to(residual.device)
        total = best = right = residual.new_full((len(wanted),), -torch.inf)
        for start, logits in _logits_in_blocks(model, residual[part], block):
            total = torch.logaddexp(total, logits.logsumexp(-1))
            (inside,) = torch.where((wanted >= start) & (wanted < start + logits.shape[1]))
            column = wanted[inside] - start
            right = right.index_put((inside,), logits[inside, column])
            logits[inside, column] = -torch.inf  # what is left are the others
            best = torch.maximum(best, logits.amax(-1))
        parts.append(((right - total).cpu(), (right > best).cpu()))
    log_prob, top1 = zip(*parts, strict=True)
    return torch.cat(log_prob), torch.cat(top1)


def _logits_in_blocks(
    model: Model, residual: Float[Tensor, "row d_model"], block: int
) -> Iterator[tuple[int, Float[Tensor, "row block"]]]:
    """Logits, `block` tokens of the vocabulary at a time, each with the id of its first token.

    They lie in a buffer that the next block overwrites: use them up, keep nothing.
    """
    read = model.bridge.ln_final(residual[None])[0]
    W_U, b_U = model.W_U.mT, model.bridge.b_U
    buffer = read.new_empty(len(read) * min(block, model.d_vocab))
    for start in range(0, model.d_vocab, block):
        weight = W_U[start : start + block]
        logits = buffer[: len(read) * len(weight)].view(len(read), len(weight))
        torch.addmm(b_U[start : start + block], read, weight.mT, out=logits)
        yield start, model.finish(logits)
