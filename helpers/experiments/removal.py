"""Notebook 6: what is lost when heads are taken away?"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from helpers.experiments.provenance import RANDOM_SEQUENCES, run_attrs
from helpers.experiments.staged import losses_without
from helpers.heads import Head
from helpers.interventions import (
    REMOVALS,
    Part,
    Removal,
    draw_matched,
    predict_without,
    work_without,
)
from helpers.metrics import part_slice
from helpers.models import Model, Site, UnsupportedModelError
from helpers.progress import Amount, Bar, track
from helpers.results import label_array
from helpers.texts import TextSample
from helpers.tokens import RepeatedTokens

INPUTS = ("second half", "first half", "text")
_EFFECT = {"long_name": "change of the loss", "units": "nats"}


def remove_groups(
    model: Model,
    sample: RepeatedTokens,
    text: TextSample,
    groups: Mapping[str, Sequence[Head]],
    *,
    methods: Sequence[Removal] = REMOVALS,
    draws: int = 20,
) -> xr.Dataset:
    """Take groups of heads away, and as many random heads of the same layers.

    effect = loss without the heads - loss with them, averaged over the targets of an input: the
    second half (N+2 … 2N, where the repeat is), the first half (1 … N, where nothing repeats
    yet) and ordinary text. Heads are removed at every position but BOS.

    Args:
        model: The model.
        sample: Repeated tokens.
        text: Ordinary text, as a control.
        groups: Name and heads of each group; empty groups are left out.
        methods: What is put in a head's place; see `helpers.interventions.Removals`.
        draws: How many groups of random heads to compare each group with.

    Returns:
        Dataset of `effect` over `group`, `removal`, `input` ("second half", "first half", "text")
        and `sequence` (NaN past the number of texts), in nats; `random` over `group`, `removal`,
        `input`, `draw`: the same for random heads, averaged over the first 8 sequences
        (attribute `random_sequences`), NaN for text under other methods than "mean"; and `heads`
        over `group`, their names.

    Raises:
        ValueError: If all groups are empty, a head does not exist or a method is unknown.
    """
    named = {name: list(heads) for name, heads in groups.items() if heads}
    if not named:
        raise ValueError("There is no group with any head in it.")
    few = min(RANDOM_SEQUENCES, len(sample))
    size = max(len(sample), len(text))
    effect = torch.full((len(named), len(methods), len(INPUTS), size), torch.nan)
    random = torch.full((len(named), len(methods), len(INPUTS), draws), torch.nan)
    drawn = [draw_matched(heads, model, draws=draws, seed=sample.seed) for heads in named.values()]
    flat = [heads for groups_of in drawn for heads in groups_of]
    stages: list[_Stage] = []
    for method in methods:
        controls = text if method == "mean" else None
        stages.append(_Stage(model, sample, text, [*named.values()], method))
        stages.append(_Stage(model, sample, controls, flat, method, first=few))
    with track(sum(stage.work for stage in stages), "removing heads") as bar:
        for m in range(len(methods)):
            for i, rows in enumerate(stages[2 * m].effects(bar)):
                effect[:, m, i, : rows.shape[1]] = rows
            for i, rows in enumerate(stages[2 * m + 1].effects(bar)):
                random[:, m, i] = rows.mean(1).unflatten(0, (len(named), draws))
    coords = {"group": list(named), "removal": list(methods), "input": list(INPUTS)}
    dims = ("group", "removal", "input")
    return xr.Dataset(
        {
            "effect": label_array(effect, (*dims, "sequence"), coords=coords, **_EFFECT),
            "random": label_array(random, (*dims, "draw"), coords=coords, **_EFFECT),
            "heads": ("group", [", ".join(map(str, heads)) for heads in named.values()]),
        },
        attrs={
            **run_attrs(model, sample),
            "text": text.source,
            "draws": draws,
            "random_sequences": few,
        },
    )


def remove_in_order(
    model: Model,
    sample: RepeatedTokens,
    heads: Sequence[Head],
    *,
    method: Removal = "mean",
    draws: int = 20,
) -> xr.Dataset:
    """Take heads away one after the other (1, 2, 4 … all), against random heads of the same layers.

    Args:
        model: The model.
        sample: Repeated tokens.
        heads: The heads, in the order in which they go.
        method: What is put in their place.
        draws: How many groups of random heads to compare each step with.

    Returns:
        Dataset of `loss` over `removed` (0, 1, 2, 4 … all) and `sequence`: mean loss of the
        second half, seam left out, in nats; and `random` over `removed`, `draw`, averaged over
        the first 8 sequences.

    Raises:
        ValueError: If there are no heads or one does not exist.
    """
    if not heads:
        raise ValueError("Give at least one head to remove.")
    sizes = sorted({*(2**i for i in range(len(heads).bit_length())), len(heads)})
    targets = part_slice("second", sample.n)
    groups: list[list[Part]] = [[], *(list(heads[:size]) for size in sizes)]
    few = min(RANDOM_SEQUENCES, len(sample))
    drawn = [
        group
        for size in sizes
        for group in draw_matched(heads[:size], model, draws=draws, seed=sample.seed)
    ]
    stages: list[tuple[Sequence[Sequence[Part]], int | None]] = [(groups, None), (drawn, few)]
    loss, random = losses_without(
        model, sample, stages, method=method, targets=targets, label="removing heads in order"
    )
    clean = loss[0, :few].mean().expand(1, draws)
    coords = {"removed": [0, *sizes]}
    what = {"long_name": "loss of the second half", "units": "nats"}
    return xr.Dataset(
        {
            "loss": label_array(loss, ("removed", "sequence"), coords=coords, **what),
            "random": label_array(
                torch.cat([clean, random.mean(-1).view(len(sizes), draws)]),
                ("removed", "draw"),
                coords=coords,
                **what,
            ),
        },
        attrs={
            **run_attrs(model, sample),
            "heads": ", ".join(map(str, heads)),
            "method": method,
            "draws": draws,
            "random_sequences": few,
        },
    )


def remove_mlps(
    model: Model, sample: RepeatedTokens, text: TextSample, *, method: Removal = "mean"
) -> xr.Dataset:
    """Take the MLP of one layer away at every position but BOS, layer by layer.

    Args:
        model: The model.
        sample: Repeated tokens.
        text: Ordinary text.
        method: What is put in its place.

    Returns:
        Dataset of `effect` over `layer`, `input` and `sequence`, as in `remove_groups`.

    Raises:
        UnsupportedModelError: If the model has no MLPs.
    """
    if not model.has_mlps:
        raise UnsupportedModelError(f"{model.name} is attention-only: it has no MLPs to remove.")
    layers: list[list[Part]] = [[Site("mlp_out", layer)] for layer in range(model.n_layers)]
    effect = torch.full((model.n_layers, len(INPUTS), max(len(sample), len(text))), torch.nan)
    stage = _Stage(model, sample, text, layers, method)
    with track(stage.work, "removing MLPs") as bar:
        for i, rows in enumerate(stage.effects(bar)):
            effect[:, i, : rows.shape[1]] = rows
    labelled = label_array(
        effect,
        ("layer", "input", "sequence"),
        coords={"input": list(INPUTS), "layer": np.arange(model.n_layers)},
        **_EFFECT,
    )
    attrs = {**run_attrs(model, sample), "text": text.source, "method": method}
    return xr.Dataset({"effect": labelled}, attrs=attrs)


class _Stage:
    """Groups removed with one method, where tokens repeat and on text (if there is one)."""

    def __init__(
        self,
        model: Model,
        sample: RepeatedTokens,
        text: TextSample | None,
        groups: Sequence[Sequence[Part]],
        method: Removal,
        *,
        first: int | None = None,
    ) -> None:
        self._model, self._sample, self._first = model, sample, first
        self._method: Removal = method
        self._inputs = [sample.tokens, *([text.tokens] if text is not None else [])]
        self._groups: list[Sequence[Part]] = [[], *groups]
        self._work = [
            work_without(model, tokens, self._groups, method=method, first=first)
            for tokens in self._inputs
        ]

    @property
    def work(self) -> Amount:
        """How far `effects` advances the bar."""
        return sum(self._work)

    def effects(self, bar: Bar) -> list[Tensor]:
        """Change of the mean loss for each group and sequence: second half, first half, text."""
        repeated, *on_text = (
            -predict_without(
                self._model,
                tokens,
                self._groups,
                method=self._method,
                seed=self._sample.seed,
                first=self._first,
                track=bar.part(amount),
            )
            for tokens, amount in zip(self._inputs, self._work, strict=True)
        )
        halves = [repeated[..., part_slice(part, self._sample.n)] for part in ("second", "first")]
        means = [loss.mean(-1) for loss in (*halves, *on_text)]
        return [loss[1:] - loss[0] for loss in means]
