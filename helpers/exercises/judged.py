"""How an answer stands, and what an answer may be made of."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from helpers.arguments import say_value

State = Literal["open", "right", "near", "wrong"]


@dataclass(frozen=True)
class Judged:
    """How an answer stands.

    Args:
        state: "open" where none was given yet.
        said: What the reader is told beside that: a hint, never the answer.
    """

    state: State
    said: str = ""


OPEN = Judged("open")


def is_open(answer: object) -> bool:
    """Whether a reader left `...` where an answer goes, or gave None."""
    return answer is None or answer is ...


def as_numbers(answer: object) -> np.ndarray:
    """An answer as NumPy's floats: a Python number, an array, a tensor, a table's column.

    Raises:
        TypeError: If there are no numbers in it.
    """
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu().to(torch.float64).numpy()
    if isinstance(answer, (str, bytes)):
        raise TypeError(f"An answer is a number, without quotes, not {say_value(answer)}.")
    try:
        found = np.asarray(answer)
        if found.dtype.kind in "bc":
            raise TypeError("neither a truth value nor a complex number")
        return found.astype(np.float64)
    except (TypeError, ValueError) as error:
        message = f"An answer is a number or an array of numbers, not {say_value(answer)}."
        raise TypeError(message) from error
