"""Our own claims: what is said, what is measured for it, against what, and when it holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import xarray as xr

from helpers.claims.findings import Finding, Results
from helpers.claims.numbers import Number, plain, show

Found = Literal["holds", "does not hold", "not run"]
About = Literal["heads", "circuit", "layers", "text"]


@dataclass(frozen=True)
class Evidence:
    """One claim of this walkthrough.

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
    measure: Callable[[Results], Finding]


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
    finding = claim.measure(results) if all(name in results for name in claim.needs) else None
    verdict: Found = "not run" if finding is None else "holds" if finding.holds else "does not hold"
    number = finding.number if finding else Number(float("nan"))
    return FoundLine(
        id=claim.id,
        claim=claim.text,
        definition=claim.definition,
        rule=claim.rule,
        about=claim.about,
        number=plain(number.value),
        low=plain(number.low),
        high=plain(number.high),
        verdict=verdict,
        subject=finding.subject if finding else "",
        model=model,
        revision=revision,
        controls={name: plain(v) for name, v in finding.controls.items()} if finding else {},
    )


def show_controls(line: FoundLine) -> str:
    """The controls of a line as text."""
    return "; ".join(f"{name}: {show(value)}" for name, value in line.controls.items()) or "–"
