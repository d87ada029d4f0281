"""Exercises of chapter 7: which arrow carries the note, and how much a few heads do."""

import numpy as np
import xarray as xr

from helpers.exercises.check import exercise
from helpers.exercises.tasks import ChoiceTask, FunctionTask, Trial


@exercise(
    "the input that carries the note",
    hints=(
        "The note stands at the token that is looked at, not at the one that looks.",
        "What is looked at offers its key; what looks asks with its query; the value is what is "
        "carried over once the head looks there.",
        "Which bar in the upper figure is lowest, averaged over the heads?",
    ),
)
def carrying_input(*, cuts: xr.Dataset) -> ChoiceTask:
    """Which input of the induction heads is hurt most if what the senders write is missing there?

    "query", "key" or "value".
    """
    inputs = ["query", "key", "value"]
    left = cuts["score"].sel(effect="total", cut=inputs).mean(["sequence", "head_name"])
    carries = inputs[int(left.to_numpy().argmin())]
    return ChoiceTask(
        carries,
        {
            "query": "The query says what the head looks for. Where does the note stand: at the "
            "token that looks, or at the one that is looked at?",
            "key": "On this model another input is hurt more: read the bars of the total effect.",
            "value": "The value is what is carried over once the head looks there; it cannot "
            "change where the head looks.",
        },
    )


def _faithfulness(kept: np.ndarray | float, whole: float, none: float) -> np.ndarray | float:
    return (none - kept) / (none - whole)


@exercise(
    "faithfulness_of",
    hints=(
        "With no heads the loss is `none`, with all of them `whole`. What is the whole gain?",
        "The whole gain is `none - whole`. Which part of it do the kept heads bring?",
        "`none - kept`, divided by `none - whole`.",
    ),
)
def faithfulness_of() -> FunctionTask:
    """Write `faithfulness_of(kept, whole, none)`: which share of the gain a few heads keep.

    All three are losses: with the kept heads (one number or many), with all heads, with none.
    """
    cases = [
        ("all heads kept", 0.5, 0.5, 6.5, "With all of them it is 1."),
        ("no head kept", 6.5, 0.5, 6.5, "With none of them it is 0."),
        ("half of the gain kept", 3.5, 0.5, 6.5, "Gains are differences of losses, not ratios."),
        ("heads that are worse than none", 8.0, 2.0, 6.0, "It may be below 0: do not cut it off."),
        ("heads that beat the whole model", 1.0, 2.0, 6.0, "It may be above 1: do not cut it off."),
        (
            "many circuits at once",
            np.array([1.0, 2.0, 4.0]),
            1.0,
            5.0,
            "One number for each loss that is given.",
        ),
    ]
    return FunctionTask(
        [
            Trial(name, (kept, whole, none), _faithfulness(kept, whole, none), hint)
            for name, kept, whole, none, hint in cases
        ]
    )


def _raises(z: np.ndarray, W_O: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return (z @ W_O * direction).sum(-1)


@exercise(
    "direct_share",
    hints=(
        "A head writes `z @ W_O` into the stream. How much of that points towards the target?",
        "A dot product, position by position: multiply with the target's direction and add up.",
        "`(z @ W_O * direction).sum(-1)`: one number for each position.",
    ),
)
def direct_share() -> FunctionTask:
    """Write `direct_share(z, W_O, direction)`: by how much a head raises each target's logit.

    `z` is `[position, d_head]`, `W_O` `[d_head, d_model]`, `direction` `[position, d_model]`; the
    result is `[position]`.
    """
    random = np.random.default_rng(6)
    z, weights = random.normal(size=(4, 3)), random.normal(size=(3, 5))
    towards = random.normal(size=(4, 5))
    unit = np.eye(3)
    trials = [
        ("a head that writes towards the target", (unit, unit, unit), "Each position gives 1."),
        ("a head that writes away from it", (unit, -unit, unit), "The sign tells: it lowers it."),
        (
            "a head that writes elsewhere",
            (unit, unit, np.roll(unit, 1, 0)),
            "Nothing points there.",
        ),
        ("a head of any kind", (z, weights, towards), "One target for each position, not for all."),
        ("a longer direction", (z, weights, 3 * towards), "Directions are taken as they are."),
    ]
    return FunctionTask([Trial(name, given, _raises(*given), hint) for name, given, hint in trials])
