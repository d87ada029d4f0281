"""Running without some heads or layers: the loss that is left, and the attention."""

import warnings
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import (
    attention_patterns,
    batch_slices,
    predict,
    predict_from,
    sequences_at_once,
)
from helpers.heads import Head
from helpers.interventions.stand_ins import (
    Edits,
    Part,
    Removal,
    Removals,
    first_layer,
    stand_ins_work,
)
from helpers.models import CleanRun, Model, NotReplayableError, record
from helpers.progress import Amount, Track, silent

TOLERANCE = 1e-3
"""Largest difference to a run of the whole model, in nats, that rounding can explain."""


def predict_without(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    groups: Sequence[Sequence[Part]],
    *,
    method: Removal = "mean",
    targets: slice = slice(None),
    seed: int = 0,
    first: int | None = None,
    track: Track = silent,
) -> Float[Tensor, "group sequence target"]:
    """Log-probability of each next token with a group of parts removed, for each group.

    An empty group removes nothing: the clean run. Layers below a group's first are not run
    again. The first group is also run through the whole model, for one sequence; if that
    differs, or the model cannot be replayed, every group is, and a warning says so.

    Args:
        model: The model.
        tokens: Sequences of one length, BOS first.
        groups: What is removed together, at every position but BOS; see `Part`.
        method: What is put there: "zero", "mean" or "resample"; see `Removals`.
        targets: Which targets to predict; entry i of the target dimension is position i + 1.
        seed: Seed of "resample".
        first: Run only the first so many sequences; what stands in is still taken from all.
        track: Shows how far it has come.

    Returns:
        Log-probabilities in nats.

    Raises:
        ValueError: If the method is unknown, there is only one sequence to take from, or a head
            or layer does not exist.
    """
    measured, pos = tokens[:first], tokens.shape[1]
    wanted = range(pos - 1)[targets]
    result = torch.zeros(len(groups), len(measured), len(wanted))
    work = work_without(model, tokens, groups, method=method, targets=targets, first=first)
    run: CleanRun | None = None
    with track(work, f"removing ({method})") as bar:
        before = bar.part(stand_ins_work(model, tokens, groups, method))
        removals = Removals(model, tokens, groups, method=method, seed=seed, track=before)
        replayed = _replayable(model, measured, groups, removals, targets)
        for rows in batch_slices(len(measured), sequences_at_once(model, pos)):
            some = measured[rows]
            if replayed:
                run = record(model, some, track=bar.part(some.numel() * model.n_layers))
            else:
                bar.advance(some.numel() * model.n_layers)
            for place, group in enumerate(groups):
                edits = removals.edits(group, rows)
                part = bar.part(len(some) * _work_of(model, group, pos, wanted))
                if run is None:
                    result[place, rows] = _whole(model, some, edits, targets, track=part)
                else:
                    result[place, rows] = _replayed(run, edits, wanted, track=part)
    return result


def work_without(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    groups: Sequence[Sequence[Part]],
    *,
    method: Removal = "mean",
    targets: slice = slice(None),
    first: int | None = None,
) -> Amount:
    """What `predict_without` does, in positions that enter a block: for a bar's total.

    Args:
        model: The model.
        tokens: As for `predict_without`.
        groups: As for `predict_without`.
        method: As for `predict_without`.
        targets: As for `predict_without`.
        first: As for `predict_without`.
    """
    measured, pos = tokens[:first], tokens.shape[1]
    wanted = range(pos - 1)[targets]
    of_groups = sum(_work_of(model, group, pos, wanted) for group in groups)
    clean = measured.numel() * model.n_layers
    return stand_ins_work(model, tokens, groups, method) + clean + len(measured) * of_groups


