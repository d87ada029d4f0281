"""All claims of a run: read, judged, and set as tables for people and machines."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from helpers.claims.evidence import EVIDENCE, FoundLine, judge_evidence
from helpers.claims.numbers import show
from helpers.claims.post import CLAIMS, Measured, judge_post
from helpers.results import load_result


def collect_claims(folder: Path) -> list[Measured | FoundLine]:
    """Compare the results of a run with the post's claims and with our own.

    Args:
        folder: Where the notebooks kept their results (`build/<model>/data`).

    Returns:
        One line a claim: the post's, C1 … C8, then ours, E1 …; claims whose notebook did not
        finish are "not measured" and "not run".

    Raises:
        FileNotFoundError: If the folder holds no result at all.
        ValueError: If its results are of different models.
    """
    found = {path.stem: load_result(path) for path in sorted(folder.glob("*.nc"))}
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no results. Run `make notebooks` (or `python -m helpers run`) first."
            " It keeps them there."
        )
    models = {(str(r.attrs["model"]), str(r.attrs["revision"])) for r in found.values()}
    if len(models) > 1:
        raise ValueError(f"{folder} mixes results of {sorted(models)}: run the notebooks again.")
    ((model, revision),) = models
    return [
        *(judge_post(claim, found, model, revision) for claim in CLAIMS),
        *(judge_evidence(claim, found, model, revision) for claim in EVIDENCE),
    ]


PICTURES = ("C6", "C7")
"""Claims that the post shows as pictures: they have no number of its own."""


def say_post(line: Measured) -> str:
    """The post's number, or that it shows a picture and which limit stands for it here."""
    return f"a picture (limit {line.post:g})" if line.id in PICTURES else f"{line.post:g}"


def say_interval(line: Measured | FoundLine) -> str:
    """The interval of a line's number, after a space, or nothing."""
    return "" if line.low is None else f" [{show(line.low)}, {show(line.high)}]"


def _controls(line: FoundLine) -> str:
    return "; ".join(f"{name}: {show(value)}" for name, value in line.controls.items()) or "–"


def tabulate_claims(claims: Sequence[Measured | FoundLine]) -> pd.DataFrame:
    """The post's claims as a table for people.

    Args:
        claims: Result of `collect_claims`.

    Returns:
        One row a claim: post, blog, corrected with interval, verdict, and whether the model shows
        the same pattern.
    """
    rows = [
        {
            "claim": f"{line.id} {line.claim}",
            "post": say_post(line),
            "blog": show(line.blog),
            "corrected": show(line.corrected) + say_interval(line),
            "measured on": f"{line.model} {line.subject}".strip(),
            "verdict": line.verdict,
            "same pattern": {True: "yes", False: "no", None: "–"}[line.shows_pattern],
        }
        for line in claims
        if isinstance(line, Measured)
    ]
    return pd.DataFrame(rows).set_index("claim")


def tabulate_evidence(claims: Sequence[Measured | FoundLine]) -> pd.DataFrame:
    """Our own claims as a table for people.

    Args:
        claims: Result of `collect_claims`.

    Returns:
        One row a claim: verdict, number with interval, controls, which heads, what the number is
        and when the claim holds.
    """
    rows = [
        {
            "claim": f"{line.id} {line.claim}",
            "verdict": line.verdict,
            "number": show(line.number) + say_interval(line),
            "controls": _controls(line),
            "measured on": f"{line.model} {line.subject}".strip(),
            "definition": line.definition,
            "holds if": line.rule,
        }
        for line in claims
        if isinstance(line, FoundLine)
    ]
    return pd.DataFrame(rows).set_index("claim")


def claims_as_json(claims: Sequence[Measured | FoundLine]) -> list[dict[str, object]]:
    """The claims as plain data; what was not measured is null."""
    return [asdict(line) for line in claims]


def compare_evidence(runs: Sequence[Sequence[Measured | FoundLine]]) -> str:
    """Our own claims on several models side by side, as a Markdown table.

    Args:
        runs: Results of `collect_claims`, one a model.

    Returns:
        One row a claim, one column a model: verdict, number with interval, controls.
    """
    columns = [[line for line in run if isinstance(line, FoundLine)] for run in runs]
    rows = [
        "| | " + " | ".join(column[0].model for column in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for lines in zip(*columns, strict=True):
        cells = []
        for line in lines:
            against = f" ({_controls(line)})" if line.controls else ""
            number = f": {show(line.number)}" if line.number is not None else ""
            cells.append(f"**{line.verdict}**{number}{say_interval(line)}{against}")
        rows.append(f"| **{lines[0].id}** {lines[0].claim} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"
