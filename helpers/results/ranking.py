"""Heads in order of a score."""

import pandas as pd
import xarray as xr

from helpers.heads import Head
from helpers.results.labels import summarize


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
