"""The post's claims: a decorated function each, whose docstring is the pattern it looks for.

The pattern is what any model can show; whether the post's own number is reproduced is asked of the
post's own model only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import xarray as xr

from helpers.claims.line import ChapterName, Line
from helpers.claims.numbers import Number, plain
from helpers.claims.units import dress, say_number
from helpers.heads import Head
from helpers.results import NotMeasurableError, find_pair

POST_MODEL = "gpt2"
POST_PAIR = Head(4, 11), Head(5, 5)
"""Its previous-token head and its induction head."""

Verdict = Literal[
    "reproduced",
    "differs",
    "not comparable (model is not gpt2)",
    "not measured",
    "cannot be measured here",
]


def choose_pair(scores: xr.Dataset) -> tuple[Head, Head]:
    """The post's own heads in its own model, in any other the pair that is found."""
    return POST_PAIR if scores.attrs["model"] == POST_MODEL else find_pair(scores)


@dataclass(frozen=True)
class Shown:
    """What was measured for a claim of the post.

    Args:
        blog: The number, measured the post's way.
        corrected: The number, measured the careful way.
        pattern: Whether that shows the claim's pattern.
        subject: Which heads or layers.
    """

    blog: Number
    corrected: Number
    pattern: bool
    subject: str = ""


@dataclass(frozen=True)
class Claim:
    """What the post says, how close a run must come, and the pattern that any model can show.

    Args:
        id: C1 … C8.
        text: The claim in words.
        post: The post's number; for what it shows as a picture, the limit that stands for it here.
        agrees: Whether a number measured the post's way on gpt2 reproduces the claim.
        tolerance: The same in words.
        either: Whether the post may as well have measured what is the careful way here.
        needs: Names of the results it is measured from.
        pattern: When a number of any model, measured the careful way, shows the pattern, in words.
        otherwise: What it may mean if a model does not show it.
        chapter: Where it is measured.
        measure: From those results to what they show.
    """

    id: str
    text: str
    post: float
    agrees: Callable[[float], bool]
    tolerance: str
    either: bool
    needs: tuple[str, ...]
    pattern: str
    otherwise: str
    chapter: ChapterName
    measure: Callable[..., Shown]


CLAIMS: list[Claim] = []
"""All claims of the post in their order; `post_claim` puts them here."""


def post_claim(
    id: str,
    chapter: ChapterName,
    *,
    needs: tuple[str, ...],
    says: str,
    post: float,
    agrees: Callable[[float], bool],
    tolerance: str,
    otherwise: str,
    either: bool = False,
) -> Callable[[Callable[..., Shown]], Callable[..., Shown]]:
    """Make a function one of the post's claims; its docstring is the pattern. See `Claim`."""

    def add(measure: Callable[..., Shown]) -> Callable[..., Shown]:
        pattern = " ".join((measure.__doc__ or "").split())
        CLAIMS.append(
            Claim(
                *(id, says, post, agrees, tolerance, either),
                *(needs, pattern, otherwise, chapter, measure),
            )
        )
        return measure

    return add


PICTURES = ("C6", "C7")
"""Claims that the post shows as pictures: they have no number of its own."""


def say_published(id: str, post: float) -> str:
    """The post's number with its unit, or that it shows a picture and which limit stands for it."""
    said = dress(id, f"{post:g}")
    return f"a picture (limit: {said})" if id in PICTURES else said


@dataclass(frozen=True, kw_only=True)
class PostLine(Line):
    """One of the post's claims, as measured.

    Args:
        post: The post's number, published; of a picture, the limit that stands for it here.
        tolerance: How close a run of gpt2 must come.
        blog: The number, measured the post's way.
        corrected: The number, measured the careful way; `low` and `high` belong to it.
        pattern: When any model shows the claim's pattern.
        shows_pattern: Whether this one does.
    """

    post: float
    tolerance: str
    blog: float | None
    corrected: float | None
    pattern: str
    shows_pattern: bool | None

    @property
    def published(self) -> str:
        """The post's number, or that it shows a picture and which limit stands for it here."""
        return say_published(self.id, self.post)

    @property
    def by_post(self) -> str:
        """The number, measured the post's way, with its unit."""
        return say_number(self.id, self.blog)

    @property
    def measured(self) -> str:
        """The number, measured the careful way, with its unit and its interval."""
        return say_number(self.id, self.corrected, self.low, self.high)


def judge_post(
    claim: Claim,
    results: Mapping[str, xr.Dataset],
    model: str,
    revision: str,
    ended: Mapping[str, str] | None = None,
) -> PostLine:
    """Measure one claim on the results of a run, and hold it against the post.

    Args:
        claim: The claim.
        results: Results by the names under which the notebooks keep them.
        model: Name of the model.
        revision: Of which weights.
        ended: Why a chapter has no more to measure, by chapter.
    """
    shown, why = None, ""
    if all(name in results for name in claim.needs):
        try:
            shown = claim.measure(*(results[name] for name in claim.needs))
        except NotMeasurableError as error:
            why = str(error)
    else:
        why = (ended or {}).get(claim.chapter, "")
    verdict: Verdict
    if shown is None:
        verdict = "cannot be measured here" if why else "not measured"
    elif model != POST_MODEL:
        verdict = "not comparable (model is not gpt2)"
    else:
        ways = (shown.blog, shown.corrected) if claim.either else (shown.blog,)
        agrees = any(claim.agrees(number.value) for number in ways)
        verdict = "reproduced" if agrees else "differs"
    return PostLine(
        id=claim.id,
        claim=claim.text,
        chapter=claim.chapter,
        post=claim.post,
        tolerance=claim.tolerance,
        blog=plain(shown.blog.value) if shown else None,
        corrected=plain(shown.corrected.value) if shown else None,
        low=plain(shown.corrected.low) if shown else None,
        high=plain(shown.corrected.high) if shown else None,
        verdict=verdict,
        otherwise=claim.otherwise,
        pattern=claim.pattern,
        shows_pattern=shown.pattern if shown else None,
        subject=shown.subject if shown else why,
        model=model,
        revision=revision,
    )
