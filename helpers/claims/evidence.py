"""Our own claims: a decorated function each, whose docstring is the rule that it evaluates.

@claim("E23", "text", needs=("distance",), says="…", number="of what", otherwise="…")
def distance(separated: xr.Dataset) -> Finding:
    '''when it holds, as readers are told'''
    ...
    return Finding(number, controls, whether_it_holds, "which heads")
"""

import math
from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeVar

import xarray as xr

from helpers.claims.line import ChapterName, Line
from helpers.claims.numbers import Number, plain
from helpers.claims.units import say_control, say_number
from helpers.results import NotMeasurableError

Found = Literal["holds", "does not hold", "not run", "cannot be measured here"]


@dataclass(frozen=True)
class Finding:
    """What was measured for a claim.

    Args:
        number: The number with its interval.
        controls: What it is held against, by name.
        holds: Whether the claim's rule is met.
        subject: Which heads.
    """

    number: Number
    controls: dict[str, float]
    holds: bool
    subject: str


def nothing(why: str, controls: Mapping[str, float] | None = None) -> Finding:
    """That there is nothing to measure, which leaves the claim unmet."""
    return Finding(Number(math.nan), dict(controls or {}), False, why)


@dataclass(frozen=True)
class Evidence:
    """One claim of this walkthrough; `claim` makes it from a function.

    Args:
        id: E1, E2 …
        text: The claim in words.
        definition: What its number is.
        rule: When it holds, in words; the measuring function decides by just that.
        otherwise: What it may mean if it does not hold.
        chapter: Where it is measured.
        needs: Names of the results it is measured from.
        measure: From those results to a finding.
    """

    id: str
    text: str
    definition: str
    rule: str
    otherwise: str
    chapter: ChapterName
    needs: tuple[str, ...]
    measure: Callable[..., Finding]


EVIDENCE: list[Evidence] = []
"""All our claims in their order; `claim` puts them here."""

_Measure = TypeVar("_Measure", bound=Callable[..., Finding])


def claim(
    id: str,
    chapter: ChapterName,
    *,
    needs: tuple[str, ...],
    says: str,
    number: str,
    otherwise: str,
    **choices: str,
) -> Callable[[_Measure], _Measure]:
    """Make a function one of our claims; its docstring is the rule.

    Args:
        id: E1, E2 …: its place.
        chapter: Where it is measured.
        needs: Names of the results that the function is handed, in this order.
        says: The claim in words.
        number: What its number is.
        otherwise: What it may mean if the claim does not hold.
        **choices: What else the function is handed: one function may measure several claims.
    """

    def add(measure: _Measure) -> _Measure:
        rule = " ".join((measure.__doc__ or "").split())
        found = partial(measure, **choices)
        entry = Evidence(id, says, number, rule, otherwise, chapter, needs, found)
        insort(EVIDENCE, entry, key=lambda each: int(each.id[1:]))
        return measure

    return add


@dataclass(frozen=True, kw_only=True)
class OwnLine(Line):
    """One of our own claims, as measured.

    Args:
        definition: What the number is.
        rule: When the claim holds.
        number: The number.
        controls: What it is held against, by name.
    """

    definition: str
    rule: str
    number: float | None
    controls: dict[str, float | None] = field(default_factory=dict)

    @property
    def measured(self) -> str:
        """The number with its unit and its interval."""
        return say_number(self.id, self.number, self.low, self.high)

    @property
    def against(self) -> str:
        """What the number is held against, in words; nothing if there is no such thing."""
        return "; ".join(say_control(self.id, *control) for control in self.controls.items())


def judge_evidence(
    claim: Evidence,
    results: Mapping[str, xr.Dataset],
    model: str,
    revision: str,
    ended: Mapping[str, str] | None = None,
) -> OwnLine:
    """Measure one claim on the results of a run.

    Args:
        claim: The claim.
        results: Results by the names under which the notebooks keep them.
        model: Name of the model.
        revision: Of which weights.
        ended: Why a chapter has no more to measure, by chapter.
    """
    verdict: Found = "not run"
    found = nothing("")
    if all(name in results for name in claim.needs):
        try:
            found = claim.measure(*(results[name] for name in claim.needs))
            verdict = "holds" if found.holds else "does not hold"
        except NotMeasurableError as error:
            verdict, found = "cannot be measured here", nothing(str(error))
    elif ended and claim.chapter in ended:
        verdict, found = "cannot be measured here", nothing(ended[claim.chapter])
    return OwnLine(
        id=claim.id,
        claim=claim.text,
        chapter=claim.chapter,
        definition=claim.definition,
        rule=claim.rule,
        otherwise=claim.otherwise,
        number=plain(found.number.value),
        low=plain(found.number.low),
        high=plain(found.number.high),
        controls={name: plain(value) for name, value in found.controls.items()},
        verdict=verdict,
        subject=found.subject,
        model=model,
        revision=revision,
    )
