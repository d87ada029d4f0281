"""Exercises of chapter 2: scores of heads, their chance level, a control."""

from typing import Any

import numpy as np
import torch
import xarray as xr

from helpers.arguments import say_value
from helpers.exercises.check import exercise
from helpers.exercises.patterns import (
    SHORT,
    compiled_patterns,
    looking_back,
    resting,
    spreading,
)
from helpers.exercises.tasks import DesignTask, FunctionTask, NumberTask, Trial
from helpers.inputs import RepeatedTokens

STANDS_OUT = 0.5
"""Induction score from which a head counts as standing out."""


@exercise(
    "induction chance level",
    hints=(
        "A head that spreads its attention evenly gives each position the same share. How many "
        "positions can query q see?",
        "Query q sees positions 0 to q, which are q + 1. Which queries does the score average?",
        "The mean of 1 / (q + 1) over the queries N + 1 to 2N.",
    ),
)
def chance_level(*, n: int) -> NumberTask:
    """What is the induction score of a head that spreads its attention evenly?"""
    query = np.arange(n + 1, 2 * n + 1)
    every, extra = np.arange(1, 2 * n + 1), np.arange(n - 1, 2 * n + 1)
    return NumberTask(
        truth=(1 / (query + 1)).mean(),
        within=0.002 / n,  # 1/q for 1/(q + 1) is no more than five times that off
        near=0.1 / n,
        mistakes={
            "That is the share at the last query only. Earlier ones see fewer positions.": 1
            / (2 * n + 1),
            "Query q sees itself and BOS too: 0 to q are q + 1 positions.": (1 / query).mean(),
            "These are all queries. Only those of the second half are scored.": (
                1 / (every + 1)
            ).mean(),
            "These are the whole diagonal's queries: its first two do not belong to the score.": (
                1 / (extra + 1)
            ).mean(),
            "That is 1/N, as if a query saw one half only.": 1 / n,
        },
        least=0.0,
        most=1.0,
        outside="It is a share of attention: between 0 and 1.",
        otherwise="Attention adds up to 1 over all that a query sees.",
    )


@exercise(
    "heads that stand out",
    hints=(
        "The model needs one head that does it. Would training stop at one?",
        "Heads in the first layer cannot do it: nobody has written yet what came before.",
        "Average `scores['induction']` over the sequences, and count the heads above 0.5.",
    ),
)
def heads_standing_out(*, scores: xr.Dataset) -> NumberTask:
    """How many heads give more than half of their attention to where an induction head looks?"""
    mean = scores["induction"].mean("sequence").to_numpy()
    count = int((mean > STANDS_OUT).sum())
    most = mean.shape[1] * mean.shape[0]
    mistakes = {
        "That is every head of the model. Most do something else.": most,
        "That is one in each layer. The first layer has none, and some have several.": (
            mean.shape[0]
        ),
    }
    return NumberTask(
        truth=count,
        within=0.5,
        mistakes={hint: value for hint, value in mistakes.items() if value != count},
        least=0,
        most=most,
        outside=f"The model has {most} heads.",
        otherwise="Count the dark cells of the map when it is there.",
    )


def _duplicate(pattern: np.ndarray, n: int) -> np.ndarray | np.floating:
    query = np.arange(n + 1, 2 * n + 1)
    return pattern[..., query, query - n].mean(-1)


@exercise(
    "duplicate_score",
    hints=(
        "At which position stood the token of query q for the first time?",
        "At q - n, one step before the place an induction head looks at. The queries are "
        "n + 1 to 2n, as for the induction score.",
        "Index as the chapter does: `pattern[..., query, query - n]`, then the mean of the last "
        "axis.",
    ),
)
def duplicate_score() -> FunctionTask:
    """Write `duplicate_score(pattern, n)`: how much a head looks at the earlier copy of a token.

    `pattern` is `[..., query, key]` on `[BOS, r, r]`; the result has the shape of what stands
    before the last two axes.
    """
    n = SHORT
    previous, induction = compiled_patterns()
    random = np.random.default_rng(0).random((2, 3, 2 * n + 1, 2 * n + 1)) * np.tri(2 * n + 1)
    random /= random.sum(-1, keepdims=True)
    first_half = np.where(np.arange(2 * n + 1)[:, None] <= n, resting(), spreading())
    trials = [
        (
            "a head that looks at the earlier copy",
            looking_back(n),
            "From query q the copy is at q - n, and every query of the second half counts.",
        ),
        (
            "an induction head",
            looking_back(n - 1),
            "It looks one step after the copy. That is another score, and here the result is 0.",
        ),
        (
            "a head that always rests on BOS",
            resting(),
            "The whole diagonal has one entry more, at query n, where the key is BOS. Start at "
            "query n + 1.",
        ),
        (
            "a head that rests on BOS in the first half and then spreads",
            first_half,
            "Only queries n + 1 to 2n count; then divide by their number, which is n.",
        ),
        (
            "many heads at once, [sequence, head, query, key]",
            random,
            "Index the last two axes, `pattern[..., query, key]`, and average the last one only.",
        ),
        (
            "the previous-token head of a model written by hand",
            previous,
            "It looks at q - 1, whatever stands there: no entry of it is a copy.",
        ),
        (
            "the induction head of that model",
            induction,
            "It looks one step after the copy, and where there is none it spreads.",
        ),
    ]
    return FunctionTask(
        [Trial(name, (given, n), _duplicate(given, n), hint) for name, given, hint in trials]
    )


@exercise(
    "a control without a repeat",
    hints=(
        "An induction head needs a token that stood there before. What must the second half lack?",
        "Keep all else: BOS, the length, the first half. Draw the second half from tokens that "
        "the first does not hold.",
        "There is a helper for it beside the scores, named after what it draws: type `scan.sample` "
        "and press Tab.",
    ),
)
def control_sequences(*, sample: RepeatedTokens) -> DesignTask:
    """Build sequences like `sample.tokens` that give an induction head nothing to find."""
    n, tokens = sample.n, sample.tokens.cpu().numpy()

    def read(answer: Any) -> np.ndarray:
        found = getattr(answer, "tokens", answer)
        if isinstance(found, torch.Tensor):
            found = found.cpu().numpy()
        try:
            found = np.asarray(found)
        except ValueError:
            found = np.asarray(None)
        if found.ndim != 2 or found.dtype.kind not in "iu":
            raise TypeError(
                f"Give whole numbers [sequence, position], as sample.tokens, not "
                f"{say_value(answer)}."
            )
        return found

    def apart(found: np.ndarray) -> bool:
        return not any({*row[1 : n + 1]} & {*row[n + 1 :]} for row in found)

    return DesignTask(
        read,
        {
            "A control has the same length: 2N + 1 positions.": lambda found: (
                found.shape[1] == tokens.shape[1]
            ),
            "Every sequence begins with BOS, as those of the sample: many heads rest there.": (
                lambda found: bool((found[:, 0] == tokens[0, 0]).all())
            ),
            "BOS stands at the start only.": lambda found: bool(
                (found[:, 1:] != tokens[0, 0]).all()
            ),
            "The second half still repeats the first.": lambda found: (
                not bool((found[:, 1 : n + 1] == found[:, n + 1 :]).all(-1).any())
            ),
            "The order is gone, but the tokens are still those of the first half: a head that "
            "looks for an earlier copy finds one.": lambda found: (
                not any({*row[1 : n + 1]} == {*row[n + 1 :]} for row in found)
            ),
            "Some tokens of the second half stand in the first as well.": apart,
        },
    )
