"""Which heads lead a ranking, and how firmly, in words."""

import xarray as xr

from helpers.drawing.prose import Prose, interval, times
from helpers.results import rank_heads, selection_frequency


def describe_heads(scores: xr.Dataset, *, by: str = "induction") -> Prose:
    """Which heads lead a ranking and by how much, in words.

    Args:
        scores: Result of `score_heads`.
        by: The score.
    """
    ranking = rank_heads(scores, by=by)
    best = ranking.iloc[0]
    chance = float(scores[by].attrs["chance"])
    above = int((ranking[by].to_numpy() > 0.5).sum())
    score = interval(best, ".3f", of=(by, "low", "high"))
    kind, model = by.replace("_", "-"), scores.attrs["model"]
    if best["low"] < 2 * chance:
        return Prose(
            f"No {kind} head of **{model}** stands out: the best, {best['head']}, has a score of "
            f"{score}, and uniform attention would score {chance:.3f}."
        )
    lead = "the model has no other head"
    if len(ranking) > 1:
        second = ranking.iloc[1]
        runner_up = f"the runner-up {second['head']} ({second[by]:.3f})"
        apart = best["low"] > second["high"]
        lead = f"{runner_up} overlaps with it"
        lead = f"its interval lies above that of {runner_up}" if apart else lead
    count = f"{above} of {len(ranking)} heads {'scores' if above == 1 else 'score'}"
    return Prose(
        f"The best {kind} head of **{model}** is **{best['head']}** with a score of {score}, "
        f"{times(float(best[by]) / chance)} what uniform attention would score ({chance:.3f}); "
        f"{lead}. {count if above else 'No head scores'} above 0.5."
    )


def describe_stability(stability: xr.Dataset, by: str = "induction") -> Prose:
    """Whether other random tokens would have found the same head, in words.

    Args:
        stability: Result of `score_stability`.
        by: "induction" or "previous_token".
    """
    table = selection_frequency(stability, by)
    best, others = table.iloc[0], table.iloc[1:2]
    seeds, sequences = stability.sizes["seed"], stability.sizes["sequence"]
    lead = interval(best, ".3f", of=(by, "low", "high"))
    behind = "".join(
        f" The runner-up, {row['head']}, has {interval(row, '.3f', of=(by, 'low', 'high'))} and "
        f"comes first in {row['draws_on_top']:.0%} of the draws."
        for _, row in others.iterrows()
    )
    said = Prose(
        f"Over {seeds} seeds of {sequences} sequences the best {by.replace('_', '-')} head of "
        f"**{stability.attrs['model']}** is **{best['head']}** with {lead}: it comes first with "
        f"{best['seeds_on_top']} of {seeds} seeds and in {best['draws_on_top']:.0%} of bootstrap "
        f"draws.{behind}"
    )
    if "unrepeated" not in table:
        return said
    still, chance = best["unrepeated"], float(stability[by].attrs["chance"])
    if best["low"] < 2 * chance:
        verdict = "it looks there hardly more than anywhere else, repeat or not"
    elif still < best[by] / 2:
        verdict = "it looks there because of what repeats, not because of how far away it is"
    else:
        verdict = "it looks there even if nothing repeats, so its score says little about repeats"
    return Prose(
        f"{said} Where nothing repeats, {best['head']} gives the same entries {still:.3f} of its "
        f"attention (uniform attention: {chance:.3f}): {verdict}."
    )
