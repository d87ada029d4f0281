"""Where heads look, in words."""

import xarray as xr

from helpers.heads import Head
from helpers.prose.parts import Prose, times
from helpers.results import rank_heads


def describe_heads(scores: xr.Dataset, *, by: str = "induction") -> Prose:
    """Which heads lead a ranking and by how much, in words.

    Args:
        scores: Result of `score_heads`.
        by: The score.
    """
    ranking = rank_heads(scores, by=by)
    best, second = ranking.iloc[0], ranking.iloc[1]
    chance = float(scores[by].attrs["chance"])
    above = int((ranking[by].to_numpy() > 0.5).sum())
    apart = best["low"] > second["high"]
    lead = (
        f"its interval lies above that of the runner-up {second['head']} ({second[by]:.2f})"
        if apart
        else f"the runner-up {second['head']} ({second[by]:.2f}) overlaps with it"
    )
    name = by.replace("_", "-")
    return Prose(
        f"The best {name} head of **{scores.attrs['model']}** is **{best['head']}** "
        f"with a score of {best[by]:.2f} [{best['low']:.2f}, {best['high']:.2f}], "
        f"{times(float(best[by]) / chance)} what uniform attention would score ({chance:.3f}); "
        f"{lead}. "
        f"{above} of {len(ranking)} heads score above 0.5."
    )


def describe_pair(previous: Head, induction: Head) -> Prose:
    """Name the candidate circuit.

    Args:
        previous: Previous-token head.
        induction: Induction head.
    """
    return Prose(
        f"Candidate circuit: **{previous}** (previous token) → **{induction}** (induction)."
    )
