"""How well two results of the same cells or heads agree."""

import math

import numpy as np
import pandas as pd
import xarray as xr


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
