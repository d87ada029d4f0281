"""The whole grid of replacements at the price of a few runs: only what a replacement can change.

Why the trick is right: see `helpers.models.replay` (nothing below the layer and nothing before the
position can change) and `helpers.interventions.fast.sweep` (all layers go up in one pass). What is
left of the N x L runs of the whole model is, for each position, one pass over the positions after
it, with a batch that grows at each layer. The numbers are those of `replace_one`, cell by cell.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.interventions.ablate import patch
from helpers.interventions.fast.sweep import Component, Variants
from helpers.interventions.values import AblationValues
from helpers.metrics import part_slice
from helpers.models import Model, Part, Site, can_replay, record
from helpers.progress import progress
from helpers.running import batch_slices, predict

_TOGETHER = 800
"""Positions in an average batch, over all its rows, from which on products run at full rate."""


def replace_one(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    value: Float[Tensor, "rows some *rest"],
    *,
    part: Part,
    positions: slice,
) -> Float[Tensor, "batch target"]:
    """One cell of the grid: put a value in one place, run the whole model, read the second half.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        value: What to put there.
        part: Whose output: a head's, or all that a layer's MLP or attention writes.
        positions: At which positions, from N + 1 to 2N.

    Returns:
        Log-probability of each target t = N+1 … 2N with the replacement, in nats.
    """
    with patch(model, part, value, positions=positions):
        return predict(model, tokens, targets=part_slice("second_blog", n)).log_prob


def replace_positions(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    values: AblationValues,
    component: Component,
    *,
    label: str = "",
) -> Float[Tensor, "batch layer unit position target"]:
    """Replace one output at a time: every layer, every position of the second half.

    effect[b, l, u, p, t] = loss at target t with out_l[p] replaced - loss without, for p and
    t = N+1 … 2N, in nats; positive means that the replacement hurt. A replacement can only move
    targets t > p: the rest is exactly 0.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        values: What to put there.
        component: "mlp_out", "attn_out" or "z" (single heads).
        label: What it is for, in a few words, if it shall show a bar.

    Returns:
        Effects; entry i of position and target is position N + 1 + i. A unit is a head for "z",
        else there is one.
    """
    if not can_replay(model, 2 * n + 1):
        places = [slice(n + 1 + i, n + 2 + i) for i in range(n)]
        return _one_by_one(model, tokens, n, values, component, places, label)
    units = _units(model, component)
    effect = torch.zeros(len(tokens), model.n_layers, units, n, n, dtype=torch.float32)
    for rows, some in progress(list(_lots(model, len(tokens), n, units)), label):
        grid = Variants(record(model, tokens[rows]), n, values, component, rows, some)
        for groups in _balanced(model, n, rows, some):
            for i, new in grid.replace_at(groups).items():
                old = grid.clean[:, None, None, i + 1 :]
                effect[rows, :, some.start : some.stop, i, i + 1 :] = old - new
    return effect


def replace_second_half(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    values: AblationValues,
    component: Component,
    *,
    label: str = "",
) -> Float[Tensor, "batch layer unit target"]:
    """Replace all second-half outputs of a layer at once: the undiluted reading.

    effect[b, l, u, t] = loss at target t with out_l[p] replaced for all p = N+1 … 2N - loss
    without, for t = N+1 … 2N. In nats; positive means that the replacement hurt. Every target
    can move but the boundary.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        values: What to put there.
        component: "mlp_out", "attn_out" or "z" (single heads).
        label: What it is for, in a few words, if it shall show a bar.

    Returns:
        Effects; entry i of target is position N + 1 + i. A unit is a head for "z", else one.
    """
    (effect,) = replace_second_halves(model, tokens, n, [(component, values)], label=label)
    return effect


def replace_second_halves(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    ways: Sequence[tuple[Component, AblationValues]],
    *,
    label: str = "",
) -> list[Float[Tensor, "batch layer unit target"]]:
    """`replace_second_half` for several components and ways of replacing, from one clean run.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        ways: What is replaced, and what to put there.
        label: What it is for, in a few words, if it shall show a bar.
    """
    if not can_replay(model, 2 * n + 1):
        whole = [slice(n + 1, None)]
        return [
            _one_by_one(model, tokens, n, values, component, whole, label)[..., 0, :]
            for component, values in ways
        ]
    effects = [
        torch.zeros(len(tokens), model.n_layers, _units(model, component), n, dtype=torch.float32)
        for component, _ in ways
    ]
    units = max(effect.shape[2] for effect in effects)
    for rows, some in progress(list(_lots(model, len(tokens), n, units)), label):
        run = record(model, tokens[rows])
        for effect, (component, values) in zip(effects, ways, strict=True):
            here = range(some.start, min(some.stop, effect.shape[2]))
            if not here:
                continue
            grid = Variants(run, n, values, component, rows, here)
            new = grid.replace_all()
            effect[rows, :, here.start : here.stop, 1:] = grid.clean[:, None, None, 1:] - new
    return effects


def _one_by_one(
    model: Model,
    tokens: Tensor,
    n: int,
    values: AblationValues,
    component: Component,
    places: Sequence[slice],
    label: str,
) -> Float[Tensor, "batch layer unit place target"]:
    """By the book: a run of the whole model for every layer, unit and place."""
    clean = predict(model, tokens, targets=part_slice("second_blog", n)).log_prob
    units = range(_units(model, component))
    effect = torch.zeros(
        len(tokens), model.n_layers, len(units), len(places), n, dtype=torch.float32
    )
    cells = list(product(range(model.n_layers), units, enumerate(places)))
    for layer, unit, (i, positions) in progress(cells, label):
        part: Part = Site(component, layer)
        value = values.at(part, slice(None), positions)
        if component == "z":
            part, value = Head(layer, unit), value[:, :, unit]
        replaced = replace_one(model, tokens, n, value, part=part, positions=positions)
        effect[:, layer, unit, i] = clean - replaced
    return effect


def _balanced(model: Model, n: int, rows: slice, units: range) -> Iterator[list[range]]:
    """Places 0 … N-2 in pairs of an early and a late group: every pair has as much to run.

    Place N-1 is the last position: nothing comes after it that could change.
    """
    variants = (rows.stop - rows.start) * len(units)
    together = _TOGETHER // max(1, variants * model.n_layers * n // 4)
    size = max(1, min(together, n // 10))
    groups = [range(i, min(i + size, n - 1)) for i in range(0, n - 1, size)]
    while groups:
        yield [groups.pop(0), groups.pop()] if len(groups) > 1 else [groups.pop()]


def _lots(model: Model, sequences: int, n: int, units: int) -> Iterator[tuple[slice, range]]:
    """Cut sequences and units so that the grown batch still suits the cache."""
    room = max(1, model.tokens_at_once // (model.n_layers * n // 2))
    for rows in batch_slices(sequences, max(1, room // units)):
        for some in batch_slices(units, room):
            yield rows, range(some.start, some.stop)


def _units(model: Model, component: Component) -> int:
    return model.n_heads if component == "z" else 1
