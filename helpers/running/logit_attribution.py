"""Direct logit attribution: each head's own addition to the logit of the target token."""

from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from helpers.inputs import Input, read_tokens
from helpers.models import Model, Site
from helpers.progress import progress
from helpers.running.collect import batch_slices, collect, sequences_at_once


class DirectLogits(NamedTuple):
    """Direct parts of the logit of each target token, over the mean logit of all tokens.

    Args:
        heads: What each head adds.
        total: The whole: what all heads, MLPs, embeddings and biases add.
    """

    heads: Float[Tensor, "batch layer head target"]
    total: Float[Tensor, "batch target"]


def direct_logits(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    *,
    targets: slice = slice(None),
    label: str = "",
) -> DirectLogits:
    """Direct logit attribution of every head to the target token.

    part[b, l, h, t] = z[b, t - 1, l, h] W_O^{l,h} · (W_U[:, token_t] - mean over v of W_U[:, v]),
    divided by the scale of the final norm at t - 1. In logits (nats up to the log-sum-exp): how
    much the head, by itself, raises the target token above the average token. What later layers
    make of its output is not counted. Where a family scales or caps its logits, they are those
    before.

    Args:
        model: The model.
        tokens: Sequences of one length.
        targets: Which targets; entry i of the target dimension is position i + 1.
        label: What it is for, in a few words, if it shall show a bar.

    Returns:
        The parts, and the whole logit they are parts of.

    Raises:
        UnsupportedModelError: If heads do not add to logits in that way; see `Model.need`.

    Source: Elhage et al. 2021; nostalgebraist 2020 (logit lens).
    """
    model.need("direct", "heads", "parts")
    wanted = range(tokens.shape[1] - 1)[targets]
    before = slice(wanted.start, wanted.stop)  # the positions that predict the targets
    sites = [Site("z", layer) for layer in range(model.n_layers)]
    last = Site("resid_post", model.n_layers - 1)
    bias = model.bridge.b_U
    parts = []
    # A quarter of the usual batch: the outputs of every layer are held beside each other.
    size = max(1, sequences_at_once(model, tokens.shape[1]) // 4)
    for rows in progress(list(batch_slices(len(tokens), size)), label):
        some = tokens[rows]
        reduce = {site: lambda value, _: value[:, before].clone() for site in [*sites, last]}
        with model.from_row(rows.start):
            seen = collect(model, some, reduce)
        ids = some[:, wanted.start + 1 : wanted.stop + 1].to(model.device)
        towards = logit_direction(model, seen[last], ids)
        heads = [
            einsum(seen[site], W_O, towards, "b t h d, h d m, b t m -> b h t").cpu()
            for site, W_O in zip(sites, model.stacked("W_O"), strict=True)
        ]
        total = (seen[last] * towards).sum(-1) + bias[ids] - bias.mean()
        parts.append(DirectLogits(torch.stack(heads, dim=1), total.cpu()))
    return DirectLogits(*(torch.cat(column) for column in zip(*parts, strict=True)))


def target_directions(model: Model, source: Input) -> Float[Tensor, "batch target d_model"]:
    """Along which direction the residual stream raises each target; see `logit_direction`.

    Args:
        model: The model.
        source: A text, token ids or a sample.

    Returns:
        Entry i of the target dimension is position i + 1, read from the stream at position i.

    Raises:
        ValueError: If the input cannot be read.
    """
    tokens, last = read_tokens(model, source), Site("resid_post", model.n_layers - 1)
    residual = collect(model, tokens, {last: lambda value, _: value.clone()})[last]
    return logit_direction(model, residual[:, :-1], tokens[:, 1:].to(model.device))


def logit_direction(
    model: Model, residual: Float[Tensor, "*batch d_model"], ids: Int[Tensor, "*batch"]
) -> Float[Tensor, "*batch d_model"]:
    """Along which direction the residual stream raises one token above the average token.

    direction[b] = (W_U[:, ids_b] - mean over v of W_U[:, v]) / scale_b, centred like the
    final norm's input, where scale is what the final norm divides this residual by. Then
    residual · direction + b_U[ids] - mean b_U = logit of the token - mean logit, and what a
    part of the residual adds to that is its own product with the direction.

    Args:
        model: The model.
        residual: Residual stream after the last block.
        ids: One token for each.
    """
    model.need("direct")
    towards = model.W_U.mT[ids] - model.W_U.mean(1)
    if model.centres_at_last:
        towards = towards - towards.mean(-1, keepdim=True)
    return towards / model.last_scale(residual)
