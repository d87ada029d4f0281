"""`check`: how an answer to an exercise stands, on the model at hand."""

import html
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from helpers.exercises.judged import OPEN, Judged, State, as_numbers, is_open
from helpers.exercises.tasks import Task

EXERCISES: dict[str, "Exercise"] = {}
"""All exercises by name; importing `helpers.exercises` fills it."""
_WORDS: dict[State, str] = {
    "open": "Not answered yet.",
    "right": "✓ Right.",
    "near": "≈ Near.",
    "wrong": "✗ Not yet.",
}


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        name: What a notebook calls it by.
        question: What it asks.
        hints: Three, each saying more than the one before; none says the answer.
        make: Computes the truth from what a notebook hands it, and returns the task.
    """

    name: str
    question: str
    hints: tuple[str, str, str]
    make: Callable[..., Task]


@dataclass(frozen=True)
class Checked:
    """What `check` returns; the last line of a cell shows it.

    Args:
        exercise: Which exercise.
        judged: How the answer stands.
        answer: The reader's own number, where one was given; pages show a right one beside a guess.
        kind: Kind of task.
    """

    exercise: Exercise
    judged: Judged
    answer: str
    kind: str

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.judged.state == "right"

    def __repr__(self) -> str:
        return f"{_WORDS[self.judged.state]} {self.judged.said}".strip()

    def _repr_html_(self) -> str:
        told = {
            "check": self.exercise.name,
            "state": self.judged.state,
            "kind": self.kind,
            "answer": self.answer,
        }
        marks = " ".join(f'data-{name}="{html.escape(value)}"' for name, value in told.items())
        said = _as_html(self.exercise.question if self.judged == OPEN else self.judged.said)
        hints = "" if self.right else _fold(self.exercise.hints)
        return (
            f'<div class="helpers-check" {marks}><p>'
            f"<strong>{_WORDS[self.judged.state]}</strong> {said}</p>{hints}</div>"
        )


def exercise(
    name: str, *, hints: tuple[str, str, str]
) -> Callable[[Callable[..., Task]], Callable[..., Task]]:
    """Enter an exercise under its name; the function's first paragraph is its question."""

    def enter(make: Callable[..., Task]) -> Callable[..., Task]:
        question = " ".join((inspect.getdoc(make) or "").split("\n\n")[0].split())
        EXERCISES[name] = Exercise(name, question, hints, make)
        return make

    return enter


def check(name: str, answer: Any = ..., /, **given: Any) -> Checked:
    """Say whether an answer to an exercise is right, near or wrong; never what the answer is.

    The truth is computed from the model and the settings that are handed over, so it is right for
    any of them. An exercise that is left open (`...`) is shown with its question, and a notebook
    runs on to its end.

    Args:
        name: The exercise, as its chapter calls it.
        answer: A number (Python's, NumPy's, a tensor), a function by its name, one of the words
            offered, or what else the exercise asks for.
        **given: What the truth is computed from, as the chapter's cell hands it over: `n=N`,
            `model=model`, …

    Returns:
        How it stands: `.right` is true or false, and the last line of a cell shows it with a hint,
        and three more to unfold.

    Raises:
        ValueError: If there is no such exercise, or the answer is none of those to choose from.
        TypeError: If something that the truth is computed from is missing, or the answer is no
            number (function, list of heads) where one is asked for.
    """
    if name not in EXERCISES:
        close = get_close_matches(str(name), EXERCISES, n=3, cutoff=0.4) or sorted(EXERCISES)
        raise ValueError(f"There is no exercise {name!r}. To fix: write one of {close}.")
    found = EXERCISES[name]
    try:
        inspect.signature(found.make).bind(**given)
    except TypeError as error:
        wanted = ", ".join(inspect.signature(found.make).parameters) or "nothing"
        raise TypeError(f"check({name!r}, …) needs {wanted} as keywords: {error}.") from error
    task = found.make(**given)
    judged = OPEN if is_open(answer) else task.judge(answer)
    kind = type(task).__name__.removesuffix("Task").lower()
    return Checked(found, judged, _say_number(answer) if kind == "number" else "", kind)


def _say_number(answer: Any) -> str:
    """The reader's own number, or nothing."""
    if is_open(answer):
        return ""
    numbers = as_numbers(answer)
    return f"{float(numbers.reshape(())):.4g}" if numbers.size == 1 else ""


def _as_html(said: str) -> str:
    """A sentence, what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(said))


def _fold(hints: tuple[str, ...]) -> str:
    """Hints, each inside the one before: nobody opens the third without the first."""
    folded = ""
    for number, hint in reversed([*enumerate(hints, start=1)]):
        folded = (
            f"<details><summary>Hint {number}</summary><p>{_as_html(hint)}</p>{folded}</details>"
        )
    return folded
