"""Loss without heads or layers, many groups of them, going through the rest of the model only.

Why the trick is right: what is removed at layer l and above leaves everything below l as it was.
So the model is run once, clean, and each group goes on from the residual stream before its first
layer (`helpers.models.replay`, here with all positions). For heads high up in a deep model most of
a run is saved; a group in layer 0 saves nothing. The numbers are those of `ablate`.
"""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.inputs import RepeatedTokens
from helpers.interventions.ablate import ablate
from helpers.interventions.values import AblationMethod, AblationValues, by_site
from helpers.metrics import part_slice
from helpers.models import CleanRun, Model, Part, can_replay, record
from helpers.models.model import Hook
from helpers.models.sites import Site
from helpers.progress import progress
from helpers.running import batch_slices, predict, predict_from, sequences_at_once


def predict_without(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    groups: Sequence[Sequence[Part]],
    *,
    method: AblationMethod = "mean",
    targets: slice = slice(None),
    seed: int = 0,
    first: int | None = None,
    label: str = "",
) -> Float[Tensor, "group sequence target"]:
    """Log-probability of each next token with a group of parts removed, for each group.

    Args:
        model: The model.
        tokens: Sequences of one length, BOS first.
        groups: What is removed together, at every position but BOS. An empty group removes
            nothing: the clean run.
        method: What takes its place: "zero", "mean" or "resample"; see `AblationValues`.
        targets: Which targets to predict; entry i of the target dimension is position i + 1.
        seed: Seed of "resample".
        first: Run only the first so many sequences; values are still taken from all.
        label: What it is for, in a few words, if it shall show a bar.

    Returns:
        Log-probabilities in nats.

    Raises:
        ValueError: If the method is unknown, there is only one sequence to take from, or a head
            or layer does not exist.
    """
    parsed: list[list[Part]] = [model.parse_parts(group) if len(group) else [] for group in groups]
    measured, pos = tokens[:first], tokens.shape[1]
    wanted = range(pos - 1)[targets]
    result = torch.zeros(len(groups), len(measured), len(wanted))
    sites = by_site(part for group in parsed for part in group)
    values = AblationValues(model, tokens, sites, method=method, seed=seed)
    replay = can_replay(model, pos)
    run: CleanRun | None = None
    batches = list(batch_slices(len(measured), sequences_at_once(model, pos)))
    steps = [(rows, place) for rows in batches for place in range(len(parsed))]
    for rows, place in progress(steps, label):
        group = parsed[place]
        with model.from_row(rows.start):
            if replay:
                run = record(model, measured[rows]) if place == 0 or run is None else run
                found = _go_on(run, values.hooks(model, group), wanted)
            else:
                with ablate(model, group, reference=values) if group else nullcontext():
                    found = predict(model, measured[rows], targets=targets).log_prob
        result[place, rows] = found
    return result


def losses_without(
    model: Model,
    sample: RepeatedTokens,
    groups: Sequence[Sequence[Part]],
    *,
    method: AblationMethod,
    first: int | None = None,
) -> Float[Tensor, "group sequence"]:
    """Loss of the second half without each group, boundary left out, in nats.

    Args:
        model: The model.
        sample: Repeated tokens.
        groups: What is removed together; an empty group removes nothing.
        method: What takes its place.
        first: Measure only the first so many sequences.
    """
    found = predict_without(
        model,
        sample.tokens,
        groups,
        method=method,
        targets=part_slice("second", sample.n),
        seed=sample.seed,
        first=first,
        label="removing heads",
    )
    return -found.mean(-1)


def _go_on(
    run: CleanRun, edits: dict[Site, Hook], wanted: range
) -> Float[Tensor, "sequence target"]:
    """Log-probabilities of the wanted targets, from the first edited layer on."""
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
