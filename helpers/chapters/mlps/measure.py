"""Notebook 4: does the repeat need the MLPs?"""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor

from helpers.inputs import Input, RepeatedTokens, about, label_tokens, read_repeated
from helpers.interventions import AblationMethod, AblationValues
from helpers.interventions.fast import (
    COMPONENTS,
    Component,
    estimate_positions,
    replace_positions,
    replace_second_half,
)
from helpers.models import Model, Site, UnsupportedModelError
from helpers.results import label_array, token_coord

_MEAN = {"long_name": "change of the mean second-half loss", "units": "nats"}


def ablate_positions(
    model: Model,
    sample: Input,
    *,
    component: Component = "mlp_out",
    method: AblationMethod = "first_half",
) -> xr.Dataset:
    """The post's grid: replace one output of the second half at a time, in every layer.

    Exact, but only what a replacement can change is run again; see
    `helpers.interventions.fast.replace_positions`.

    Args:
        model: The model.
        sample: Repeated tokens.
        component: "mlp_out" (the post), "attn_out", or "z": single heads.
        method: What is put there: "first_half" (the post), "zero", "mean" or "resample"; see
            `helpers.interventions.AblationValues`.

    Returns:
        Dataset of `effect` over `sequence`, `layer`, (`head` for "z",) `position`, `target` (both
        N+1 … 2N): loss with the replacement minus loss without, nats, 0 where target <= position;
        and of its means over sequences and targets: `grid_blog` (targets N+1 … 2N) and `grid`
        (N+2 … 2N). One replacement is averaged over all N targets there: effects are diluted
        N-fold.

    Raises:
        UnsupportedModelError: If the model has no MLPs, and MLPs are asked for.
        ValueError: If component or method is unknown, or the method needs more sequences.
    """
    sample = read_repeated(model, sample)
    effect = _effect(model, sample, component, method, replace_positions, ("position", "target"))
    over = ("sequence", "target")
    return xr.Dataset(
        {
            "effect": effect,
            "grid_blog": effect.mean(over).assign_attrs(_MEAN),
            "grid": effect.isel(target=slice(1, None)).mean(over).assign_attrs(_MEAN),
        },
        attrs=_attrs(model, sample, component, method),
    )


def attribute_positions(
    model: Model,
    sample: Input,
    *,
    component: Component = "mlp_out",
    method: AblationMethod = "first_half",
) -> xr.Dataset:
    """The same grid estimated from gradients: one forward and one backward run for all cells.

    Args:
        model: The model.
        sample: Repeated tokens.
        component: As for `ablate_positions`.
        method: As for `ablate_positions`.

    Returns:
        Dataset of `effect` over `sequence`, `layer`, (`head` for "z",) `position`: estimated
        change of the mean loss over targets N+1 … 2N, nats; and `grid_blog`, its mean over
        sequences: compare it with `grid_blog` of `ablate_positions`.

    Raises:
        UnsupportedModelError: If the model has no MLPs, and MLPs are asked for.
        ValueError: If component or method is unknown, or the method needs more sequences.
    """
    sample = read_repeated(model, sample)
    effect = _effect(model, sample, component, method, estimate_positions, ("position",))
    effect.attrs["long_name"] = "estimated change of the mean second-half loss"
    return xr.Dataset(
        {"effect": effect, "grid_blog": effect.mean("sequence", keep_attrs=True)},
        attrs=_attrs(model, sample, component, method),
    )


def ablate_second_half(
    model: Model,
    sample: Input,
    *,
    component: Component = "mlp_out",
    method: AblationMethod = "first_half",
) -> xr.Dataset:
    """The undiluted reading: replace all outputs of the second half of one layer at once.

    Args:
        model: The model.
        sample: Repeated tokens.
        component: As for `ablate_positions`.
        method: As for `ablate_positions`.

    Returns:
        Dataset of `effect` over `sequence`, `layer`, (`head` for "z",) `target` (N+1 … 2N): loss
        with the replacement minus loss without, nats.

    Raises:
        UnsupportedModelError: If the model has no MLPs, and MLPs are asked for.
        ValueError: If component or method is unknown, or the method needs more sequences.
    """
    sample = read_repeated(model, sample)
    effect = _effect(model, sample, component, method, replace_second_half, ("target",))
    return xr.Dataset({"effect": effect}, attrs=_attrs(model, sample, component, method))


def component_sites(model: Model, component: Component) -> list[Site]:
    """The sites of a component in every layer.

    Raises:
        ValueError: If there is no such component.
        UnsupportedModelError: If the model has no MLPs, and MLPs are asked for.
    """
    if component not in COMPONENTS:
        raise ValueError(f"Unknown component {component!r}; there are {', '.join(COMPONENTS)}.")
    if component == "mlp_out" and not model.has_mlps:
        raise UnsupportedModelError(
            f'{model.name} is attention-only: it has no MLPs to replace. Take component="attn_out".'
        )
    return [Site(component, layer) for layer in range(model.n_layers)]


def _effect(
    model: Model,
    sample: RepeatedTokens,
    component: Component,
    method: AblationMethod,
    replace: Callable[..., Tensor],
    over: tuple[str, ...],
) -> xr.DataArray:
    """What replacing does, labelled: over `sequence`, `layer`, (`head`,) and second-half places."""
    tokens, n, sites = sample.tokens, sample.n, component_sites(model, component)
    values = AblationValues(model, tokens, sites, method=method, seed=sample.seed)
    found = replace(model, tokens, n, values, component, label=f"replacing {component}")
    heads = ("head",) if component == "z" else ()
    labels = label_tokens(model, tokens[0, n + 1 :])
    coords: dict[str, Any] = {dim: np.arange(n + 1, 2 * n + 1) for dim in over}
    for dim in over:
        coords |= token_coord(dim, labels)
    return label_array(
        found if heads else found.squeeze(2),
        ("sequence", "layer", *heads, *over),
        coords=coords,
        long_name="change of the loss at the target",
        units="nats",
    )


def _attrs(
    model: Model, sample: RepeatedTokens, component: Component, method: AblationMethod
) -> dict[str, str | int | float]:
    return about(model, sample, component=component, method=method)
