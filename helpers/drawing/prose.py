"""Sentences made from results, so that no text can say what the numbers do not."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr


class Prose(str):
    """Markdown text; a notebook renders it, everything else sees a string."""

    def _repr_markdown_(self) -> str:
        return str(self)


def bullets(before: str, lines: Sequence[str], after: str = "") -> Prose:
    """A list with what is said before and after it."""
    return Prose("\n".join([f"{before}\n", *(f"* {line}" for line in lines)]) + after)


def ranges(numbers: Sequence[int], *, end: int | None = None) -> str:
    """Whole numbers in words, runs of three or more as a range: "1, 3 to 9".

    Args:
        numbers: In ascending order.
        end: The last there can be: a run of three or more up to it is "3 or more".
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = []
    for run in runs:
        if len(run) < 3:
            parts += map(str, run)
        else:
            parts.append(f"{run[0]} or more" if run[-1] == end else f"{run[0]} to {run[-1]}")
    return ", ".join(parts)


def times(ratio: float) -> str:
    """A ratio in words: "4.2 times", "31 times"."""
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def interval(
    summary: xr.Dataset | pd.Series,
    form: str = ".2f",
    *,
    units: str = "",
    of: tuple[str, str, str] = ("mean", "low", "high"),
) -> str:
    """A number with its 95 % interval: "0.87 [0.86, 0.89]".

    Args:
        summary: One number with its ends: from `summarize`, or a row of a table.
        form: How to write each, "+.2f" for example where the sign matters.
        units: What it is counted in.
        of: What the number and its lower and upper end are called.
    """
    form = form if "z" in form else form.replace(".", "z.")  # nothing is -0.00
    mean, low, high = (format(float(np.asarray(summary[name])), form) for name in of)
    return f"{mean}{units and f' {units}'} [{low}, {high}]"


def middle_of(random: xr.DataArray) -> tuple[float, float]:
    """Between which numbers 95 % of random draws lie."""
    low, high = np.quantile(random.to_numpy(), [0.025, 0.975])
    return float(low), float(high)
