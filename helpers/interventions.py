"""Replacing activations and measuring what that does to the repeat; every change is undone."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import activations, batch_slices, predict
from helpers.metrics import part_slice
from helpers.models import Model, Site
from helpers.progress import Track, silent

Component = Literal["mlp_out", "attn_out"]
ROWS = 10
"""Replaced copies of one sequence that are run at once."""


@contextmanager
def patched(model: Model, values: Mapping[Site, tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Put given values at given positions while the context lasts.

    Args:
        model: The model.
        values: For each site the positions, `[batch, k]`, and what to put there,
            `[batch, k, ...]`: row b of the activation gets `value[b, j]` at `position[b, j]`.
    """

    def put(positions: Tensor, value: Tensor) -> Callable[[Tensor], Tensor]:
        def edit(activation: Tensor) -> Tensor:
            edited = activation.clone()
            batch = torch.arange(len(edited), device=edited.device)[:, None]
            edited[batch, positions.to(edited.device)] = value.to(edited)
            return edited

        return edit

    hooks = {site: put(positions, value) for site, (positions, value) in values.items()}
    with model.hooked(hooks):
        yield


def replace_by_first_half(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    *,
    component: Component = "mlp_out",
    track: Track = silent,
) -> Float[Tensor, "batch layer position target"]:
    """The post's grid: put one second-half output back to what it was one repeat earlier.

    For each layer l and second-half position p = N+1 … 2N: out_l[p] := out_l_clean[p - N];
    effect[b, l, p, t] = loss with the replacement - loss without, at target t = N+1 … 2N.
    In nats; positive means that the replacement hurt. A replacement can only move targets
    t > p: the rest is exactly 0. One forward pass for each cell.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        component: "mlp_out" (the post) or "attn_out".
        track: Shows how far the grid has come.

    Returns:
        Effects; entry i of position and target is position N + 1 + i.

    Source: the blog post this walkthrough re-does.
    """
    targets = part_slice("second_blog", n)
    clean = predict(model, tokens, targets=targets).log_prob
    layers = range(model.n_layers)
    outputs = activations(model, tokens, component, layers)
    effect = torch.zeros(len(tokens), model.n_layers, n, n)
    chunks = list(batch_slices(n, ROWS))
    cells = [(b, layer, chunk) for b in range(len(tokens)) for layer in layers for chunk in chunks]
    for b, layer, chunk in track(cells, total=len(cells), label=f"replacing {component}"):
        positions = torch.arange(n + 1, 2 * n + 1)[chunk, None]
        value = outputs[layer, b, positions - n]
        copies = tokens[b].expand(len(positions), -1)
        with patched(model, {Site(component, layer): (positions, value)}):
            replaced = predict(model, copies, targets=targets, batch_size=len(copies)).log_prob
        effect[b, layer, chunk] = clean[b] - replaced
    return effect


def replace_whole_second_half(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    *,
    component: Component = "mlp_out",
    track: Track = silent,
) -> Float[Tensor, "batch layer target"]:
    """Put all second-half outputs of one layer back to what they were one repeat earlier.

    For each layer l: out_l[p] := out_l_clean[p - N] for all p = N+1 … 2N at once;
    effect[b, l, t] = loss with the replacement - loss without, at target t = N+1 … 2N. In nats;
    positive means that the replacement hurt. Undiluted: every position is replaced, every
    target can move but the seam.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        component: "mlp_out" or "attn_out".
        track: Shows how far the layers and batches have come.

    Returns:
        Effects; entry i of target is position N + 1 + i.
    """
    targets = part_slice("second_blog", n)
    effect = torch.zeros(len(tokens), model.n_layers, n)
    layers = range(model.n_layers)
    batches = list(batch_slices(len(tokens), ROWS))
    runs = [(rows, layer) for rows in batches for layer in layers]
    clean = outputs = torch.empty(0)
    for rows, layer in track(runs, total=len(runs), label=f"replacing all {component}"):
        batch = tokens[rows]
        if layer == 0:
            clean = predict(model, batch, targets=targets, batch_size=ROWS).log_prob
            outputs = activations(model, batch, component, layers)[:, :, 1 : n + 1]
        positions = torch.arange(n + 1, 2 * n + 1).expand(len(batch), -1)
        with patched(model, {Site(component, layer): (positions, outputs[layer])}):
            replaced = predict(model, batch, targets=targets, batch_size=ROWS).log_prob
        effect[rows, layer] = clean - replaced
    return effect
