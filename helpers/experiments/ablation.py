"""Notebook 4: does the repeat need the MLPs?"""

import numpy as np
import xarray as xr
from torch import Tensor

from helpers import interventions
from helpers.experiments.provenance import run_attrs
from helpers.interventions import Component, Method, Replacement
from helpers.models import Model, UnsupportedModelError
from helpers.progress import Track, track
from helpers.results import label_array, token_coord
from helpers.tokens import RepeatedTokens, label_tokens

_MEAN = {"long_name": "change of the mean second-half loss", "units": "nats"}


def ablate_positions(
    model: Model,
    sample: RepeatedTokens,
    *,
    component: Component = "mlp_out",
    method: Method = "first_half",
) -> xr.Dataset:
    """The post's grid: replace one output of the second half at a time, in every layer.

    Exact, but only what a replacement can change is run again; see
    `helpers.interventions.replace_positions`.

    Args:
        model: The model.
        sample: Repeated tokens.
        component: "mlp_out" (the post), "attn_out", or "z": single heads.
        method: What is put there: "first_half" (the post), "zero", "mean" or "resample"; see
            `helpers.interventions.make_replacement`.

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
    tokens, n = sample.tokens, sample.n
    run = tokens.numel() * model.n_layers
    work = interventions.positions_work(model, len(tokens), n, component)
    with track(run + work, f"replacing {component}, position by position") as bar:
        replacement = _replacement(model, sample, component, method, track=bar.part(run))
        found = interventions.replace_positions(model, tokens, n, replacement, track=bar.part(work))
    effect = label_array(
        _units(found, component),
        _dims(component, "position", "target"),
        coords={**_second_half(model, sample, "position"), **_second_half(model, sample, "target")},
        long_name="change of the loss at the target",
        units="nats",
    )
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
    sample: RepeatedTokens,
    *,
    component: Component = "mlp_out",
    method: Method = "first_half",
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
    with track(4, f"estimating what {component} does") as bar:  # a run; one forward and backward
        replacement = _replacement(model, sample, component, method, track=bar.part(1))
        found = interventions.attribute_positions(
            model, sample.tokens, sample.n, replacement, track=bar.part(3)
        )
    effect = label_array(
        _units(found, component),
        _dims(component, "position"),
        coords=_second_half(model, sample, "position"),
        **{**_MEAN, "long_name": "estimated change of the mean second-half loss"},
    )
    return xr.Dataset(
        {"effect": effect, "grid_blog": effect.mean("sequence", keep_attrs=True)},
        attrs=_attrs(model, sample, component, method),
    )


def ablate_second_half(
    model: Model,
    sample: RepeatedTokens,
    *,
    component: Component = "mlp_out",
    method: Method = "first_half",
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
    tokens, n = sample.tokens, sample.n
    run = tokens.numel() * model.n_layers
    work = interventions.second_half_work(model, len(tokens), n, component)
    with track(run + work, f"replacing {component}, layer by layer") as bar:
        replacement = _replacement(model, sample, component, method, track=bar.part(run))
        found = interventions.replace_second_half(
            model, tokens, n, replacement, track=bar.part(work)
        )
    effect = label_array(
        _units(found, component),
        _dims(component, "target"),
        coords=_second_half(model, sample, "target"),
        long_name="change of the loss at the target",
        units="nats",
    )
    return xr.Dataset({"effect": effect}, attrs=_attrs(model, sample, component, method))


def _replacement(
    model: Model, sample: RepeatedTokens, component: Component, method: Method, *, track: Track
) -> Replacement:
    if component == "mlp_out" and not model.has_mlps:
        raise UnsupportedModelError(f"{model.name} is attention-only: it has no MLPs to replace.")
    return interventions.make_replacement(
        model,
        sample.tokens,
        sample.n,
        component=component,
        method=method,
        seed=sample.seed,
        track=track,
    )


def _units(found: Tensor, component: Component) -> Tensor:
    return found if component == "z" else found.squeeze(2)


def _dims(component: Component, *rest: str) -> tuple[str, ...]:
    return ("sequence", "layer", *(("head",) if component == "z" else ()), *rest)


def _attrs(
    model: Model, sample: RepeatedTokens, component: Component, method: Method
) -> dict[str, str | int | float]:
    return {**run_attrs(model, sample), "component": component, "method": method}


def _second_half(model: Model, sample: RepeatedTokens, dim: str) -> dict[str, object]:
    n = sample.n
    labels = label_tokens(model, sample.tokens[0, n + 1 :])
    return {dim: np.arange(n + 1, 2 * n + 1), **token_coord(dim, labels)}
