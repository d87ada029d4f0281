"""Exercises of chapter 3: reading patterns."""

import numpy as np

from helpers.exercises.check import exercise
from helpers.exercises.patterns import compiled_patterns, looking_back, resting, spreading
from helpers.exercises.tasks import FunctionTask, NumberTask, Trial


@exercise(
    "where the induction head looks",
    hints=(
        "Where did the token of this query stand in the first half?",
        "At query - N. An induction head wants to know what came after it.",
        "One step further: query - N + 1.",
    ),
)
def looked_at(*, n: int, query: int) -> NumberTask:
    """At which position should an induction head look, from this query of the second half?"""
    return NumberTask(
        truth=query - n + 1,
        within=0.0,
        mistakes={
            "There stood the same token. A duplicate-token head looks there; an induction head "
            "wants what came after it.": query - n,
            "That is one position back: a previous-token head.": query - 1,
            "That is BOS, where a head rests that finds nothing.": 0,
            "That is before the earlier copy. What came *after* it?": query - n - 1,
            "That is the query itself.": query,
        },
        least=0,
        most=query,
        outside="A query sees positions 0 to itself: a causal model cannot look ahead.",
        otherwise="Count from the token's first time.",
    )


def _distance(pattern: np.ndarray) -> np.ndarray | np.floating:
    size = pattern.shape[-1]
    back = np.arange(size)[:, None] - np.arange(size)[None]
    return (pattern * back).sum(-1).mean(-1)


@exercise(
    "mean_distance",
    hints=(
        "From query q to key k it is q - k steps back. Which steps count how much?",
        "Each key counts as much as it is attended to: attention times steps, added up over keys.",
        "Make a matrix of steps with `np.arange(size)[:, None] - np.arange(size)`, multiply, sum "
        "over keys, average over queries.",
    ),
)
def mean_distance() -> FunctionTask:
    """Write `mean_distance(pattern)`: how many steps back a head looks on average.

    `pattern` is `[..., query, key]`; every query counts the same, and a key as much as it is
    attended to.
    """
    previous, induction = compiled_patterns()
    random = np.random.default_rng(1).random((2, 9, 9)) * np.tri(9)
    random /= random.sum(-1, keepdims=True)
    half = (looking_back(0) + resting()) / 2
    trials = [
        ("a head that looks at itself", looking_back(0), "Zero steps: count from the query."),
        (
            "a previous-token head written by hand",
            previous,
            "Back is positive: query minus key. BOS itself can only look at itself.",
        ),
        ("a head that rests on BOS", resting(), "From query q it is q steps to position 0."),
        (
            "a head of two minds, half here, half on BOS",
            half,
            "Weigh every key by its attention; the largest one alone is not the whole.",
        ),
        ("a head that spreads evenly", spreading(), "Sum over keys, then the mean over queries."),
        ("an induction head written by hand", induction, "All queries count, the first half too."),
        ("two heads at once", random, "Sum over the last axis, then average the last one left."),
    ]
    return FunctionTask(
        [Trial(name, (given,), _distance(given), hint) for name, given, hint in trials]
    )


@exercise(
    "what is left of the stripe",
    hints=(
        "The induction head searches for a note. Who writes it, and how many do?",
        "If one head alone wrote it, nothing would be left; if others write it too, much is.",
        "The mean of the stripe without the head, divided by the mean of the stripe with it.",
    ),
)
def left_of_stripe(*, stripe: np.ndarray, left: np.ndarray) -> NumberTask:
    """Which share of the stripe is left when the previous-token head is ablated, from 0 to 1?"""
    before, after = float(np.mean(stripe)), float(np.mean(left))
    return NumberTask(
        truth=after / before,
        within=0.05,
        mistakes={
            "That is the share that is gone. Asked for is what is left.": 1 - after / before,
            "That would be all of it, as if the head did nothing.": 1.0,
        },
        least=-0.05,
        most=1.5,
        outside="A share: 0 is nothing left, 1 is all of it.",
        otherwise="Several heads may write the same note, on a large model above all.",
    )
