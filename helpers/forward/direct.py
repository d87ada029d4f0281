"""What each head says directly: its own addition to the logit of the token that comes."""

from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward.observing import Observer, batch_slices, observe, sequences_at_once
from helpers.models import Model, Site
from helpers.progress import Bar, Track, silent


class DirectLogits(NamedTuple):
    """Direct parts of the logit of each token that came, over the mean logit of all tokens.

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
    track: Track = silent,
) -> DirectLogits:
    """Direct logit attribution of every head to the token that came.

    part[b, l, h, t] = z[b, t - 1, l, h] W_O^{l,h} · (W_U[:, token_t] - mean over v of W_U[:, v]),
    divided by the scale of the final norm at t - 1. In logits (nats up to the log-sum-exp): how
    much the head, by itself, raises the right token above the average token. What later layers
    make of its output is not counted.

    Args:
        model: The model.
        tokens: Sequences of one length.
        targets: Which targets; entry i of the target dimension is position i + 1.
        track: Shows how far the run has come.

    Returns:
        The parts, and the whole logit they are parts of.

    Source: Elhage et al. 2021; nostalgebraist 2020 (logit lens).
    """
    wanted = range(tokens.shape[1] - 1)[targets]
    batches = batch_slices(len(tokens), sequences_at_once(model, tokens.shape[1]))
    with track(5 * len(tokens), "attributing logits to heads") as bar:
        parts = [_attribute(model, tokens[rows], wanted, bar) for rows in batches]
    return DirectLogits(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _attribute(
    model: Model, tokens: Int[Tensor, "batch pos"], wanted: range, bar: Bar
) -> DirectLogits:
    """One batch: four fifths of the time go into the run, the rest into the parts."""
    some = len(tokens)
    gathered: dict[int, Tensor] = {}
    final: list[Tensor] = []

    def keep(layer: int) -> Observer:
        def call(_rows: slice, z: Tensor) -> None:
            gathered[layer] = z[:, wanted.start : wanted.stop].clone()

        return call

    def end(_rows: slice, residual: Tensor) -> None:
        final.append(residual[:, wanted.start : wanted.stop].clone())

    last = Site("resid_post", model.n_layers - 1)
    sites = {Site("z", layer): keep(layer) for layer in range(model.n_layers)}
    observe(model, tokens, {**sites, last: end}, batch_size=some, track=bar.part(4 * some))
    came = tokens[:, wanted.start + 1 : wanted.stop + 1].to(model.device)
    towards = model.logit_direction(final[0], came)
    heads = []
    for z, W_O in zip(gathered.values(), model.stacked("W_O"), strict=True):
        heads.append(einsum(z, W_O, towards, "b t h d, h d m, b t m -> b h t").cpu())
        bar.advance(some / model.n_layers)
    bias = model.bridge.b_U
    total = (final[0] * towards).sum(-1) + bias[came] - bias.mean()
    return DirectLogits(torch.stack(heads, dim=1), total.cpu())
