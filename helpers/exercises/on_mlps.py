"""Exercises of chapter 4: what one patched position can reach, and what a mean makes of it."""

import numpy as np

from helpers.exercises.check import exercise
from helpers.exercises.tasks import FunctionTask, NumberTask, Trial

COST = 3.0
"""Nats that the one target of the exercise loses."""


@exercise(
    "one target in the grid",
    hints=(
        "A cell of the grid shows a mean. Over how many targets?",
        "Over the N targets of the second half. One loses 3 nats, the others nothing.",
        "Add up the losses of all N targets, and divide by N.",
    ),
)
def one_target(*, n: int) -> NumberTask:
    """A patch costs one target of the second half 3 nats, and no other. What does its cell show?"""
    return NumberTask(
        truth=COST / n,
        within=0.003 * COST / n,
        near=0.1 * COST / n,
        mistakes={
            "That is what the target loses. The cell shows a mean.": COST,
            "The mean is over the N targets of the second half, not over all 2N.": COST / (2 * n),
            "The second half has N targets: N + 1 to 2N, the boundary too.": COST / (n - 1),
            "Targets N + 1 to 2N are N of them, not N + 1.": COST / (n + 1),
            "The others lose nothing, but the one still counts in the mean.": 0.0,
        },
        least=0.0,
        most=COST,
        outside="A mean lies between its smallest and its largest part: 0 and 3 nats.",
        otherwise="One of N targets loses 3 nats, the others 0.",
    )


@exercise(
    "targets_reached",
    hints=(
        "What a model computes at position p says something about position p + 1 and later ones.",
        "The targets of the second half stand at n + 1 to 2n. Which of them come after p?",
        "From p on it is 2n - p of them, but never more than the n that there are.",
    ),
)
def targets_reached() -> FunctionTask:
    """Write `targets_reached(p, n)`: how many targets of the second half a patch at p can move.

    Targets are the tokens at positions n + 1 to 2n; positions count from 0, BOS.
    """
    cases = [
        ("the first position of the second half", 7, 6, "Its own token is not predicted from it."),
        ("a position in the middle", 9, 6, "Every later target can move: count to 2n."),
        ("the last position", 12, 6, "No target comes after it."),
        ("the last position of the first half", 6, 6, "It predicts the boundary, which counts."),
        ("a position of the first half", 2, 6, "There are no more than n targets to move."),
        ("longer halves", 70, 50, "It depends on n as well."),
    ]
    return FunctionTask(
        [Trial(name, (p, n), float(min(n, 2 * n - p)), hint) for name, p, n, hint in cases]
    )


def _share(effect: np.ndarray) -> np.ndarray | np.floating:
    size = np.abs(effect)
    return size.max(-1) / size.sum(-1)


@exercise(
    "largest_share",
    hints=(
        "Effects have two signs. How large is one, whichever its sign?",
        "The largest absolute effect, as a share of all absolute effects together.",
        "`abs(effect).max(-1)` divided by `abs(effect).sum(-1)`.",
    ),
)
def largest_share() -> FunctionTask:
    """Write `largest_share(effect)`: which share of a cell's effect falls on one target.

    `effect` is `[..., target]`, signed; the share is of absolute effects, and the result has the
    shape of what stands before the last axis.
    """
    random = np.random.default_rng(2).normal(size=(3, 4, 7))
    trials = [
        ("an effect on one target", np.array([0.0, 3.0, 0.0, 0.0]), "That target has all of it."),
        ("an effect on all alike", np.full(4, 0.5), "Divide by all of them together."),
        ("a target that gains", np.array([-3.0, 1.0, 0.0]), "A gain is an effect too: its size."),
        ("gains and losses", np.array([2.0, -2.0, 1.0]), "Signs must not cancel in the sum."),
        ("many cells at once", random, "Only the last axis holds the targets of one cell."),
    ]
    return FunctionTask(
        [Trial(name, (given,), _share(given), hint) for name, given, hint in trials]
    )
