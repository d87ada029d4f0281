"""Groups of heads with one habit, found in their scores."""

from typing import Literal, get_args

import xarray as xr

from helpers.heads import Head
from helpers.results import rank_heads

Habit = Literal["induction", "previous_token", "duplicate_token"]
HABITS: tuple[Habit, ...] = get_args(Habit)

SHARE, TIMES_CHANCE = 0.5, 5.0
"""A member scores at least this share of the best head, and this many times chance."""


def find_groups(scores: xr.Dataset) -> dict[Habit, list[Head]]:
    """All heads of a model that share a habit, the best first.

    A head belongs to a group if it scores at least half of what the best head scores, and at
    least five times what uniform attention would. If no head comes that far the model has no
    such group, and it is left empty.

    Args:
        scores: Result of `score_heads`.

    Returns:
        The induction, previous-token and duplicate-token group.
    """
    groups = {}
    for habit in HABITS:
        ranking = rank_heads(scores, by=habit)
        least = max(SHARE * ranking[habit][0], TIMES_CHANCE * scores[habit].attrs["chance"])
        groups[habit] = ranking["head"][ranking[habit] >= least].tolist()
    return groups
