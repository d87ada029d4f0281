"""Notebook 6: what is lost when heads are taken away?"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from helpers.heads import Head
from helpers.inputs import Input, RepeatedTokens, TextSample, about, read_control, read_repeated
from helpers.interventions import (
    RANDOM_SEQUENCES,
    REMOVALS,
    AblationMethod,
    read_groups,
    sample_controls,
)
from helpers.interventions.fast import Removal, run_removals
from helpers.metrics import TargetPart, part_slice
from helpers.models import Model, Part, Site, UnsupportedModelError
from helpers.results import label_array

INPUTS = ("second half", "first half", "text")
_EFFECT = {"long_name": "change of the loss", "units": "nats"}


def remove_groups(
    model: Model,
    sample: Input,
    groups: Mapping[str, str | Head | Iterable[str | Head]],
    *,
    text: Input | None = None,
    methods: AblationMethod | Sequence[AblationMethod] = REMOVALS,
    draws: int = 20,
    first: int | None = None,
) -> xr.Dataset:
    """Take groups of heads away, and as many random heads of the same layers.

    effect = loss without the heads - loss with them, averaged over the targets of an input: the
    second half (N+2 … 2N, where the repeat is), the first half (1 … N, where nothing repeats
    yet) and ordinary text. Heads are removed at every position but BOS.

    Args:
        model: The model.
        sample: Repeated tokens.
        groups: Name and heads of each group; empty groups are left out.
        text: Ordinary text, as a control; drawn with the sample's seed if not given.
        methods: What is put in a head's place; see `helpers.interventions.AblationValues`.
        draws: How many groups of random heads to compare each group with.
        first: Measure only the first so many sequences and texts; averages and other sequences'
            outputs are still taken from all.

    Returns:
        Dataset of `effect` over `group`, `removal`, `input` ("second half", "first half", "text")
        and `sequence` (NaN past the number of texts), in nats; `random` over `group`, `removal`,
        `input`, `draw`: the same for random heads, averaged over the first 8 sequences
        (attribute `random_sequences`). Of them no more are drawn than claims are held against:
        under "mean" for every group, under the other methods and on text (mean) for the first
        one; the rest is NaN. And `heads` over `group`, their names.

    Raises:
        ValueError: If all groups are empty, a head does not exist or a method is unknown.
    """
    sample = read_repeated(model, sample)
    text = read_control(model, text, sample)
    named = read_groups(model, groups)
    ways: list[AblationMethod] = [methods] if isinstance(methods, str) else [*methods]  # type: ignore[list-item]
    measured = len(sample.tokens[:first])
    few = min(RANDOM_SEQUENCES, measured)
    size = max(measured, len(text.tokens[:first]))
    effect = torch.full((len(named), len(ways), len(INPUTS), size), torch.nan, dtype=torch.float32)
    random = torch.full((len(named), len(ways), len(INPUTS), draws), torch.nan, dtype=torch.float32)
    drawn = sample_controls(named.values(), model, draws=draws, seed=sample.seed)
    ours = [Removal(heads, method, first) for method in ways for heads in named.values()]
    places = [
        (g, m)
        for m, method in enumerate(ways)
        for g in range(len(named))
        if method == "mean" or g == 0
    ]
    on_text = [(g, m) for g, m in places if ways[m] == "mean" and g == 0]
    by_chance = {
        (g, m): [Removal(heads, ways[m], few) for heads in drawn[g * draws : (g + 1) * draws]]
        for g, m in places
    }
    repeated, spoken = (
        [*ours, *(removal for place in some for removal in by_chance[place])]
        for some in (places, on_text)
    )
    found = _effects(model, sample, text, repeated, spoken)
    for i, lost in enumerate(found):
        by_way = torch.stack(lost[: len(ours)]).unflatten(0, (len(ways), len(named)))
        effect[:, :, i, : by_way.shape[2]] = by_way.transpose(0, 1)
        for j, (g, m) in enumerate(on_text if INPUTS[i] == "text" else places):
            start = len(ours) + j * draws
            random[g, m, i] = torch.stack(lost[start : start + draws]).mean(-1)
    coords = {"group": list(named), "removal": ways, "input": list(INPUTS)}
    dims = ("group", "removal", "input")
    return xr.Dataset(
        {
            "effect": label_array(effect, (*dims, "sequence"), coords=coords, **_EFFECT),
            "random": label_array(random, (*dims, "draw"), coords=coords, **_EFFECT),
            "heads": ("group", [", ".join(map(str, heads)) for heads in named.values()]),
        },
        attrs=about(
            model,
            sample,
            text=text.source,
            measured=measured,
            draws=draws,
            random_sequences=few,
        ),
    )


def remove_in_order(
    model: Model,
    sample: Input,
    heads: str | Head | Iterable[str | Head],
    *,
    method: AblationMethod = "mean",
    draws: int = 20,
    first: int | None = None,
) -> xr.Dataset:
    """Take heads away one after the other, against random heads of the same layers.

    Steps: every number of heads up to eight, then their doubles, then all.

    Args:
        model: The model.
        sample: Repeated tokens.
        heads: The heads, in the order in which they go.
        method: What is put in their place.
        draws: How many groups of random heads to compare each step with.
        first: Measure only the first so many sequences; averages and other sequences' outputs
            are still taken from all.

    Returns:
        Dataset over `removed` (0, 1, 2 … all) and `sequence`: `loss`, mean loss of the second
        half, boundary left out, in nats; and `log_odds`, mean of log p / (1 - p) for the
        probability p of the right token, which has no floor as the loss has at 0. And over
        `removed` and `draw`, averaged over the first 8 sequences: `random_loss` and
        `random_log_odds`, the same for random heads; of 0, 1, 2, 4 … and all, NaN in between.

    Raises:
        ValueError: If there are no heads or one does not exist.
    """
    sample, order = read_repeated(model, sample), model.parse_heads(heads)
    steps = (*range(1, 9), *(2**i for i in range(4, len(order).bit_length())), len(order))
    sizes = sorted({step for step in steps if step <= len(order)})
    measured = len(sample.tokens[:first])
    few = min(RANDOM_SEQUENCES, measured)
    groups = [order[:size] for size in sizes]
    doubles = [i for i, size in enumerate(sizes, 1) if size & (size - 1) == 0 or size == sizes[-1]]
    drawn = sample_controls([groups[i - 1] for i in doubles], model, draws=draws, seed=sample.seed)
    removals = [Removal(group, method, first) for group in [[], *groups]]
    removals += [Removal(group, method, few) for group in drawn]
    second = part_slice("second", sample.n)
    found = run_removals(
        model, sample.tokens, removals, targets=second, seed=sample.seed, label="removing heads"
    )
    each = [log_prob[:, second] for log_prob in found]
    ours, random = torch.stack(each[: 1 + len(sizes)]), torch.stack(each[1 + len(sizes) :])
    coords = {"removed": [0, *sizes]}
    variables = {}
    for name, number, what in (
        ("loss", torch.neg, {"long_name": "loss of the second half", "units": "nats"}),
        ("log_odds", _log_odds, {"long_name": "log-odds of the right token"}),
    ):
        mean = number(ours).mean(-1)
        by_draw = torch.full((1 + len(sizes), draws), torch.nan, dtype=torch.float32)
        by_draw[0] = mean[0, :few].mean()
        by_draw[doubles] = number(random).mean((1, 2)).view(len(doubles), draws)
        every = {"coords": coords, **what}
        variables[name] = label_array(mean, ("removed", "sequence"), **every)
        variables[f"random_{name}"] = label_array(by_draw, ("removed", "draw"), **every)
    return xr.Dataset(
        variables,
        attrs=about(
            model,
            sample,
            heads=", ".join(map(str, order)),
            method=method,
            measured=measured,
            draws=draws,
            random_sequences=few,
        ),
    )


def _log_odds(log_prob: Tensor) -> Tensor:
    """For each right token, log p / (1 - p), up to 14: beyond that float32 cannot tell 1 - p."""
    return log_prob - torch.log(-torch.expm1(log_prob.clamp(max=-1e-6)))


def remove_mlps(
    model: Model,
    sample: Input,
    *,
    text: Input | None = None,
    method: AblationMethod = "mean",
    first: int | None = None,
) -> xr.Dataset:
    """Take the MLP of one layer away at every position but BOS, layer by layer.

    Args:
        model: The model.
        sample: Repeated tokens.
        text: Ordinary text; drawn with the sample's seed if not given.
        method: What is put in its place.
        first: Measure only the first so many sequences and texts; averages and other sequences'
            outputs are still taken from all.

    Returns:
        Dataset of `effect` over `layer`, `input` ("second half", "text") and `sequence`, as in
        `remove_groups`; and `together` over `input`, `sequence`: all MLPs beyond layer 0 taken
        away at once (NaN if there are none).

    Raises:
        UnsupportedModelError: If the model has no MLPs.
    """
    if not model.has_mlps:
        raise UnsupportedModelError(f"{model.name} is attention-only: it has no MLPs to remove.")
    sample = read_repeated(model, sample)
    text = read_control(model, text, sample)
    layers: list[list[Part]] = [[Site("mlp_out", layer)] for layer in range(model.n_layers)]
    later = [part for layer in layers[1:] for part in layer]
    groups = [*layers, later] if later else layers
    removals = [Removal(parts, method, first) for parts in groups]
    measured = len(sample.tokens[:first])
    size = max(measured, len(text.tokens[:first]))
    inputs = ("second half", "text")
    effect = torch.full((model.n_layers + 1, len(inputs), size), torch.nan, dtype=torch.float32)
    for i, found in enumerate(_effects(model, sample, text, removals, removals, ["second"])):
        effect[: len(groups), i, : len(found[0])] = torch.stack(found)
    coords = {"input": list(inputs)}
    over_layers = coords | {"layer": np.arange(model.n_layers)}
    return xr.Dataset(
        {
            "effect": label_array(
                effect[:-1], ("layer", "input", "sequence"), coords=over_layers, **_EFFECT
            ),
            "together": label_array(effect[-1], ("input", "sequence"), coords=coords, **_EFFECT),
        },
        attrs=about(model, sample, text=text.source, method=method, measured=measured),
    )


def _effects(
    model: Model,
    sample: RepeatedTokens,
    text: TextSample,
    repeated: Sequence[Removal],
    spoken: Sequence[Removal],
    halves: Sequence[TargetPart] = ("second", "first"),
) -> list[list[Float[Tensor, " sequence"]]]:
    """Change of the mean loss: in halves of the repeated tokens, and on text.

    Args:
        model: The model.
        sample: Repeated tokens.
        text: Ordinary text.
        repeated: What is removed on repeated tokens.
        spoken: What is removed on text.
        halves: Which halves; no other target is read.

    Returns:
        For each input, and each removal on it, a number a sequence, in nats.
    """

    def lost(tokens: Tensor, removals: Sequence[Removal], read: Sequence[slice]) -> list[Tensor]:
        targets = torch.zeros(len(tokens), tokens.shape[1] - 1, dtype=torch.bool)
        for some in read:
            targets[:, some] = True
        most = max((len(tokens[: removal.first]) for removal in removals), default=len(tokens))
        every = [Removal([], first=most), *removals]
        clean, *found = run_removals(
            model, tokens, every, targets=targets, seed=sample.seed, label="removing"
        )
        return [clean[: len(log_prob)] - log_prob for log_prob in found]

    parts = [part_slice(half, sample.n) for half in halves]
    repeats = lost(sample.tokens, repeated, parts)
    by_half = [[each[:, part].mean(-1) for each in repeats] for part in parts]
    return [*by_half, [each.mean(-1) for each in lost(text.tokens, spoken, [slice(None)])]]
