"""The whole grid of replacements at the price of a few runs: only what a replacement can change."""

import warnings
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import batch_slices
from helpers.interventions.plain import (
    replace_one_plainly,
    replace_positions_plainly,
    replace_second_half_plainly,
)
from helpers.interventions.replacement import Component, Replacement
from helpers.interventions.variants import Variants, work_at, work_before
from helpers.models import Model, NotReplayableError, record
from helpers.progress import Amount, Track, silent

_TOGETHER = 800
"""Positions in an average batch, over all its rows, from which on products run at full rate."""

TOLERANCE = 1e-3
"""Largest difference to the plain way, in nats, that rounding can explain."""


def replace_positions(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    replacement: Replacement,
    *,
    track: Track = silent,
) -> Float[Tensor, "batch layer unit position target"]:
    """Replace one output at a time: every layer, every position of the second half.

    effect[b, l, u, p, t] = loss at target t with out_l[p] replaced - loss without, for p and
    t = N+1 … 2N, in nats; positive means that the replacement hurt. A replacement can only move
    targets t > p: the rest is exactly 0.

    Nothing below the layer and nothing before the position is run again. For each position the
    network is gone through once, with a batch that grows at each layer by the rows replaced
    there; what stands before the position are the clean run's keys and values. One cell of the
    first layer is compared with a run of the whole model. If it differs, or if the model cannot be
    replayed, everything is done that plain way, and a warning says so.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        replacement: What to put there, from `make_replacement`.
        track: Shows how far the grid has come.

    Returns:
        Effects; entry i of position and target is position N + 1 + i. A unit is a head for "z",
        else there is one.
    """
    effect = torch.zeros(len(tokens), model.n_layers, replacement.units, n, n)
    parts = list(_parts(model, len(tokens), n, replacement.units))
    work = positions_work(model, len(tokens), n, replacement.component)
    with track(work, f"replacing {replacement.component}") as bar:
        grid = _checked(model, tokens, n, replacement, *parts[0])
        if grid is None:
            return replace_positions_plainly(model, tokens, n, replacement, track=bar.part(work))
        for rows, units in parts:
            if (grid.rows, grid.units) != (rows, units):
                grid = Variants(record(model, tokens[rows]), n, replacement, rows, units)
            bar.advance(_work_before(model, n, rows, units))
            for groups in _balanced(model, n, rows, units):
                for i, new in grid.replace_at(groups, bar).items():
                    effect[rows, :, units, i, i + 1 :] = grid.clean[:, None, None, i + 1 :] - new
    return effect


def replace_second_half(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    replacement: Replacement,
    *,
    track: Track = silent,
) -> Float[Tensor, "batch layer unit target"]:
    """Replace all second-half outputs of a layer at once: the undiluted reading.

    effect[b, l, u, t] = loss at target t with out_l[p] replaced for all p = N+1 … 2N - loss
    without, for t = N+1 … 2N. In nats; positive means that the replacement hurt. Every target
    can move but the seam. Replayed and checked like `replace_positions`.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        replacement: What to put there, from `make_replacement`.
        track: Shows how far it has come.

    Returns:
        Effects; entry i of target is position N + 1 + i. A unit is a head for "z", else one.
    """
    effect = torch.zeros(len(tokens), model.n_layers, replacement.units, n)
    parts = list(_parts(model, len(tokens), n, replacement.units))
    work = second_half_work(model, len(tokens), n, replacement.component)
    with track(work, f"replacing all {replacement.component}") as bar:
        grid = _checked(model, tokens, n, replacement, *parts[0])
        if grid is None:
            return replace_second_half_plainly(model, tokens, n, replacement, track=bar.part(work))
        for rows, units in parts:
            if (grid.rows, grid.units) != (rows, units):
                grid = Variants(record(model, tokens[rows]), n, replacement, rows, units)
            bar.advance(_work_before(model, n, rows, units))
            effect[rows, :, units, 1:] = grid.clean[:, None, None, 1:] - grid.replace_all(bar)
    return effect


def positions_work(model: Model, sequences: int, n: int, component: Component) -> Amount:
    """What `replace_positions` does, in positions that enter a block: for a bar's total.

    Args:
        model: The model.
        sequences: How many sequences.
        n: Length N of the repeated half.
        component: What is replaced.
    """
    return sum(
        _work_before(model, n, rows, units)
        + sum(
            work_at(model, n, _variants(rows, units), group)
            for groups in _balanced(model, n, rows, units)
            for group in groups
        )
        for rows, units in _parts(model, sequences, n, _units(model, component))
    )


def second_half_work(model: Model, sequences: int, n: int, component: Component) -> Amount:
    """What `replace_second_half` does, in positions that enter a block: for a bar's total.

    Args:
        model: The model.
        sequences: How many sequences.
        n: Length N of the repeated half.
        component: What is replaced.
    """
    return sum(
        _work_before(model, n, rows, units) + work_at(model, n, _variants(rows, units), range(1))
        for rows, units in _parts(model, sequences, n, _units(model, component))
    )


def _balanced(model: Model, n: int, rows: slice, units: slice) -> Iterator[list[range]]:
    """Places 0 … N-2 in pairs of an early and a late group: every pair has as much to run.

    Place N-1 is the last position: nothing comes after it that could change.
    """
    together = _TOGETHER // max(1, _variants(rows, units) * model.n_layers * n // 4)
    size = max(1, min(together, n // 10))
    groups = [range(i, min(i + size, n - 1)) for i in range(0, n - 1, size)]
    while groups:
        yield [groups.pop(0), groups.pop()] if len(groups) > 1 else [groups.pop()]


def _parts(model: Model, sequences: int, n: int, units: int) -> Iterator[tuple[slice, slice]]:
    """Cut sequences and units so that the grown batch still suits the cache."""
    room = max(1, model.tokens_at_once // (model.n_layers * n // 2))
    for rows in batch_slices(sequences, max(1, room // units)):
        for some in batch_slices(units, room):
            yield rows, some


def _units(model: Model, component: Component) -> int:
    return model.n_heads if component == "z" else 1


def _variants(rows: slice, units: slice) -> int:
    return (rows.stop - rows.start) * (units.stop - units.start)


def _work_before(model: Model, n: int, rows: slice, units: slice) -> Amount:
    return work_before(model, n, rows.stop - rows.start, _variants(rows, units))


def _checked(
    model: Model, tokens: Tensor, n: int, replacement: Replacement, rows: slice, units: slice
) -> Variants | None:
    """The first part of the grid, if one of its cells is what a run of the whole model gives."""
    i = max(0, n - 5)
    try:
        grid = Variants(record(model, tokens[rows]), n, replacement, rows, units)
        cell = range(i, i + 1)
        with silent(work_at(model, n, _variants(rows, units), cell), "checking") as bar:
            fast = grid.replace_at([cell], bar)[i][0, 0, 0]
    except NotReplayableError as error:
        _say_plain(model, str(error))
        return None
    first = replacement.of_sequences(slice(0, 1))
    plain = replace_one_plainly(model, tokens[:1], n, first, layer=0, position=n + 1 + i)
    difference = float((fast - plain[0, i + 1 :]).abs().max())
    if difference <= TOLERANCE:
        return grid
    _say_plain(model, f"a replayed cell differs by {difference:.2g} nats from a whole run.")
    return None


def _say_plain(model: Model, reason: str) -> None:
    warnings.warn(
        f"{model.name} is run once for each cell, which takes long: {reason}", stacklevel=4
    )
