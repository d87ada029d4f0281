"""What a claim's number is counted in, and what it is held against in words."""

import math
import re

import numpy as np

_UNITS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("C1", "C2", "C7", "E3", "E4"), ("", "nats")),
    **dict.fromkeys(("E10", "E11", "E12", "E13", "E14", "E22"), ("", "nats")),
    **dict.fromkeys(("C3", "C4", "C5", "C8"), ("", "")),  # they say themselves what they count
    **dict.fromkeys(("E6", "E7", "E8"), ("accuracy", "")),
    **dict.fromkeys(("C6", "E1", "E20"), ("score", "")),
    **dict.fromkeys(("E15", "E16", "E17"), ("", "of the score")),
    **dict.fromkeys(("E19", "E21", "E23"), ("", "of the gain")),
    "E2": ("", "of the draws"),
    "E5": ("K-composition", ""),
    "E9": ("eigenvalue score", ""),
    "E18": ("", "logits"),
}
"""What stands before a claim's number, and what after that and after its controls."""

_CONTROLS: dict[str, tuple[str, str | None]] = {
    "first half": ("in the first half", None),
    "gain of the whole model": ("gain of the whole model", "nats"),
    "gain without a gap, nats": ("gain without a gap", "nats"),
    "gain, nats": ("gain of the second time", "nats"),
    "its chance": ("by chance", "of the tokens"),
    "query cut": ("with the query cut", None),
    "repeat": ("on the repeat", None),
    "seeds on top": ("first in", "of the seeds"),
    "text": ("on text", None),
    "tokens in the gap": ("gap of", "tokens"),
    "top-1 share": ("copied best", "of the tokens"),
    "whole logit": ("the target's whole logit", None),
}
"""Controls that need other words than their name; their unit, where that is not the claim's."""


def show(value: float | None, unit: str = "") -> str:
    """A number for a table or a sentence, without its unit.

    Args:
        value: The number, if there is one.
        unit: What it is counted in: nats and logits have two decimals, tokens none.
    """
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if unit == "tokens":
        return f"{value:,.0f}"
    if unit in ("nats", "logits") and size >= 0.1:
        return f"{value:.2f}"
    if size >= 0.01 or size < 1e-6:
        return f"{value:z.3f}"
    if size >= 0.0001:
        return f"{value:.4f}"
    return np.format_float_positional(value, precision=1, fractional=False, trim="-")


def say_number(
    id: str, value: float | None, low: float | None = None, high: float | None = None
) -> str:
    """A claim's number with its unit and its 95 % interval: "7.19 nats [7.02, 7.35]".

    Args:
        id: C1 …, E1 …: which claim's.
        value: The number; without one there is neither unit nor interval.
        low: Lower end of the interval, if there is one.
        high: Upper end.
    """
    if value is None:
        return show(value)
    after = unit_of(id)
    ends = "" if low is None else f" [{show(low, after)}, {show(high, after)}]"
    return dress(id, show(value, after)) + ends


def say_control(id: str, name: str, value: float | None) -> str:
    """What a claim's number is held against: "97.5th percentile of random heads 0.95 nats".

    Args:
        id: Which claim's.
        name: What the control is called where it is measured.
        value: The control.
    """
    plain = re.sub(r"^(.+), ([\d.]+) %$", r"\2th percentile of \1", name)
    words, own = _CONTROLS.get(name, (plain, None))
    unit = unit_of(id) if own is None else own
    return " ".join(part for part in (words, show(value, unit), unit) if part)


def dress(id: str, number: str) -> str:
    """A claim's number, already written, with its unit."""
    before, after = _UNITS[id]
    return " ".join(part for part in (before, number, after) if part)


def unit_of(id: str) -> str:
    """What stands after a claim's number and after its controls, if anything."""
    return _UNITS[id][1]
