"""Notebook 4: does the repeat need the MLPs?"""

import numpy as np
import xarray as xr

from helpers.experiments.provenance import run_attrs
from helpers.interventions import replace_by_first_half, replace_whole_second_half
from helpers.models import Model, UnsupportedModelError
from helpers.progress import track
from helpers.results import label_array, token_coord
from helpers.tokens import RepeatedTokens, label_tokens


def ablate_mlp_positions(model: Model, sample: RepeatedTokens) -> xr.Dataset:
    """The post's grid: replace one MLP output of the second half by the first half's.

    One forward pass for each layer and position (and sequence): use few sequences.

    Args:
        model: The model.
        sample: Repeated tokens.

    Returns:
        Dataset of `effect` over `sequence`, `layer`, `position`, `target` (both N+1 … 2N): loss
        with the replacement minus loss without, nats, 0 where target <= position; and of its
        means over targets: `grid_blog` (targets N+1 … 2N) and `grid` (N+2 … 2N), over `layer` and
        `position`, averaged over sequences too. One replacement is averaged over all N targets
        there: effects are diluted N-fold.

    Raises:
        UnsupportedModelError: If the model has no MLPs.
    """
    _need_mlps(model)
    effect = label_array(
        replace_by_first_half(model, sample.tokens, sample.n, track=track),
        ("sequence", "layer", "position", "target"),
        coords={**_second_half(model, sample, "position"), **_second_half(model, sample, "target")},
        long_name="change of the loss at the target",
        units="nats",
    )
    name = {"long_name": "change of the mean second-half loss", "units": "nats"}
    over = ("sequence", "target")
    return xr.Dataset(
        {
            "effect": effect,
            "grid_blog": effect.mean(over).assign_attrs(name),
            "grid": effect.isel(target=slice(1, None)).mean(over).assign_attrs(name),
        },
        attrs=run_attrs(model, sample),
    )


def ablate_mlp_second_half(model: Model, sample: RepeatedTokens) -> xr.Dataset:
    """The undiluted reading: replace all MLP outputs of the second half of one layer at once.

    Args:
        model: The model.
        sample: Repeated tokens.

    Returns:
        Dataset of `effect` over `sequence`, `layer`, `target` (N+1 … 2N): loss with the
        replacement minus loss without, nats.

    Raises:
        UnsupportedModelError: If the model has no MLPs.
    """
    _need_mlps(model)
    effect = label_array(
        replace_whole_second_half(model, sample.tokens, sample.n, track=track),
        ("sequence", "layer", "target"),
        coords=_second_half(model, sample, "target"),
        long_name="change of the loss at the target",
        units="nats",
    )
    return xr.Dataset({"effect": effect}, attrs=run_attrs(model, sample))


def _second_half(model: Model, sample: RepeatedTokens, dim: str) -> dict[str, object]:
    n = sample.n
    labels = label_tokens(model, sample.tokens[0, n + 1 :])
    return {dim: np.arange(n + 1, 2 * n + 1), **token_coord(dim, labels)}


def _need_mlps(model: Model) -> None:
    if not model.has_mlps:
        raise UnsupportedModelError(f"{model.name} is attention-only: it has no MLPs to replace.")