def reduce_without(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    groups: Sequence[Sequence[Part]],
    heads: Sequence[Head],
    reduce: Callable[[Float[Tensor, "batch query key"]], Float[Tensor, " batch"]],
    *,
    method: Removal = "mean",
    seed: int = 0,
    first: int | None = None,
    track: Track = silent,
) -> Float[Tensor, "group head sequence"]:
    """A number of some heads' attention patterns with a group of parts removed, for each group.

    Args:
        model: The model.
        tokens: Sequences of one length, BOS first.
        groups: What is removed together; an empty group removes nothing.
        heads: Whose patterns.
        reduce: From patterns `[batch, query, key]` to numbers.
        method: As for `predict_without`.
        seed: Seed of "resample".
        first: Run only the first so many sequences; what stands in is still taken from all.
        track: Shows how far it has come.

    Raises:
        ValueError: As for `predict_without`.
    """
    measured = tokens[:first]
    result = torch.zeros(len(groups), len(heads), len(measured))
    work = attention_work_without(model, tokens, groups, heads, method=method, first=first)
    with track(work, f"removing ({method})") as bar:
        before = bar.part(stand_ins_work(model, tokens, groups, method))
        removals = Removals(model, tokens, groups, method=method, seed=seed, track=before)
        for rows in batch_slices(len(measured), sequences_at_once(model, tokens.shape[1])):
            some = measured[rows]
            for place, group in enumerate(groups):
                part = bar.part(some.numel() * _depth(heads))
                with model.hooked(removals.edits(group, rows)):
                    patterns = attention_patterns(model, some, heads, track=part)
                result[place, :, rows] = torch.stack([reduce(pattern) for pattern in patterns])
    return result


def attention_work_without(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    groups: Sequence[Sequence[Part]],
    heads: Sequence[Head],
    *,
    method: Removal = "mean",
    first: int | None = None,
) -> int:
    """What `reduce_without` does, in positions that enter a block: for a bar's total.

    Args:
        model: The model.
        tokens: As for `reduce_without`.
        groups: As for `reduce_without`.
        heads: As for `reduce_without`.
        method: As for `reduce_without`.
        first: As for `reduce_without`.
    """
    runs = tokens[:first].numel() * len(groups) * _depth(heads)
    return stand_ins_work(model, tokens, groups, method) + runs


def _depth(heads: Sequence[Head]) -> int:
    """Blocks that a run enters to show the patterns of some heads."""
    return max(head.layer for head in heads) + 1


def _work_of(model: Model, group: Sequence[Part], pos: int, wanted: range) -> float:
    """One sequence without a group, from the first layer that it changes on."""
    changed = model.n_layers - first_layer(model, group)
    return changed * pos + model.n_layers * model.unembedding * len(wanted)


def _replayable(
    model: Model,
    tokens: Tensor,
    groups: Sequence[Sequence[Part]],
    removals: Removals,
    targets: slice,
) -> bool:
    rows = slice(0, 1)
    edits = removals.edits(groups[0], rows) if groups else {}
    try:
        fast = _replayed(record(model, tokens[rows]), edits, range(tokens.shape[1] - 1)[targets])
    except NotReplayableError as error:
        reason = str(error)
    else:
        difference = float((fast - _whole(model, tokens[rows], edits, targets)).abs().max())
        if difference <= TOLERANCE:
            return True
        reason = f"a replayed run differs by {difference:.2g} nats from a whole one."
    warnings.warn(
        f"{model.name} is run whole for each group, which takes longer: {reason}", stacklevel=3
    )
    return False


def _whole(
    model: Model, tokens: Tensor, edits: Edits, targets: slice, *, track: Track = silent
) -> Tensor:
    with model.hooked(edits):
        return predict(model, tokens, targets=targets, track=track).log_prob


def _replayed(run: CleanRun, edits: Edits, wanted: range, *, track: Track = silent) -> Tensor:
    model = run.model
    first = min((site.layer for site in edits), default=model.n_layers)
    residual = run.residuals[first]
    everyone = torch.arange(len(residual))
    ids = run.tokens[:, wanted.start + 1 : wanted.stop + 1]
    unembedding = model.n_layers * model.unembedding * len(wanted) / run.tokens.shape[1]
    with track(model.n_layers - first + unembedding, "running the rest") as bar:
        with model.hooked(edits):
            for layer in range(first, model.n_layers):
                residual = run.block(layer, residual, sequence=everyone, start=0)
                bar.advance()
        flat = residual[:, wanted.start : wanted.stop].flatten(0, 1)
        log_prob = predict_from(model, flat, ids.flatten())[0].view(ids.shape)
        bar.advance(unembedding)
    return log_prob
