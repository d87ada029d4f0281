"""Removing heads and whole layers' outputs at every position, and reading the loss that is left."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import (
    activations,
    attention_patterns,
    batch_slices,
    predict,
    predict_from,
    sequences_at_once,
)
from helpers.heads import Head
from helpers.models import CleanRun, Model, NotReplayableError, Site, SiteKind, record
from helpers.progress import Track, silent

Removal = Literal["zero", "mean", "resample"]
REMOVALS: tuple[Removal, ...] = get_args(Removal)
Part = Head | Site
"""A head, or all a layer writes: `Site("mlp_out", layer)` or `Site("attn_out", layer)`."""

Edits = Mapping[Site, Callable[[Tensor], Tensor]]
TOLERANCE = 1e-3
"""Largest difference to a run of the whole model, in nats, that rounding can explain."""


class Removals:
    """What stands in for removed parts, for all sequences of a sample.

    | method   | out[b, t] of a removed part becomes, for t >= 1                      |
    |----------|----------------------------------------------------------------------|
    | zero     | 0                                                                    |
    | mean     | the mean of out[t] over sequences                                    |
    | resample | out[t] of another sequence: a seeded cycle through all of them       |

    BOS (t = 0) is left as it is: what stands there is the same in every sequence.

    Args:
        model: The model.
        tokens: Sequences of one length, BOS first.
        groups: Everything that will be removed, in whatever groups.
        method: See above.
        seed: Seed of the cycle.

    Raises:
        ValueError: If the method is unknown, there is only one sequence to take from, or a head
            or layer does not exist.
        UnsupportedModelError: If the model has no such outputs.
    """

    def __init__(
        self,
        model: Model,
        tokens: Int[Tensor, "batch pos"],
        groups: Sequence[Sequence[Part]],
        *,
        method: Removal,
        seed: int = 0,
    ) -> None:
        if method not in REMOVALS:
            raise ValueError(f"Unknown method {method!r}; there are {', '.join(REMOVALS)}.")
        if method != "zero" and len(tokens) < 2:
            raise ValueError(f'"{method}" takes from other sequences: give at least 2, got 1.')
        sites = {_site(model, part) for group in groups for part in group}
        self._value: dict[Site, Tensor] = {}
        kinds: set[SiteKind] = {site.kind for site in sites}
        for kind in kinds:
            layers = sorted({site.layer for site in sites if site.kind == kind})
            if method == "zero":
                found = torch.zeros(len(layers), 1, 1, device=model.device)
            else:
                found = _stand_in(activations(model, tokens, kind, layers), method, seed)
            for layer, value in zip(layers, found, strict=True):
                self._value[Site(kind, layer)] = value

    def edits(self, group: Sequence[Part], rows: slice) -> Edits:
        """Functions that take the group out of some sequences' activations.

        Args:
            group: What to remove.
            rows: Which sequences are being run.
        """
        heads: dict[Site, list[int] | None] = {}
        for part in group:
            if isinstance(part, Head):
                chosen = heads.setdefault(Site("z", part.layer), [])
                chosen.append(part.head)  # type: ignore[union-attr] - z is never None
            else:
                heads[part] = None
        return {site: self._edit(site, chosen, rows) for site, chosen in heads.items()}

    def value(self, site: Site, rows: slice) -> Float[Tensor, "batch pos *rest"]:
        """What stands in for a site; a dimension of 1 is the same for all."""
        value = self._value[site]
        return value if len(value) == 1 else value[rows]

    def _edit(self, site: Site, chosen: list[int] | None, rows: slice) -> Callable:
        value = self.value(site, rows)

        def edit(activation: Tensor) -> Tensor:
            edited = activation.clone()
            if chosen is None:
                edited[:, 1:] = value[:, 1:] if value.ndim > 2 else 0.0
            else:
                edited[:, 1:, chosen] = value[:, 1:, chosen] if value.ndim > 2 else 0.0
            return edited

        return edit


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


def _stand_in(
    outputs: Float[Tensor, "layer batch *rest"], method: Removal, seed: int
) -> Float[Tensor, "layer rows *rest"]:
    if method == "mean":
        return outputs.mean(1, keepdim=True)
    order = torch.randperm(outputs.shape[1], generator=torch.Generator().manual_seed(seed))
    other = torch.empty_like(order)
    other[order] = order.roll(1)
    return outputs[:, other]


def _site(model: Model, part: Part) -> Site:
    if isinstance(part, Head):
        return Site("z", part.check(model.n_layers, model.n_heads).layer)
    if part.kind not in {"mlp_out", "attn_out"} or not 0 <= part.layer < model.n_layers:
        raise ValueError(
            f"{part} cannot be removed: give heads, or Site('mlp_out', layer) or "
            f"Site('attn_out', layer) with a layer below {model.n_layers}."
        )
    return part
