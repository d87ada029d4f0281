"""By which path does a previous-token head reach an induction head?"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import product

import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from helpers.heads import Head
from helpers.inputs import Input, about, read_repeated
from helpers.interventions import (
    PATH_EFFECTS,
    PATH_INPUTS,
    AblationMethod,
    AblationValues,
    PathInput,
    patch,
    patch_path,
)
from helpers.interventions.fast import PathCuts
from helpers.metrics import induction_score, part_slice
from helpers.models import CleanRun, Model, Site, can_replay, record
from helpers.progress import progress
from helpers.results import label_array
from helpers.running import batch_slices, collect, predict, predict_from, sequences_at_once

_CUTS: dict[str, tuple[PathInput, ...]] = {
    "nothing": (),
    **{name: (name,) for name in PATH_INPUTS},
    "all three": PATH_INPUTS,
}


def measure_paths(
    model: Model,
    sample: Input,
    senders: str | Head | Iterable[str | Head],
    receivers: str | Head | Iterable[str | Head],
    *,
    method: AblationMethod = "mean",
    first: int | None = None,
) -> xr.Dataset:
    """Cut one path only: what the senders write, as the receivers' query, key or value sees it.

    The receivers' other inputs, and everything else, stay as in the clean run. Several receivers
    are patched each by itself; then all of them together, as they were by themselves.

    Args:
        model: The model.
        sample: Repeated tokens.
        senders: Previous-token heads. Each receiver gets those in layers before its own.
        receivers: Induction heads, each with a sender in an earlier layer.
        method: What takes the place of the senders' output; see `ablate`.
        first: Measure only the first so many sequences; averages and other sequences' outputs
            are still taken from all.

    Returns:
        Dataset over `effect` ("direct": what lies in between is frozen; "total": what heads and
        MLPs in between make of the senders goes too; "indirect": only that goes) and `cut`
        ("nothing", "query", "key", "value", "all three"): `score` over `head_name`, `sequence`:
        induction score of each receiver with that path cut; and `loss_change` over `sequence`:
        change of the second-half loss, boundary left out, with that path cut into all receivers
        together, in nats.

    Raises:
        ValueError: If a receiver has no sender in an earlier layer.
    """
    sample = read_repeated(model, sample)
    tokens, n, targets = sample.tokens[:first], sample.n, part_slice("second", sample.n)
    writing, reading = model.parse_heads(senders), model.parse_heads(receivers)
    earlier = {head: _earlier(writing, head) for head in reading}
    sites = {Site("z", head.layer) for head in writing}
    values = AblationValues(model, sample.tokens, sites, method=method, seed=sample.seed)
    scores = torch.zeros(
        len(PATH_EFFECTS), len(_CUTS), len(reading), len(tokens), dtype=torch.float32
    )
    change = torch.zeros(len(PATH_EFFECTS), len(_CUTS), len(tokens), dtype=torch.float32)
    steps = list(product(enumerate(PATH_EFFECTS), enumerate(_CUTS.values())))
    # A quarter of the usual batch: the outputs of every layer are held beside each other.
    size = max(1, sequences_at_once(model, tokens.shape[1]) // 4)
    batches = [*batch_slices(len(tokens), size)]
    replay = can_replay(model, tokens.shape[1])
    run = cuts = None
    clean, last = torch.empty(0, dtype=torch.float32), max(head.layer for head in reading)
    for rows, ((e, effect), (c, cut)) in progress([*product(batches, steps)], "cutting paths"):
        with model.from_row(rows.start):
            if e == c == 0:
                run = record(model, tokens[rows]) if replay else None
                cuts = PathCuts(run, writing, last, values) if run else None
                clean = _predict(model, tokens[rows], targets, run, model.n_layers)
            if not cut and e > 0:  # nothing cut is nothing cut, by whatever effect
                scores[e, c, :, rows], change[e, c, rows] = (
                    scores[0, c, :, rows],
                    change[0, c, rows],
                )
                continue
            gathered: dict[Head, Tensor] = {}
            for j, head in enumerate(reading):
                if cuts:
                    pattern, gathered[head] = cuts.cut(head, cut, effect)
                else:
                    path = patch_path(
                        model, earlier[head], head, input=cut, effect=effect, reference=values
                    )
                    with path:
                        pattern, gathered[head] = _look(model, tokens[rows], head)
                scores[e, c, j, rows] = induction_score(pattern, n).cpu()
        with ExitStack() as together:
            for head, z in gathered.items():
                together.enter_context(patch(model, head, z))
            lowest = min(head.layer for head in reading)  # a patch changes nothing below its head
            change[e, c, rows] = clean - _predict(model, tokens[rows], targets, run, lowest)
    over = {"effect": list(PATH_EFFECTS), "cut": list(_CUTS)}
    return xr.Dataset(
        {
            "score": label_array(
                scores,
                ("effect", "cut", "head_name", "sequence"),
                coords={**over, "head_name": [str(head) for head in reading]},
                long_name="induction score",
            ),
            "loss_change": label_array(
                change,
                ("effect", "cut", "sequence"),
                coords=over,
                long_name="change of the second-half loss",
                units="nats",
            ),
        },
        attrs=about(
            model,
            sample,
            senders=", ".join(map(str, writing)),
            method=method,
            measured=len(tokens),
        ),
    )


def _earlier(senders: Sequence[Head], receiver: Head) -> list[Head]:
    earlier = [head for head in senders if head.layer < receiver.layer]
    if not earlier:
        raise ValueError(f"No sender is in a layer before {receiver}: no path leads to it.")
    return earlier


def _predict(
    model: Model, tokens: Tensor, targets: slice, run: CleanRun | None, first: int
) -> Float[Tensor, " sequence"]:
    """Mean log-probability of the targets, as the model is now, from a layer on."""
    if run is None:
        return predict(model, tokens, targets=targets).log_prob.mean(-1)
    final, ids = run.go_on(first)[:, :-1][:, targets], tokens[:, 1:][:, targets]
    log_prob, _ = predict_from(model, final.flatten(0, 1), ids.flatten())
    return log_prob.view(ids.shape).mean(-1)


def _look(model: Model, tokens: Tensor, head: Head) -> tuple[Tensor, Tensor]:
    """The pattern of a head and what it gathers, as the model is now."""
    pattern, z = Site("pattern", head.layer), Site("z", head.layer)
    take = {
        pattern: lambda value, _rows: value[:, head.head].clone(),
        z: lambda value, _rows: value[:, :, head.head].clone(),
    }
    found = collect(model, tokens, take)
    return found[pattern], found[z]
