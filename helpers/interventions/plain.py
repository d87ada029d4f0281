"""Replacement by the book, one run of the whole model a cell: the measure of the fast way."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import batch_slices, predict, sequences_at_once
from helpers.interventions.patching import patched
from helpers.interventions.replacement import Replacement
from helpers.metrics import part_slice
from helpers.models import Model, Site
from helpers.progress import Track, silent


def replace_one_plainly(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    replacement: Replacement,
    *,
    layer: int,
    position: int,
    unit: int = 0,
) -> Float[Tensor, "batch target"]:
    """One cell of the grid: replace one output, run the whole model, read the second half.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        replacement: What to put there.
        layer: Layer l.
        position: Position p, from N + 1 to 2N.
        unit: Which head, for "z".

    Returns:
        Log-probability of each target t = N+1 … 2N with the replacement, in nats.
    """
    at = position - (n + 1)
    output = replacement.of_units(layer, slice(None))[:, unit, at : at + 1]
    positions = torch.full((len(tokens), 1), position)
    with patched(model, {Site(replacement.component, layer): (positions, output)}):
        return predict(model, tokens, targets=part_slice("second_blog", n)).log_prob


def replace_positions_plainly(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    replacement: Replacement,
    *,
    track: Track = silent,
) -> Float[Tensor, "batch layer unit position target"]:
    """Every cell of the grid, each with a run of its own; see `replace_positions`."""
    clean = predict(model, tokens, targets=part_slice("second_blog", n)).log_prob
    effect = torch.zeros(len(tokens), model.n_layers, replacement.units, n, n)
    cells = [
        (layer, unit, i)
        for layer in range(model.n_layers)
        for unit in range(replacement.units)
        for i in range(n)
    ]
    with track(len(cells), "one run a cell") as bar:
        for layer, unit, i in cells:
            effect[:, layer, unit, i] = clean - replace_one_plainly(
                model, tokens, n, replacement, layer=layer, position=n + 1 + i, unit=unit
            )
            bar.advance()
    return effect


def replace_second_half_plainly(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    replacement: Replacement,
    *,
    track: Track = silent,
) -> Float[Tensor, "batch layer unit target"]:
    """A layer's whole second half at once, a run of its own each; see `replace_second_half`."""
    targets = part_slice("second_blog", n)
    effect = torch.zeros(len(tokens), model.n_layers, replacement.units, n)
    size = sequences_at_once(model, tokens.shape[1])
    runs = [
        (rows, layer, unit)
        for rows in batch_slices(len(tokens), size)
        for layer in range(model.n_layers)
        for unit in range(replacement.units)
    ]
    clean = predict(model, tokens, targets=targets).log_prob
    with track(len(tokens) * model.n_layers * replacement.units, "one run a layer") as bar:
        for rows, layer, unit in runs:
            output = replacement.of_units(layer, rows, units=slice(unit, unit + 1))[:, 0]
            positions = torch.arange(n + 1, 2 * n + 1).expand(len(output), -1)
            with patched(model, {Site(replacement.component, layer): (positions, output)}):
                replaced = predict(model, tokens[rows], targets=targets).log_prob
            effect[rows, layer, unit] = clean[rows] - replaced
            bar.advance(len(output))
    return effect
