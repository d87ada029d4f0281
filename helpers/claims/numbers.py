"""Numbers with what belongs to them."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from helpers.heads import Head
from helpers.metrics import wilson_interval
from helpers.results import NotMeasurableError, label_array, summarize


@dataclass(frozen=True)
class Number:
    """One measured number, with its 95 % interval if it has one."""

    value: float
    low: float = math.nan
    high: float = math.nan


def number_in(summary: xr.Dataset) -> Number:
    """The one number of a `summarize`d array, with its interval."""
    return Number(*(float(summary[name]) for name in ("mean", "low", "high")))


def mean_of(values: xr.DataArray | np.ndarray) -> Number:
    """Mean over sequences with its 95 % bootstrap interval; missing sequences are left out.

    Raises:
        NotMeasurableError: If all are missing.
    """
    flat = np.asarray(values, dtype=float).ravel()
    there = flat[~np.isnan(flat)]
    if not len(there):
        raise NotMeasurableError("nothing was measured in any sequence")
    return number_in(summarize(label_array(torch.tensor(there), ("sequence",))))


def share_of(share: float, tokens: int) -> Number:
    """A share of a sample of tokens with Wilson's 95 % interval."""
    return Number(share, *wilson_interval(share, tokens))


def upper(values: xr.DataArray) -> float:
    """The 97.5 % quantile of what a number is held against.

    Raises:
        NotMeasurableError: If there is nothing to hold it against.
    """
    if np.isnan(values.to_numpy()).all():
        raise NotMeasurableError("there are no other heads to hold it against")
    return float(np.quantile(values.to_numpy(), 0.975))


def upper_of_others(means: xr.DataArray, head: Head) -> float:
    """The 97.5 % quantile of all heads' means but that of one head.

    Raises:
        NotMeasurableError: If there is only that one.
    """
    if means.size < 2:
        raise NotMeasurableError("the model has one head")
    others = means.where((means["layer"] != head.layer) | (means["head"] != head.head))
    return float(np.nanquantile(others.to_numpy(), 0.975))


def plain(value: float) -> float | None:
    """A number for JSON: what is not finite is null."""
    return value if math.isfinite(value) else None
