"""Exercises of chapter 8: what a damaged repeat costs."""

from typing import Any

import numpy as np
import torch

from helpers.arguments import say_value
from helpers.exercises.check import exercise
from helpers.exercises.tasks import DesignTask, FunctionTask, NumberTask, Trial


@exercise(
    "targets that a wrong token costs",
    hints=(
        "First: can the wrong token itself be predicted? It stood elsewhere before, or nowhere.",
        "Second: what does the model look up when it has just read the wrong token?",
        "The token itself, and the one after it: from the next on the model reads right tokens.",
    ),
)
def costly_targets(*, change: Any, at: int) -> NumberTask:
    """One token of the second half is wrong. How many targets does the model lose?

    Lost is a target that costs more than a nat more than before.
    """
    lost = np.asarray(change).reshape(-1, np.shape(change)[-1]).mean(0) < -1.0
    return NumberTask(
        truth=int(lost[at - 1 :].sum()),
        within=0.5,
        mistakes={
            "The wrong token itself cannot be known, that is right. And the one after it?": 1,
            "None at all? The wrong token itself cannot be looked up.": 0,
            "That would be all that come after it: can the model not find its place again?": int(
                lost.size - at + 1
            ),
        },
        least=0,
        most=int(lost.size),
        outside=f"There are {lost.size} targets.",
        otherwise="Which targets are predicted from the wrong token, or are it?",
    )


def _known(size: int, n: int) -> float:
    return 1 - -(-n // size) / n


@exercise(
    "known_share",
    hints=(
        "Within a piece the order is kept. Which of its tokens follows another than before?",
        "Only the first token of a piece cannot be looked up. How many pieces are there?",
        "n tokens make n / size pieces, the last one perhaps shorter: round up; one first token "
        "each.",
    ),
)
def known_share() -> FunctionTask:
    """Write `known_share(size, n)`: which share of n shuffled tokens can be looked up at all.

    The n tokens are cut into pieces of `size` tokens (the last may be shorter), and the pieces are
    shuffled; the first token of every piece counts as unknown, the very first too.
    """
    cases = [
        ("pieces of two", 2, 50, "Every second token begins a piece."),
        ("single tokens", 1, 50, "Nothing follows what it followed before: 0."),
        ("one piece, which is all", 50, 50, "One token of n begins it."),
        ("pieces of ten", 10, 50, "Five pieces, five first tokens, of 50."),
        ("pieces that do not fit evenly", 20, 50, "20, 20 and 10: three pieces. Round up."),
        ("a piece longer than the text", 80, 50, "There is one piece at least."),
    ]
    return FunctionTask(
        [Trial(name, (size, n), _known(size, n), hint) for name, size, n, hint in cases]
    )


@exercise(
    "a control for saying it twice",
    hints=(
        "The second time the model has also simply read more. What would show that this is all?",
        "A text of the same length, with the same ending, that was not said before.",
        "Put the beginning of *another* text in front of the first one's tokens: roll the rows.",
    ),
)
def twice_control(*, some: torch.Tensor) -> DesignTask:
    """Build a control for "said twice": as long, the same second part, but not said before.

    `some` is `[text, position]` with BOS; the result is `[text, 2 × (positions - 1) + 1]`.
    """
    texts = some.cpu().numpy()
    length = texts.shape[1] - 1

    def read(answer: Any) -> np.ndarray:
        found = answer.cpu().numpy() if isinstance(answer, torch.Tensor) else answer
        found = np.asarray(found) if isinstance(found, (np.ndarray, list, tuple)) else None
        if found is None or found.ndim != 2 or found.dtype.kind not in "iu":
            raise TypeError(f"Give token ids [text, position], not {say_value(answer)}.")
        return found

    return DesignTask(
        read,
        {
            f"It should be as long as the text said twice: {2 * length + 1} positions, BOS once.": (
                lambda found: found.shape == (len(texts), 2 * length + 1)
            ),
            "BOS stands in front, once.": lambda found: bool(
                (found[:, 0] == texts[:, 0]).all() and (found[:, 1:] != texts[0, 0]).all()
            ),
            "The second part must be the very text whose tokens are compared.": lambda found: bool(
                (found[:, length + 1 :] == texts[:, 1:]).all()
            ),
            "The first part is still the same text: it was said before.": lambda found: (
                not bool((found[:, 1 : length + 1] == texts[:, 1:]).all(-1).any())
            ),
            "The first part has the same tokens in another order: they can still be found.": (
                lambda found: (
                    not any(
                        sorted(row[1 : length + 1]) == sorted(text[1:])
                        for row, text in zip(found, texts, strict=True)
                    )
                )
            ),
        },
    )
