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
from helpers.interventions.stand_ins import Edits, Part, Removal, Removals
from helpers.models import CleanRun, Model, NotReplayableError, record
from helpers.progress import Track, silent

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
    removals = Removals(model, tokens, groups, method=method, seed=seed)
    tokens = tokens[:first]
    wanted = range(tokens.shape[1] - 1)[targets]
    result = torch.zeros(len(groups), len(tokens), len(wanted))
    replayed = _replayable(model, tokens, groups, removals, targets)
    batches = list(batch_slices(len(tokens), sequences_at_once(model, tokens.shape[1])))
    steps = [(rows, place) for rows in batches for place in range(len(groups))]
    run: CleanRun | None = None
    at = None
    for rows, place in track(steps, total=len(steps), label=f"removing ({method})"):
        if replayed and at != rows:
            run, at = record(model, tokens[rows]), rows
        edits = removals.edits(groups[place], rows)
        if run is None:
            result[place, rows] = _whole(model, tokens[rows], edits, targets)
        else:
            result[place, rows] = _replayed(run, edits, wanted)
    return result


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
    removals = Removals(model, tokens, groups, method=method, seed=seed)
    tokens = tokens[:first]
    result = torch.zeros(len(groups), len(heads), len(tokens))
    batches = list(batch_slices(len(tokens), sequences_at_once(model, tokens.shape[1])))
    steps = [(rows, place) for rows in batches for place in range(len(groups))]
    for rows, place in track(steps, total=len(steps), label=f"removing ({method})"):
        with model.hooked(removals.edits(groups[place], rows)):
            patterns = attention_patterns(model, tokens[rows], heads)
        result[place, :, rows] = torch.stack([reduce(pattern) for pattern in patterns])
    return result


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


def _whole(model: Model, tokens: Tensor, edits: Edits, targets: slice) -> Tensor:
    with model.hooked(edits):
        return predict(model, tokens, targets=targets).log_prob


def _replayed(run: CleanRun, edits: Edits, wanted: range) -> Tensor:
    model = run.model
    first = min((site.layer for site in edits), default=model.n_layers)
    residual = run.residuals[first]
    everyone = torch.arange(len(residual))
    with model.hooked(edits):
        for layer in range(first, model.n_layers):
            residual = run.block(layer, residual, sequence=everyone, start=0)
    ids = run.tokens[:, wanted.start + 1 : wanted.stop + 1]
    flat = residual[:, wanted.start : wanted.stop].flatten(0, 1)
    return predict_from(model, flat, ids.flatten())[0].view(ids.shape)
