"""Numbers with their intervals, as text."""

import xarray as xr


def interval(summary: xr.Dataset, *, sign: bool = False, digits: int = 2) -> str:
    """Mean and 95 % interval: "0.87 [0.86, 0.89]".

    Args:
        summary: One number's `mean`, `low`, `high`, from `summarize`.
        sign: Whether to write the sign of positive numbers too.
        digits: Digits after the point.
    """
    mean, low, high = (
        f"{float(summary[name]):{'+' if sign else ''}.{digits}f}"
        for name in ("mean", "low", "high")
    )
    return f"{mean} [{low}, {high}]"
