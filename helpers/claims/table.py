"""All claims of a run: read, judged, and set side by side."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from helpers.claims.evidence import EVIDENCE, OwnLine, judge_evidence
from helpers.claims.line import ENDED, Line
from helpers.claims.post import CLAIMS, judge_post
from helpers.results import load_result


def collect_claims(folder: Path) -> list[Line]:
    """Compare the results of a run with the post's claims and with our own.

    Args:
        folder: Where the notebooks kept their results (`build/<model>/data`).

    Returns:
        One line a claim: the post's, C1 … C8, then ours, E1 …; claims whose notebook did not
        finish are "not measured" and "not run"; what a model has nothing to be measured by "cannot
        be measured here".

    Raises:
        FileNotFoundError: If the folder holds no result at all.
        ValueError: If its results are of different models.
    """
    ended = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob(f"*{ENDED}")}
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
        *(judge_post(claim, found, model, revision, ended) for claim in CLAIMS),
        *(judge_evidence(claim, found, model, revision, ended) for claim in EVIDENCE),
    ]


def claims_as_json(claims: Sequence[Line]) -> list[dict[str, object]]:
    """The claims as plain data; what was not measured is null."""
    return [asdict(line) for line in claims]


def compare_evidence(runs: Sequence[Sequence[Line]]) -> str:
    """Our own claims on several models side by side, as a Markdown table.

    Args:
        runs: Results of `collect_claims`, one a model.

    Returns:
        One row a claim, one column a model: verdict, number with interval, controls.
    """
    columns = [[line for line in run if isinstance(line, OwnLine)] for run in runs]
    rows = [
        "| | " + " | ".join(column[0].model for column in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for lines in zip(*columns, strict=True):
        cells = []
        for line in lines:
            against = f" (against: {line.against})" if line.controls else ""
            number = f": {line.measured}" if line.number is not None else ""
            cells.append(f"**{line.verdict}**{number}{against}")
        rows.append(f"| **{lines[0].id}** {lines[0].claim} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"
