"""Exercises of chapter 1: what a token costs, and what repeating saves."""

import numpy as np
import xarray as xr

from helpers.exercises.check import exercise
from helpers.exercises.tasks import FunctionTask, NumberTask, Trial
from helpers.models import Model


@exercise(
    "loss of a blind guess",
    hints=(
        "A blind guess gives each of the V tokens the same probability. Which one?",
        "The loss is the log-probability without its minus sign, and the logarithm is the natural "
        "one.",
        "Minus the logarithm of 1/V is the logarithm of V; `model.d_vocab` is V.",
    ),
)
def blind_guess(*, model: Model) -> NumberTask:
    """What does a target cost, in nats, if the model gives every token the same probability?"""
    v = model.d_vocab
    return NumberTask(
        truth=np.log(v),
        within=0.05,
        mistakes={
            "These are bits. Nats come from the natural logarithm.": np.log2(v),
            "That is the logarithm to base 10. Nats come from the natural one.": np.log10(v),
            "That is the log-probability. A loss is the same without the minus sign.": -np.log(v),
            "That is the probability itself. The loss is minus its logarithm.": 1 / v,
            "That is the number of tokens. What is the logarithm of their common probability?": v,
        },
        least=0.0,
        outside="A loss is never below 0: the logarithm of a probability is negative.",
        otherwise="Start from the probability that each of V tokens gets.",
    )


@exercise(
    "accuracy of the second half",
    hints=(
        "If the model looks everything up, how often is its first guess right?",
        "The boundary, which nobody can know, is not counted here.",
        "The rows of `loss.summarize_loss(measured)` are named after the halves; the column is "
        "`accuracy`.",
    ),
)
def guess_accuracy(*, measured: xr.Dataset) -> NumberTask:
    """How often is the model's first guess right in the second half? A share from 0 to 1."""
    n = int(measured.sizes["position"]) // 2
    right = measured["top1"].to_numpy().astype(float)
    first, second = right[:, :n].mean(), right[:, n + 1 :].mean()
    return NumberTask(
        truth=second,
        within=0.05,
        mistakes={
            "That is the share in the first half, where nothing repeats yet.": first,
            "That is how often it is wrong. Asked for is how often it is right.": 1 - second,
            "That is one guess in V: the model would have learned nothing from the first half.": 0,
        },
        least=0.0,
        most=1.0,
        outside="A share lies between 0 and 1: 50 % is 0.5.",
        otherwise="What would looking up give, and how sure is it?",
    )


def _score(log_prob: np.ndarray, n: int) -> np.ndarray | np.floating:
    late = max(1, round(n / 10))
    return log_prob[:, -late:].mean(-1) - log_prob[:, :n].mean(-1)


@exercise(
    "in_context_score",
    hints=(
        "Targets run from position 1 to 2N, so entry i is the target at position i + 1.",
        "The last tenth of the second half is `round(n / 10)` targets, one at least, at the end.",
        "Two means over the last axis, and a difference: late minus early, one number a sequence.",
    ),
)
def in_context_score() -> FunctionTask:
    """Write `in_context_score(log_prob, n)`: last tenth of the second half minus first half.

    `log_prob` is `[sequence, target]` with the 2n targets of each sequence; the result holds one
    number a sequence.
    """
    steps = np.where(np.arange(20) <= 10, -5.0, -1.0)[None]
    boundary = np.where(np.arange(20) == 10, -9.0, -1.0)[None]
    rising = np.linspace(-8, 0, 40)[None]
    early = np.where(np.arange(40) < 20, -4.0, -2.0)[None].copy()
    early[0, 21:30] = -6.0
    random = np.random.default_rng(0).normal(-3, 1, (3, 100))
    short = np.array([[-3.0, -2.0, -9.0, -1.0]])
    trials = [
        ("two flat halves", steps, 10, "Late minus early: learning makes it positive."),
        ("a costly boundary", boundary, 10, "The boundary belongs to neither of the two."),
        ("a line that rises", rising, 20, "A mean, not a sum; a tenth of n, not of 2n."),
        ("a bad beginning of the second half", early, 20, "Only its last tenth counts."),
        ("three sequences", random, 50, "One number a sequence: average over targets only."),
        ("halves of two tokens", short, 2, "A tenth of 2 rounds to 0: take one target at least."),
    ]
    return FunctionTask(
        [Trial(name, (given, n), _score(given, n), hint) for name, given, n, hint in trials]
    )
