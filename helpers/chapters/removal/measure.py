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
from helpers.interventions.fast import predict_without
from helpers.metrics import part_slice
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

    Returns:
        Dataset of `effect` over `group`, `removal`, `input` ("second half", "first half", "text")
        and `sequence` (NaN past the number of texts), in nats; `random` over `group`, `removal`,
        `input`, `draw`: the same for random heads, averaged over the first 8 sequences
        (attribute `random_sequences`), NaN for text under other methods than "mean"; and `heads`
        over `group`, their names.

    Raises:
        ValueError: If all groups are empty, a head does not exist or a method is unknown.
    """
    sample = read_repeated(model, sample)
    text = read_control(model, text, sample)
    named = read_groups(model, groups)
    ways: list[AblationMethod] = [methods] if isinstance(methods, str) else [*methods]  # type: ignore[list-item]
    few = min(RANDOM_SEQUENCES, len(sample))
    size = max(len(sample), len(text))
    effect = torch.full((len(named), len(ways), len(INPUTS), size), torch.nan)
    random = torch.full((len(named), len(ways), len(INPUTS), draws), torch.nan)
    drawn = sample_controls(named.values(), model, draws=draws, seed=sample.seed)
    for m, method in enumerate(ways):
        found = _effects(model, sample, text, [*named.values()], method)
        for i, of_groups in enumerate(found):
            effect[:, m, i, : of_groups.shape[1]] = of_groups
        control = text if method == "mean" else None
        found = _effects(model, sample, control, drawn, method, first=few)
        for i, of_draws in enumerate(found):
            random[:, m, i] = of_draws.mean(1).unflatten(0, (len(named), draws))
    coords = {"group": list(named), "removal": ways, "input": list(INPUTS)}
    dims = ("group", "removal", "input")
    return xr.Dataset(
        {
            "effect": label_array(effect, (*dims, "sequence"), coords=coords, **_EFFECT),
            "random": label_array(random, (*dims, "draw"), coords=coords, **_EFFECT),
            "heads": ("group", [", ".join(map(str, heads)) for heads in named.values()]),
        },
        attrs=about(model, sample, text=text.source, draws=draws, random_sequences=few),
    )


def remove_in_order(
    model: Model,
    sample: Input,
    heads: str | Head | Iterable[str | Head],
    *,
    method: AblationMethod = "mean",
    draws: int = 20,
) -> xr.Dataset:
    """Take heads away one after the other, against random heads of the same layers.

    Steps: every number of heads up to eight, then their doubles, then all.

    Args:
        model: The model.
        sample: Repeated tokens.
        heads: The heads, in the order in which they go.
        method: What is put in their place.
        draws: How many groups of random heads to compare each step with.

    Returns:
        Dataset over `removed` (0, 1, 2 … all) and `sequence`: `loss`, mean loss of the second
        half, boundary left out, in nats; and `log_odds`, mean of log p / (1 - p) for the
        probability p of the right token, which has no floor as the loss has at 0. And over
        `removed` and `draw`, averaged over the first 8 sequences: `random` and `random_log_odds`,
        the same for random heads.

    Raises:
        ValueError: If there are no heads or one does not exist.
    """
    sample, order = read_repeated(model, sample), model.parse_heads(heads)
    steps = (*range(1, 9), *(2**i for i in range(4, len(order).bit_length())), len(order))
    sizes = sorted({step for step in steps if step <= len(order)})
    few = min(RANDOM_SEQUENCES, len(sample))
    groups = [order[:size] for size in sizes]
    drawn = sample_controls(groups, model, draws=draws, seed=sample.seed)

    def without(heads: Sequence[Sequence[Head]], first: int | None = None) -> Tensor:
        return predict_without(
            model,
            sample.tokens,
            heads,
            method=method,
            targets=part_slice("second", sample.n),
            seed=sample.seed,
            first=first,
            label="removing heads",
        )

    ours, random = without([[], *groups]), without(drawn, few)
    coords = {"removed": [0, *sizes]}
    variables = {}
    for name, of_draws, number, what in (
        ("loss", "random", torch.neg, {"long_name": "loss of the second half", "units": "nats"}),
        ("log_odds", "random_log_odds", _log_odds, {"long_name": "log-odds of the right token"}),
    ):
        found = number(ours).mean(-1)
        drawn_found = number(random).mean((1, 2)).view(len(sizes), draws)
        clean = found[:1, :few].mean(-1, keepdim=True).expand(1, draws)
        every = {"coords": coords, **what}
        variables[name] = label_array(found, ("removed", "sequence"), **every)
        variables[of_draws] = label_array(
            torch.cat([clean, drawn_found]), ("removed", "draw"), **every
        )
    return xr.Dataset(
        variables,
        attrs=about(
            model,
            sample,
            heads=", ".join(map(str, order)),
            method=method,
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
) -> xr.Dataset:
    """Take the MLP of one layer away at every position but BOS, layer by layer.

    Args:
        model: The model.
        sample: Repeated tokens.
        text: Ordinary text; drawn with the sample's seed if not given.
        method: What is put in its place.

    Returns:
        Dataset of `effect` over `layer`, `input` and `sequence`, as in `remove_groups`; and
        `together` over `input`, `sequence`: all MLPs beyond layer 0 taken away at once (NaN if
        there are none).

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
    size = max(len(sample), len(text))
    effect = torch.full((model.n_layers + 1, len(INPUTS), size), torch.nan)
    for i, found in enumerate(_effects(model, sample, text, groups, method)):
        effect[: len(groups), i, : found.shape[1]] = found
    coords = {"input": list(INPUTS)}
    over_layers = coords | {"layer": np.arange(model.n_layers)}
    return xr.Dataset(
        {
            "effect": label_array(
                effect[:-1], ("layer", "input", "sequence"), coords=over_layers, **_EFFECT
            ),
            "together": label_array(effect[-1], ("input", "sequence"), coords=coords, **_EFFECT),
        },
        attrs=about(model, sample, text=text.source, method=method),
    )


def _effects(
    model: Model,
    sample: RepeatedTokens,
    text: TextSample | None,
    groups: Sequence[Sequence[Part]],
    method: AblationMethod,
    *,
    first: int | None = None,
) -> list[Float[Tensor, "group sequence"]]:
    """Change of the mean loss: in the second half, in the first, and on text if there is one."""

    def lost(tokens: Tensor) -> Float[Tensor, "group sequence target"]:
        log_prob = predict_without(
            model,
            tokens,
            [[], *groups],
            method=method,
            seed=sample.seed,
            first=first,
            label=f"removing ({method})",
        )
        return log_prob[0] - log_prob[1:]

    repeated = lost(sample.tokens)
    parts = [repeated[..., part_slice(part, sample.n)] for part in ("second", "first")]
    if text is not None:
        parts.append(lost(text.tokens))
    return [part.mean(-1) for part in parts]
