"""What a finding is, and how numbers get their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
import xarray as xr

from helpers.claims.numbers import Number
from helpers.metrics import wilson_interval
from helpers.results import label_array, summarize

Results = Mapping[str, xr.Dataset]


@dataclass(frozen=True)
class Finding:
    """What was measured for a claim.

    Args:
        number: The number with its interval.
        controls: What it is held against, by name.
        holds: Whether the claim's rule is met.
        subject: Which heads.
    """

    number: Number
    controls: dict[str, float] = field(default_factory=dict)
    holds: bool = False
    subject: str = ""


def number_of(values: xr.DataArray | np.ndarray) -> Number:
    """Mean over sequences with its 95 % bootstrap interval; missing sequences are left out."""
    flat = np.asarray(values, dtype=float).ravel()
    there = flat[~np.isnan(flat)]
    summary = summarize(label_array(torch.tensor(there), ("sequence",)))
    return Number(*(float(summary[end]) for end in ("mean", "low", "high")))


def share_of(share: float, tokens: int) -> Number:
    """A share of a sample of tokens with Wilson's 95 % interval."""
    return Number(share, *wilson_interval(share, tokens))
