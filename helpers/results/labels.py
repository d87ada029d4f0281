"""Names on numbers: labelled arrays that carry what they are and where they come from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from helpers.arguments import check_whole, say_value
from helpers.metrics import bootstrap_interval

Value = str | int | float
LEVEL = 0.95
"""Level of every interval, unless said otherwise."""


def label_array(
    data: Tensor,
    dims: Sequence[str],
    *,
    coords: Mapping[str, Any] | None = None,
    **attrs: Value,
) -> xr.DataArray:
    """Put names on a tensor.

    Args:
        data: Numbers on any device.
        dims: Name of each dimension. "layer" and "head" are numbered from 0 if `coords` does not
            say otherwise.
        coords: Coordinates by dimension or name, as xarray takes them.
        **attrs: What the numbers are: `long_name`, `units`, `chance` …

    Returns:
        A labelled array.
    """
    named = dict(coords or {})
    for dim, size in zip(dims, data.shape, strict=True):
        if dim in {"layer", "head", "sequence"}:
            named.setdefault(dim, np.arange(size))
    return xr.DataArray(data.detach().cpu().numpy(), dims=dims, coords=named, attrs=attrs)


def token_coord(dim: str, labels: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Token text along a dimension, as a coordinate that is not an index.

    Token labels repeat; as an index they would break alignment.
    """
    return {f"{dim}_token": (dim, list(labels))}


def summarize(data: xr.DataArray, *, seed: int = 0) -> xr.Dataset:
    """Mean over sequences with a bootstrap interval.

    Args:
        data: Numbers with a dimension "sequence".
        seed: Seed of the bootstrap.

    Returns:
        Dataset of `mean`, `low` and `high`, without the dimension; missing stays NaN.

    Raises:
        TypeError: If it is no array of numbers.
        ValueError: If there is no dimension "sequence".
    """
    if not isinstance(data, xr.DataArray) or data.dtype.kind not in "fiub":
        raise TypeError(
            f"One labelled array of numbers is summarized, not {say_value(data)}: for example "
            'summarize(scores["induction"]).'
        )
    check_whole(seed=seed)
    if "sequence" not in data.dims:
        raise ValueError(
            f'Nothing to summarize over: the dimensions are {data.dims}, without "sequence".'
        )
    values = data.transpose("sequence", ...)
    low, high = bootstrap_interval(
        torch.tensor(values.to_numpy(), dtype=torch.float32), level=LEVEL, seed=seed
    )
    mean = values.mean("sequence", keep_attrs=True, skipna=False)
    return xr.Dataset(
        {"mean": mean, "low": mean.copy(data=low.numpy()), "high": mean.copy(data=high.numpy())},
        attrs=data.attrs,
    )
