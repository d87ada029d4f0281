"""How well the next token is predicted, without ever writing out the logits."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from helpers.forward.observing import batch_slices, observe
from helpers.models import Model, Site
from helpers.progress import Track, silent

ROWS, BLOCK = 1024, 2048
"""Residuals that are unembedded at once, and tokens of the vocabulary at a time: 8 MB of logits."""


class Predictions(NamedTuple):
    """How well each target was predicted; entry i of the last dimension is the i-th target."""

    log_prob: Float[Tensor, "batch target"]
    top1: Bool[Tensor, "batch target"]


def predict(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    *,
    targets: slice = slice(None),
    batch_size: int | None = None,
    track: Track = silent,
) -> Predictions:
    """Log-probability and first choice for each next token.

    Only the positions that predict a wanted target are unembedded, a block of the vocabulary at
    a time, so that the logits of a large vocabulary never fill the memory.

    Args:
        model: The model.
        tokens: Token ids.
        targets: Which targets to predict; entry i of the target dimension is position i + 1.
        batch_size: Sequences that are run at once; as many as suit the cache if not given.
        track: Shows how far the run has come.

    Returns:
        Log-probabilities in nats and hits, `[batch, target]`.
    """
    wanted = range(tokens.shape[1] - 1)[targets]
    parts: list[Predictions] = []

    def unembed(rows: slice, residual: Tensor) -> None:
        ids = tokens[rows, wanted.start + 1 : wanted.stop + 1]
        flat = residual[:, wanted.start : wanted.stop].flatten(0, 1)
        found = predict_from(model, flat, ids.flatten())
        parts.append(Predictions(*(entry.view(ids.shape) for entry in found)))

    observe(
        model,
        tokens,
        {Site("resid_post", model.n_layers - 1): unembed},
        batch_size=batch_size,
        after=model.unembedding * len(wanted) / tokens.shape[1],
        track=track,
        label="predicting",
    )
    return Predictions(*(torch.cat(column) for column in zip(*parts, strict=True)))


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
        ids: The token that came, for each.

    Returns:
        Log-probabilities in nats and hits, on the CPU.
    """
    gpu = model.device.type == "cuda"
    rows, block = (8 * ROWS, model.d_vocab) if gpu else (ROWS, BLOCK)
    parts = []
    for part in batch_slices(len(residual), rows):
        wanted = ids[part].to(residual.device)
        total = best = right = torch.full((len(wanted),), -torch.inf, device=residual.device)
        for start, logits in model.logits_in_blocks(residual[part], block=block):
            total = torch.logaddexp(total, logits.logsumexp(-1))
            (inside,) = torch.where((wanted >= start) & (wanted < start + logits.shape[1]))
            column = wanted[inside] - start
            right = right.index_put((inside,), logits[inside, column])
            logits[inside, column] = -torch.inf  # what is left are the others
            best = torch.maximum(best, logits.amax(-1))
        parts.append(((right - total).cpu(), (right > best).cpu()))
    log_prob, top1 = zip(*parts, strict=True)
    return torch.cat(log_prob), torch.cat(top1)
