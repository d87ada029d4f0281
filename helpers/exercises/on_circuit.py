"""Exercises of chapter 5: what a matrix of matches says."""

import numpy as np

from helpers.exercises.check import exercise
from helpers.exercises.tasks import FunctionTask, NumberTask, Trial
from helpers.models import Model

_UNIT = np.eye(5)
_SHIFTED = np.roll(_UNIT, 1, axis=1)
_POPULAR = 2 * _UNIT + 3 * (np.arange(5) == 0) - 4
"""One column is high for everybody."""


@exercise(
    "circuit chance level",
    hints=(
        "A circuit that knows nothing picks one of the tokens. How many are there now?",
        "By hand it was one of 300. The helper takes the whole vocabulary.",
        "One right token out of `model.d_vocab`.",
    ),
)
def circuit_chance(*, model: Model) -> NumberTask:
    """How often would the own entry be the largest by chance, with the whole vocabulary?"""
    v = model.d_vocab
    return NumberTask(
        truth=1 / v,
        within=0.02 / v,
        near=0.2 / v,
        mistakes={
            "That is the chance level of the 300 tokens by hand.": 1 / 300,
            "That is the number of tokens. Only one of them is right.": v,
            "There is one own entry in each row of V, not one in the whole matrix.": 1 / v**2,
            "That would be so with two tokens.": 0.5,
        },
        least=0.0,
        most=1.0,
        outside="A share lies between 0 and 1.",
        otherwise="One of how many?",
    )


def _copying(matrix: np.ndarray) -> np.ndarray | np.floating:
    return (matrix.argmax(-1) == np.arange(len(matrix))).mean()


@exercise(
    "copying_share",
    hints=(
        "Row i is what a head writes when it looks at token i. When does it copy?",
        "If the largest entry of row i is entry i.",
        "Compare `matrix.argmax(-1)` with `np.arange(len(matrix))`, and average.",
    ),
)
def copying_share() -> FunctionTask:
    """Write `copying_share(matrix)`: for what share of tokens does the own logit rise most?

    `matrix` is `[token looked at, token said]`.
    """
    random = np.random.default_rng(3).normal(size=(30, 30)) + 2 * np.eye(30)
    trials = [
        ("a head that copies", _UNIT, "Every token has the largest entry in its own place."),
        (
            "a head that says the next token",
            _SHIFTED,
            "No own entry is the largest: the share is 0.",
        ),
        (
            "a head that suppresses what it sees",
            -_UNIT,
            "The own entry is the smallest in its row.",
        ),
        (
            "a head that says one token most, whatever it sees",
            _POPULAR,
            "Compare within a row: what is said for one token that is looked at.",
        ),
        ("a head that copies a little", random, "A positive own entry is not yet the largest."),
        (
            "a head that copies, all entries raised",
            _UNIT + 5,
            "Only the order within a row counts.",
        ),
    ]
    return FunctionTask(
        [Trial(name, (given,), _copying(given), hint) for name, given, hint in trials]
    )


def _reciprocal(match: np.ndarray) -> np.ndarray | np.floating:
    own = np.diagonal(match)[:, None]
    return (1 / (1 + (match > own).sum(-1))).mean()


@exercise(
    "mean_reciprocal_rank",
    hints=(
        "The rank of the own entry is 1 if no entry of its row is larger.",
        "Rank is 1 plus the number of larger entries in the row.",
        "`own = np.diagonal(match)[:, None]`; count `match > own` over keys; average 1 / (1 + "
        "that).",
    ),
)
def write_reciprocal_rank() -> FunctionTask:
    """Write `mean_reciprocal_rank(match)`: the mean of 1 / rank of each token's own entry.

    `match` is `[query token, key token]`; ranks run along keys, the largest entry has rank 1.
    """
    random = np.random.default_rng(4).normal(size=(12, 12))
    trials = [
        ("a perfect match", _UNIT, "Rank 1 everywhere, not 0: the mean is 1."),
        ("always the second", _UNIT + 2 * _SHIFTED, "Rank 2 everywhere gives 1/2."),
        ("always the last", -_UNIT, "Rank 5 of 5 everywhere gives 1/5."),
        (
            "one key that all queries like",
            _POPULAR,
            "Along keys: compare within a row; then average 1 / rank, not ranks.",
        ),
        (
            "a random match",
            random,
            "The mean of 1 / rank is not 1 / the mean rank.",
        ),
    ]
    return FunctionTask(
        [Trial(name, (given,), _reciprocal(given), hint) for name, given, hint in trials]
    )
