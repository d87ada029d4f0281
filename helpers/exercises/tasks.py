"""The four kinds of exercise: what is right, which mistakes are known, how an answer is judged."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from helpers.arguments import say_value
from helpers.exercises.judged import OPEN, Judged, as_numbers, is_open

_EXACT = 1e-3
"""How close two results of a function are, in the numbers' own units, to count as the same."""
_NEAR = 3.0
"""Where an exercise does not say what is near: so many times what may be off and be right."""


class Task(Protocol):
    """What an exercise asks, with the truth computed for the model at hand."""

    def judge(self, answer: Any) -> Judged:
        """How an answer stands; `...` and None are not given to it."""
        ...


@dataclass(frozen=True, kw_only=True)
class NumberTask:
    """A number, or an array of numbers.

    Args:
        truth: What is right.
        within: How far off an answer may be and still be right, in the truth's own units; the
            default is one per cent of it.
        near: How far off it may be and still be near; the default is three times that.
        mistakes: For each hint, what somebody gets who makes that mistake.
        least: The smallest answer that makes sense.
        most: The largest.
        outside: Hint for an answer outside `least` to `most`.
        otherwise: Hint for any other wrong answer.
    """

    truth: Any
    within: float | int | None = None
    near: float | int | None = None
    mistakes: Mapping[str, Any] = field(default_factory=dict)
    least: float | int = -np.inf
    most: float | int = np.inf
    outside: str = ""
    otherwise: str = ""

    def judge(self, answer: Any) -> Judged:
        """A number within the margin is right; a known mistake gets its own hint."""
        found, truth = as_numbers(answer), as_numbers(self.truth)
        if truth.ndim == 0 and found.size == 1:
            found = found.reshape(())
        if found.shape != truth.shape:
            wanted = "one number" if truth.ndim == 0 else f"an array of shape {truth.shape}"
            return Judged("wrong", f"Asked for is {wanted}; this has shape {found.shape}.")
        if not np.isfinite(found).all():
            return Judged("wrong", "That is not a finite number.")
        margin = np.abs(truth) * 0.01 if self.within is None else np.full_like(truth, self.within)
        margin = np.maximum(margin, 1e-9)
        off = np.abs(found - truth)
        if (off <= margin).all():
            return Judged("right")
        if (found < self.least).any() or (found > self.most).any():
            return Judged("wrong", self.outside)
        known = {
            hint: float(np.max(np.abs(found - as_numbers(value))))
            for hint, value in self.mistakes.items()
            if (np.abs(found - as_numbers(value)) <= margin).all()
        }
        if known:
            return Judged("wrong", min(known, key=lambda hint: known[hint]))
        if truth.ndim:
            wrong = np.argwhere(off > margin)
            place = ", ".join(map(str, wrong[0]))
            return Judged("wrong", f"Wrong in {len(wrong)} places, first at [{place}].")
        way = "a little too high" if found > truth else "a little too low"
        if off <= (_NEAR * margin if self.near is None else self.near):
            return Judged("near", f"It is {way}.")
        return Judged("wrong", f"It is {way.removeprefix('a little ')}. {self.otherwise}".strip())


@dataclass(frozen=True)
class Trial:
    """One case that a reader's function must get right.

    Args:
        name: What it is, in words: "a head that always rests on BOS".
        given: What the function is called with.
        expected: What it should return.
        hint: What a wrong result here means.
    """

    name: str
    given: tuple[Any, ...]
    expected: Any
    hint: str


@dataclass(frozen=True)
class FunctionTask:
    """A function of a few lines, called on trials until one fails.

    Args:
        trials: The simple ones first.
    """

    trials: Sequence[Trial]

    def judge(self, answer: Any) -> Judged:
        """The first trial that fails says which, and what that may mean."""
        if not callable(answer):
            raise TypeError(
                f"Give the function itself, by its name and without brackets, not "
                f"{say_value(answer)}."
            )
        for done, trial in enumerate(self.trials):
            given = deepcopy(trial.given)
            try:
                found = answer(*given)
            except Exception as error:
                said = f"it raises {type(error).__name__}: {error}"
                return self._fail(done, f"{said}. {trial.hint if done else ''}".strip())
            if is_open(found):
                if done:
                    return self._fail(done, "it returns nothing there.")
                return OPEN
            if said := _differs(found, trial.expected):
                return self._fail(done, f"{said}. {trial.hint}")
            if not _same(given, trial.given):
                return self._fail(done, "it changes what it is given: work on a copy.")
        return Judged("right", f"All {len(self.trials)} trials pass.")

    def _fail(self, done: int, why: str) -> Judged:
        said = f"On {self.trials[done].name} {why}"
        return Judged("wrong", f"{said} ({done} of {len(self.trials)} trials pass.)")


@dataclass(frozen=True)
class ChoiceTask:
    """One of several words.

    Args:
        truth: The right one.
        options: For every word that can be chosen the hint if it is wrong.
    """

    truth: str
    options: Mapping[str, str]

    def judge(self, answer: Any) -> Judged:
        """Another word than the right one gets its hint."""
        said = answer.strip().lower() if isinstance(answer, str) else answer
        if said not in self.options:
            choices = ", ".join(f'"{option}"' for option in self.options)
            raise ValueError(f"Choose one of {choices}, not {say_value(answer)}.")
        return Judged("right") if said == self.truth else Judged("wrong", self.options[said])


@dataclass(frozen=True)
class DesignTask:
    """A control that somebody builds: it need not be ours, but each condition must hold.

    Args:
        read: Makes an answer into what the conditions look at, or raises what is wrong with it.
        conditions: For each hint whether its condition holds, asked in this order.
    """

    read: Callable[[Any], Any]
    conditions: Mapping[str, Callable[[Any], bool]]

    def judge(self, answer: Any) -> Judged:
        """The first condition that does not hold is said."""
        found = self.read(answer)
        for hint, holds in self.conditions.items():
            if not holds(found):
                return Judged("wrong", hint)
        return Judged("right", "Every condition of a fair control holds.")


def _differs(found: Any, expected: Any) -> str:
    """In what a result differs from what is expected, or nothing."""
    try:
        numbers = as_numbers(np.asarray(found) * 1 if np.asarray(found).dtype == bool else found)
    except TypeError:
        return f"it returns {say_value(found)}, which is no number"
    wanted = as_numbers(expected)
    if numbers.shape != wanted.shape:
        return f"it returns shape {numbers.shape}, where {wanted.shape} is asked for"
    if not np.allclose(numbers, wanted, atol=_EXACT, rtol=_EXACT, equal_nan=True):
        return "the result is wrong"
    return ""


def _same(given: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    return all(
        np.array_equal(now, then, equal_nan=np.asarray(now).dtype.kind == "f")
        for now, then in zip(given, before, strict=True)
    )
