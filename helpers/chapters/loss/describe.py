"""How well the model predicts, in words."""

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
    moved = abs(second["log_prob"] - summary.loc["second_blog", "log_prob"])
    uniform = float(loss.attrs["uniform"])
    worse = "worse" if first["log_prob"] < uniform else "better"
    return Prose(
        f"**{loss.attrs['model']}** gives the targets of the first half a log-probability of "
        f"{first['log_prob']:.2f} nats on average, {worse} than knowing nothing "
        f"({uniform:.2f}): random tokens cannot be guessed. In the second half it is "
        f"{interval(second, of=('log_prob', 'log_prob_low', 'log_prob_high'))}, "
        f"**{gain:.2f} nats better**, and the first choice is right "
        f"{second['accuracy']:.0%} of the time. The boundary alone costs "
        f"{-boundary['log_prob']:.2f} nats; counted into the second "
        f"half, as the post does, it would lower the mean by "
        f"{moved:.2f} nats, about 1/{int(loss.attrs['n'])} of what it costs."
    )
