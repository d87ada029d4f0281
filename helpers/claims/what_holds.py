"""The last chapter: all claims of a run, what failed, and what was not shown."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat

from helpers.claims.evidence import OwnLine
from helpers.claims.headline import describe_run
from helpers.claims.line import Line
from helpers.claims.post import PostLine
from helpers.claims.table import collect_claims
from helpers.claims.verdict import link_chapter, say_line
from helpers.drawing.prose import Prose, bullets, ranges

_NOTHING = (
    "Nothing was measured yet. This chapter collects what the others keep: run chapters 1 to "
    "{last} first, all at once with `make notebooks MODEL={model}`."
)


def read_run(model: str, *, build: Path = Path("../build")) -> list[Line]:
    """The claims of a run: of the one that is going on, or of the last one of this model.

    Args:
        model: What `load_model` takes; "auto" reads the run that was made last.
        build: Folder that holds one folder a model, if no run is going on.

    Returns:
        One line a claim; none if there are no results.
    """
    kept = os.environ.get("HELPERS_RESULTS")
    if kept:
        folders = [Path(kept)]
    elif model == "auto":
        runs = sorted(build.glob("*/data"), key=lambda folder: folder.stat().st_mtime)
        folders = runs[-1:]
    else:
        # A directory is called by its own name; a hub id is not: owner/mini is not mini.
        name = Path(model).name if Path(model).expanduser().is_dir() else model.replace("/", "--")
        folders = [build / name / "data"]
    found = [folder for folder in folders if any(folder.glob("*.nc"))]
    return collect_claims(found[0]) if found else []


def list_own(lines: Sequence[Line]) -> Prose:
    """Our own claims as a table: verdict, number, what it is held against, chapter."""
    rows = [
        f"| **{line.id}** {line.claim} | {line.verdict} | {line.measured} "
        f"| {line.against} | {line.subject} | {link_chapter(line.chapter)} |"
        for line in lines
        if isinstance(line, OwnLine)
    ]
    return _table(("claim", "verdict", "number", "held against", "heads", "chapter"), rows)


def list_post(lines: Sequence[Line]) -> Prose:
    """The post's claims as a table: published, the post's way, corrected, the same pattern."""
    shown = {True: "yes", False: "no", None: "not measured"}
    rows = [
        f"| **{line.id}** {line.claim} | {line.published} | {line.by_post} | {line.measured} "
        f"| {shown[line.shows_pattern]} | {line.verdict} | {link_chapter(line.chapter)} |"
        for line in lines
        if isinstance(line, PostLine)
    ]
    head = ("claim", "published", "post's way", "corrected", "same pattern", "verdict", "chapter")
    return _table(head, rows)


def list_failed(lines: Sequence[Line]) -> list[str]:
    """Every claim of ours that does not hold, and what that may mean, as plain text."""
    return [
        f"{line.claim} ({line.id}, chapter {line.chapter}). It may mean that {line.otherwise}."
        for line in lines
        if isinstance(line, OwnLine) and line.verdict == "does not hold"
    ]


def explain_failures(lines: Sequence[Line]) -> Prose:
    """Every claim that does not hold, with what that may mean."""
    failed = [
        line
        for line in lines
        if (isinstance(line, OwnLine) and line.verdict == "does not hold")
        or (isinstance(line, PostLine) and line.shows_pattern is False)
    ]
    missing = [
        line.id for line in lines if line.verdict == "not run" or line.verdict == "not measured"
    ]
    said = [f"{say_line(line)} (Chapter {link_chapter(line.chapter)})" for line in failed]
    after = f"\n\nNot run: {_ids(missing)}; their chapters come first." if missing else ""
    after += _say_unmeasurable(lines)
    if not said:
        return Prose(f"Every claim that was measured holds.{after}" if lines else _nothing())
    ours = sum(isinstance(line, OwnLine) for line in failed)
    before = (
        f"{ours} of our own claims do not hold on {lines[0].model}, and {len(failed) - ours} of "
        "the post's patterns are not shown:"
    )
    return bullets(before, said, after)


def _say_unmeasurable(lines: Sequence[Line]) -> str:
    """What cannot be measured on a model, claims with the same reason together."""
    why: dict[str, list[str]] = {}
    for line in lines:
        if line.verdict == "cannot be measured here":
            why.setdefault(line.subject, []).append(line.id)
    return "".join(
        f"\n\nCannot be measured here: {_ids(ids)} ({said})." for said, ids in why.items()
    )


def sum_up(lines: Sequence[Line]) -> Prose:
    """What a run found, in a few sentences."""
    return Prose("\n\n".join(describe_run(lines)) or _nothing())


def list_not_shown(folder: Path = Path()) -> Prose:
    """What the chapters say that they did not show, with links."""
    said = []
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                found = re.findall(r"^\* \*\*Not shown:\*\* (.+)$", cell.source, re.M)
                said += [f"[Chapter {int(path.name[:2])}]({path.name}): {text}" for text in found]
    return bullets("Left open by each chapter:", said)


def _ids(ids: Sequence[str]) -> str:
    """Names of claims, those in a row as a range: "C1 to C4, E2, E7"."""
    said = (
        re.sub(r"(\d+)", rf"{kind}\1", ranges([int(id[1:]) for id in ids if id[0] == kind]))
        for kind in "CE"
    )
    return ", ".join(filter(None, said))


def _nothing() -> str:
    chapters = [path for path in Path().glob("[0-9][0-9]_*.ipynb") if path.name[:2] != "00"]
    last = len(chapters) - 1
    return _NOTHING.format(last=max(last, 1), model=os.environ.get("HELPERS_MODEL", "auto"))


def _table(head: Sequence[str], rows: Sequence[str]) -> Prose:
    if not rows:
        return Prose(_nothing())
    return Prose("\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows]))
