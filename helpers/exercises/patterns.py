"""Attention patterns made by hand, each of a head that does one thing."""

from functools import cache

import numpy as np

from helpers.inputs import sample_repeated_tokens
from helpers.models.compiled import INDUCTION, PREVIOUS, compile_model
from helpers.running import get_attention

SHORT = 6
"""N of the patterns made by hand: 2N + 1 = 13 positions."""


def looking_back(steps: int, *, n: int = SHORT, at_start: float = 1.0) -> np.ndarray:
    """A head that gives all its attention to the position so many steps back.

    Args:
        steps: How far back; queries that have no such position rest on BOS.
        n: Length of the random half.
        at_start: What the resting ones give to BOS; the rest stays on themselves.

    Returns:
        `[query, key]`, rows that add up to 1.
    """
    size = 2 * n + 1
    pattern = np.zeros((size, size))
    for query in range(size):
        if query >= steps:
            pattern[query, query - steps] = 1
        else:
            pattern[query, query] += 1 - at_start
            pattern[query, 0] += at_start
    return pattern


def resting(*, n: int = SHORT) -> np.ndarray:
    """A head that gives all its attention to BOS."""
    pattern = np.zeros((2 * n + 1, 2 * n + 1))
    pattern[:, 0] = 1
    return pattern


def spreading(*, n: int = SHORT) -> np.ndarray:
    """A head that gives every position so far the same."""
    lower = np.tri(2 * n + 1)
    return lower / lower.sum(-1, keepdims=True)


@cache
def compiled_patterns() -> tuple[np.ndarray, np.ndarray]:
    """What the two heads of the model written by hand do: previous-token head, induction head.

    Returns:
        Two patterns `[query, key]` on one repeated sequence of N = `SHORT`.
    """
    model = compile_model()
    sample = sample_repeated_tokens(model, n=SHORT, sequences=1)
    found = get_attention(model, sample, [PREVIOUS, INDUCTION]).fillna(0)
    first, second = found.transpose("head_name", "query", "key").to_numpy().astype(float)
    return first, second
