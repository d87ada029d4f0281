"""Our own claims: a decorated function each, whose docstring is the rule that it evaluates.

@claim("E23", "text", needs=("fuzzy_distance",), says="what is claimed", number="of what")
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

from helpers.claims.numbers import Number, plain

Found = Literal["holds", "does not hold", "not run"]
About = Literal["heads", "circuit", "layers", "text"]


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
        about: "heads", "circuit", "layers" or "text".
        needs: Names of the results it is measured from.
        measure: From those results to a finding.
    """

    id: str
    text: str
    definition: str
    rule: str
    about: About
    needs: tuple[str, ...]
    measure: Callable[..., Finding]


EVIDENCE: list[Evidence] = []
"""All our claims in their order; `claim` puts them here."""

_Measure = TypeVar("_Measure", bound=Callable[..., Finding])


def claim(
    id: str, about: About, *, needs: tuple[str, ...], says: str, number: str, **choices: str
) -> Callable[[_Measure], _Measure]:
    """Make a function one of our claims; its docstring is the rule.

    Args:
        id: E1, E2 …: its place.
        about: What it is about.
        needs: Names of the results that the function is handed, in this order.
        says: The claim in words.
        number: What its number is.
        **choices: What else the function is handed: one function may measure several claims.
    """

    def add(measure: _Measure) -> _Measure:
        rule = " ".join((measure.__doc__ or "").split())
        entry = Evidence(id, says, number, rule, about, needs, partial(measure, **choices))
        insort(EVIDENCE, entry, key=lambda each: int(each.id[1:]))
        return measure

    return add


@dataclass(frozen=True)
class FoundLine:
    """One line of our own claims, as measured; what was not run is null.

    Args:
        id: E1 …
        claim: The claim in words.
        definition: What the number is.
        rule: When it holds.
        about: What it is about.
        number: The number.
        low: Lower end of its 95 % interval; null where nothing is sampled.
        high: Upper end, likewise.
        controls: What it is held against, by name.
        verdict: Whether it holds.
        subject: Which heads.
        model: On which model.
        revision: Of which weights.
    """

    id: str
    claim: str
    definition: str
    rule: str
    about: str
    number: float | None
    low: float | None
    high: float | None
    verdict: Found
    subject: str
    model: str
    revision: str
    controls: dict[str, float | None] = field(default_factory=dict)


def judge_evidence(
    claim: Evidence, results: Mapping[str, xr.Dataset], model: str, revision: str
) -> FoundLine:
    """Measure one claim on the results of a run.

    Args:
        claim: The claim.
        results: Results by the names under which the notebooks keep them.
        model: Name of the model.
        revision: Of which weights.
    """
    verdict: Found = "not run"
    found = nothing("")
    if all(name in results for name in claim.needs):
        found = claim.measure(*(results[name] for name in claim.needs))
        verdict = "holds" if found.holds else "does not hold"
    return FoundLine(
        id=claim.id,
        claim=claim.text,
        definition=claim.definition,
        rule=claim.rule,
        about=claim.about,
        number=plain(found.number.value),
        low=plain(found.number.low),
        high=plain(found.number.high),
        verdict=verdict,
        subject=found.subject,
        model=model,
        revision=revision,
        controls={name: plain(value) for name, value in found.controls.items()},
    )
