"""Names on numbers: labelled arrays that carry what they are and where they come from."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from helpers.heads import Head
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
        ValueError: If there is no dimension "sequence".
    """
    if "sequence" not in data.dims:
        raise ValueError(f"Nothing to summarize over: the dimensions are {data.dims}.")
    values = data.transpose("sequence", ...)
    low, high = bootstrap_interval(
        torch.tensor(values.to_numpy(), dtype=torch.float32), level=LEVEL, seed=seed
    )
    mean = values.mean("sequence", keep_attrs=True, skipna=False)
    return xr.Dataset(
        {"mean": mean, "low": mean.copy(data=low.numpy()), "high": mean.copy(data=high.numpy())},
        attrs=data.attrs,
    )


def correlate_cells(exact: xr.DataArray, estimate: xr.DataArray) -> dict[str, float]:
    """How well an estimated grid of effects agrees with the exact one.

    The cells of the last position are left out: nothing comes after them, they are 0 in both.

    Args:
        exact: Effects over `layer` and `position`.
        estimate: The same, estimated.

    Returns:
        `pearson` (of the values), `spearman` (of the ranks), each in [-1, 1], and `cells`, how
        many went in. NaN if one of the grids is constant.

    Raises:
        ValueError: If the grids have different sizes.
    """
    if exact.sizes != estimate.sizes:
        raise ValueError(f"The grids differ: {dict(exact.sizes)} and {dict(estimate.sizes)}.")
    values = [
        grid.transpose("layer", "position").to_numpy()[:, :-1].ravel() for grid in (exact, estimate)
    ]
    ranks = [pd.Series(column).rank().to_numpy() for column in values]
    return {
        "pearson": _correlation(*values),
        "spearman": _correlation(*ranks),
        "cells": float(values[0].size),
    }


def correlate_scores(one: xr.DataArray, other: xr.DataArray) -> dict[str, float]:
    """How well two scores of the same heads agree.

    Args:
        one: A score over `layer` and `head`.
        other: Another one.

    Returns:
        `pearson` (of the values) and `spearman` (of the ranks), each in [-1, 1]. NaN if one of
        the scores is the same for all heads.

    Raises:
        ValueError: If the scores are of different heads.
    """
    if one.sizes != other.sizes:
        raise ValueError(f"The scores differ: {dict(one.sizes)} and {dict(other.sizes)}.")
    values = [score.transpose("layer", "head").to_numpy().ravel() for score in (one, other)]
    ranks = [pd.Series(column).rank().to_numpy() for column in values]
    return {"pearson": _correlation(*values), "spearman": _correlation(*ranks)}


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def rank_heads(scores: xr.Dataset, *, by: str = "induction") -> pd.DataFrame:
    """All heads as a table, the highest score first, with an interval over sequences.

    Args:
        scores: Result of `score_heads`.
        by: Which score to rank by.

    Returns:
        One row a head: `head` (a `Head`), the score, `low` and `high` of its 95 % bootstrap
        interval, then the other scores.

    Raises:
        ValueError: If there is no such score.
    """
    if by not in scores:
        raise ValueError(f"No score {by!r}; there are {', '.join(map(str, scores.data_vars))}.")
    summary = summarize(scores[by])
    means = scores.mean("sequence").stack(flat=("layer", "head"))
    places = means["flat"].to_numpy()
    table = pd.DataFrame(
        {
            "head": [Head(int(layer), int(head)) for layer, head in places],
            by: means[by].to_numpy(),
            "low": summary["low"].stack(flat=("layer", "head")).to_numpy(),
            "high": summary["high"].stack(flat=("layer", "head")).to_numpy(),
            **{str(other): means[other].to_numpy() for other in scores.data_vars if other != by},
        }
    )
    return table.sort_values(by, ascending=False, kind="stable", ignore_index=True)


def find_pair(scores: xr.Dataset) -> tuple[Head, Head]:
    """The candidate circuit: best induction head, best previous-token head in a layer before it.

    Args:
        scores: Result of `score_heads`.

    Returns:
        Previous-token head and induction head.

    Raises:
        ValueError: If no head past layer 0 is left to be the induction head.
    """
    by_induction = [head for head in rank_heads(scores, by="induction")["head"] if head.layer > 0]
    if not by_induction:
        raise ValueError("A two-head circuit needs two layers, the model has one.")
    induction = by_induction[0]
    by_previous = rank_heads(scores, by="previous_token")["head"]
    return next(head for head in by_previous if head.layer < induction.layer), induction


def keep(result: xr.Dataset, name: str) -> xr.Dataset:
    """Save a result beside the run, if there is a run, and pass it on.

    `make notebooks` names a folder in `HELPERS_RESULTS`; there the result lands as
    `name.nc`, for the claims table. Elsewhere nothing is written.

    Args:
        result: The result.
        name: File name without its ending.

    Returns:
        The same result.
    """
    folder = os.environ.get("HELPERS_RESULTS")
    if folder:
        save_result(result, Path(folder) / f"{name}.nc")
    return result


def save_result(result: xr.Dataset, path: Path) -> None:
    """Write a result as netCDF, in one step: a killed write leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    result.to_netcdf(partial, engine="h5netcdf")
    partial.replace(path)


def load_result(path: Path) -> xr.Dataset:
    """Read a result that `save_result` wrote.

    Raises:
        FileNotFoundError: If it is not there.
    """
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()


def write_json(data: object, path: Path) -> None:
    """Write JSON in one step: a killed write leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(
        json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    partial.replace(path)
