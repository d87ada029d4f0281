"""What the post says, how close a run must come, and the pattern that any model can show."""

from collections.abc import Callable
from dataclasses import dataclass

from helpers.claims.numbers import Number
from helpers.heads import Head

POST_MODEL = "gpt2"
POST_PREVIOUS = Head(4, 11)
POST_INDUCTION = Head(5, 5)


@dataclass(frozen=True)
class Claim:
    """What the post says, how close a run must come, and the pattern that any model can show.

    Args:
        id: C1 … C8.
        text: The claim in words.
        post: The post's number; for C6 and C7, which it shows as pictures, the limit that
            stands for the picture here.
        agrees: Whether a number measured the post's way on gpt2 reproduces the claim.
        tolerance: The same in words.
        pattern: Whether a number of any model, measured the corrected way, shows the pattern.
        pattern_text: The same in words.
    """

    id: str
    text: str
    post: float
    agrees: Callable[[float], bool]
    tolerance: str
    pattern: Callable[[Number], bool]
    pattern_text: str


PICTURES = ("C6", "C7")
"""Claims that the post shows as pictures: they have no number of its own."""


def _within(post: float, tolerance: float) -> Callable[[float], bool]:
    return lambda value: abs(value - post) <= tolerance


# Tolerances of C1-C5 allow for another random draw (one sequence of 50 tokens; 30 for C5); C8 has
# no draw, its tolerance allows for how weights are processed.
CLAIMS = (
    Claim(
        "C1",
        "mean log-prob of the right token, first half",
        -13.898,
        _within(-13.898, 1.5),
        "within 1.5 nats",
        lambda n: n.value < -5,
        "below -5 nats",
    ),
    Claim(
        "C2",
        "mean log-prob of the right token, second half",
        -0.644,
        _within(-0.644, 0.4),
        "within 0.4 nats",
        lambda n: n.value > -5,
        "above -5 nats",
    ),
    Claim(
        "C3",
        "accuracy, first half",
        0.0,
        lambda v: v <= 0.04,
        "at most 0.04",
        lambda n: n.value < 0.02,
        "below 0.02",
    ),
    Claim(
        "C4",
        "accuracy, second half",
        0.93,
        _within(0.93, 0.08),
        "within 0.08",
        lambda n: n.value > 0.5,
        "above 0.5",
    ),
    Claim(
        "C5",
        "induction score of L5H5",
        0.91,
        _within(0.91, 0.05),
        "within 0.05",
        lambda n: n.value > 0.5,
        "the best head's above 0.5",
    ),
    Claim(
        "C6",
        "L4H11 is a previous-token head (a clear diagonal)",
        0.5,
        lambda v: v >= 0.5,
        "score at least 0.5",
        lambda n: n.value > 0.5,
        "the best head's above 0.5",
    ),
    Claim(
        "C7",
        "replacing one MLP output leaves the loss unchanged, but for the first token: "
        "largest change elsewhere",
        0.1,
        lambda v: abs(v) <= 0.1,
        "at most 0.1 nats",
        lambda n: n.value > 0.1,
        "the whole second half at once changes it by more than 0.1 nats",
    ),
    Claim(
        "C8",
        "top-1 accuracy of the two-head circuit L4H11 > L5H5, raw W_E",
        0.2283,
        _within(0.2283, 0.02),
        "within 0.02",
        lambda n: n.value > 10 * n.chance,
        "more than 10 times chance",
    ),
)
