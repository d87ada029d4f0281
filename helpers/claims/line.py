"""One line of the claims tables: what every claim has, whoever makes it."""

from dataclasses import dataclass
from typing import Literal

ENDED = ".ended"
"""Ending of the file that says why a chapter has no more to measure on a model."""
ChapterName = Literal["loss", "scan", "mlps", "circuit", "removal", "paths", "text"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was measured for a claim; what was not run is null.

    Args:
        id: C1 … for the post's claims, E1 … for ours.
        claim: The claim in words.
        chapter: Where it is measured.
        low: Lower end of the 95 % interval; null where nothing is sampled.
        high: Upper end, likewise.
        verdict: How it stands.
        otherwise: What it may mean if it does not hold.
        subject: Which heads or layers.
        model: On which model.
        revision: Of which weights.
    """

    id: str
    claim: str
    chapter: ChapterName
    low: float | None
    high: float | None
    verdict: str
    otherwise: str
    subject: str
    model: str
    revision: str
