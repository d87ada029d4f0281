"""How well the model predicts, in words."""

import math

import pandas as pd
import xarray as xr

from helpers.drawing.prose import Prose, interval


def describe_loss(loss: xr.Dataset, summary: pd.DataFrame) -> Prose:
    """How much better the second half is predicted, in words.

    Args:
        loss: Result of `measure_loss`.
        summary: Result of `summarize_loss`.
    """
    first, second, boundary = (summary.loc[part] for part in ("first", "second", "boundary"))
    gain = second["log_prob"] - first["log_prob"]
    moved = summary.loc["second_blog", "log_prob"] - second["log_prob"]
    uniform = float(loss.attrs["uniform"])
    guess = "worse" if first["log_prob"] < uniform else "better"
    apart = not abs(gain) < 0.1  # also where one sequence has no interval
    better = (
        f"**{abs(gain):.2f} nats {'better' if gain > 0 else 'worse'}**"
        if apart
        else "about the same"
    )
    return Prose(
        f"**{loss.attrs['model']}** gives the targets of the first half a log-probability of "
        f"{first['log_prob']:.2f} nats on average, {guess} than knowing nothing ({uniform:.2f}). "
        f"In the second half it is "
        f"{interval(second, of=('log_prob', 'log_prob_low', 'log_prob_high'))}, {better}, "
        f"and the first guess is right {second['accuracy']:.0%} of the time. "
        f"{_describe_boundary(float(boundary['log_prob']), float(boundary['accuracy']))} "
        f"Counted into the second half, as the post does, it moves the mean by {moved:+z.2f} nats, "
        f"1/{int(loss.attrs['n'])} of how far it lies from the rest."
    )


def _describe_boundary(log_prob: float, right: float) -> str:
    """What the boundary costs; and, if first guesses are right there, how little they are given."""
    given = math.exp(log_prob)
    said = f"The boundary alone costs {-log_prob:.2f} nats"
    if right < 0.1 or given > right / 4:
        return f"{said}."
    return (
        f"{said}. The first guess there is right {right:.0%} of the time, but it is given only "
        f"{given:.1%}: that is no lookup, but a small standing bet that the sequence starts again."
    )
