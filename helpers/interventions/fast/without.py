"""Loss without heads or layers, many groups of them, going through the rest of the model only.

Why the trick is right: what is removed at layer l and above leaves everything below l as it was.
So the model is run once, clean, and each group goes on from the residual stream before its first
layer (`helpers.models.replay`, here with all positions). Groups that remove the same in their first
layers share what comes of that: they are taken in such an order that each goes on from the layer
in which it differs from the one before. For heads high up in a deep model most of a run is saved.
The numbers are those of `ablate`.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from helpers.interventions.ablate import ablate
from helpers.interventions.values import AblationMethod, AblationValues, by_site
from helpers.models import CleanRun, Model, Part, Site, can_replay, record
from helpers.progress import progress
from helpers.running import batch_slices, predict, predict_from, sequences_at_once


class Removal(NamedTuple):
    """What is removed together, at every position but BOS.

    Args:
        parts: Heads, and what layers write. None at all is the clean run.
        method: What takes their place: "zero", "mean" or "resample"; see `AblationValues`.
        first: Only the first so many sequences are run; values are still taken from all.
    """

    parts: Sequence[Part]
    method: AblationMethod = "mean"
    first: int | None = None


def run_removals(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    removals: Sequence[Removal],
    *,
    targets: Bool[Tensor, "batch target"] | slice = slice(None),
    seed: int = 0,
    label: str = "",
) -> list[Float[Tensor, "sequence target"]]:
    """Log-probability of next tokens with parts removed, for each removal.

    Args:
        model: The model.
        tokens: Sequences of one length, BOS first.
        removals: What is removed, and how; see `Removal`.
        targets: Which targets are read, as a slice or a mask of each sequence: only these are
            unembedded. Entry i is position i + 1.
        seed: Seed of "resample".
        label: What it is for, in a few words, if it shall show a bar.

    Returns:
        For each removal log-probabilities in nats of all targets, NaN where they are not read.

    Raises:
        ValueError: If a method is unknown, there is only one sequence to take from, or a head or
            layer does not exist.
    """
    parsed = [
        removal._replace(parts=model.parse_parts(removal.parts) if len(removal.parts) else [])
        for removal in removals
    ]
    pos = tokens.shape[1]
    read = torch.zeros(len(tokens), pos - 1, dtype=torch.bool)
    if isinstance(targets, slice):
        read[:, targets] = True
    else:
        read |= targets
    sites: dict[AblationMethod, list[Site]] = {one.method: [] for one in parsed if one.parts}
    for one in parsed:
        if one.parts:
            sites[one.method] += by_site(one.parts)
    ends = sorted({len(tokens[: one.first]) for one in parsed})
    values = AblationValues.take(model, tokens, sites, seed=seed, first=ends[-1] if ends else None)
    found = [
        torch.full((len(tokens[: one.first]), pos - 1), torch.nan, dtype=torch.float32)
        for one in parsed
    ]
    order = sorted(range(len(parsed)), key=lambda i: _way_up(model, parsed[i]))
    replay = can_replay(model, pos)
    batches = [
        slice(start + some.start, start + some.stop)
        for start, end in zip([0, *ends], ends, strict=False)
        for some in batch_slices(end - start, sequences_at_once(model, pos))
    ]
    batches = [rows for rows in batches if read[rows].any()]
    steps = [(rows, i) for rows in batches for i in order if rows.stop <= len(found[i])]
    trail, at = None, slice(0)
    for rows, i in progress(steps, label):
        parts, method, _ = parsed[i]
        with model.from_row(rows.start):
            if replay:
                if trail is None or rows != at:
                    trail, at = _Trail(record(model, tokens[rows])), rows
                edits = values[method].hooks(model, parts) if parts else {}
                with model.hooked(edits):
                    final = trail.go(_by_layer(parsed[i]))
                ids = tokens[rows, 1:][read[rows]]
                log_prob, _ = predict_from(model, final[:, :-1][read[rows]], ids)
            else:
                with ablate(model, parts, reference=values[method]) if parts else nullcontext():
                    log_prob = predict(model, tokens[rows]).log_prob[read[rows]]
        found[i][rows] = found[i][rows].masked_scatter(read[rows], log_prob)
    return found


Layers = dict[int, tuple[AblationMethod, frozenset[Part]]]


def _by_layer(removal: Removal) -> Layers:
    """What is removed in each layer."""
    layers: dict[int, set[Part]] = {}
    for part in removal.parts:
        layers.setdefault(part.layer, set()).add(part)
    return {layer: (removal.method, frozenset(parts)) for layer, parts in layers.items()}


def _way_up(model: Model, removal: Removal) -> list[tuple[str, list[str]]]:
    """What is removed layer by layer: in this order neighbours share as much as can be."""
    layers, nothing = _by_layer(removal), ("", frozenset[Part]())
    each = (layers.get(layer, nothing) for layer in range(model.n_layers))
    return [(method, sorted(map(str, parts))) for method, parts in each]


class _Trail:
    """The residual streams of the last removal; the next goes on where it differs."""

    def __init__(self, run: CleanRun) -> None:
        self.run, self.streams, self.layers = run, [*run.residuals], Layers()
        self.rows = torch.arange(len(run.tokens))

    def go(self, layers: Layers) -> Float[Tensor, "batch pos d_model"]:
        """The stream after the last layer; hooks for what is removed must be set."""
        every = range(self.run.model.n_layers)
        differ = (layer for layer in every if layers.get(layer) != self.layers.get(layer))
        for layer in range(next(differ, len(every)), len(every)):
            before = self.streams[layer]
            self.streams[layer + 1] = self.run.block(layer, before, sequence=self.rows, start=0)
        self.layers = layers
        return self.streams[-1]
