"""How well two results of the same cells or heads agree."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr


class Agreement(NamedTuple):
    """Correlation of the values and of their ranks, each in [-1, 1]."""

    pearson: float
    spearman: float


def correlate(one: xr.DataArray, other: xr.DataArray) -> Agreement:
    """How well two arrays over the same cells or heads agree.

    Args:
        one: Scores or effects, of any dimensions.
        other: The same of another measure.

    Returns:
        Pearson's correlation (of the values) and Spearman's (of the ranks); NaN if one of the
        arrays is constant.

    Raises:
        ValueError: If their sizes differ.
    """
    if one.sizes != other.sizes:
        raise ValueError(f"The sizes differ: {dict(one.sizes)} and {dict(other.sizes)}.")
    values = [array.transpose(*one.dims).to_numpy().ravel() for array in (one, other)]
    ranks = [pd.Series(column).rank().to_numpy() for column in values]
    return Agreement(_correlation(*values), _correlation(*ranks))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])
