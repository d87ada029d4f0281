"""The first page of a run: the question, what was found, and where everything lies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from helpers.claims import FoundLine, Measured, say_post
from helpers.claims.numbers import show
from helpers.results import write_whole
from helpers.run.headline import describe_run
from helpers.run.notebooks import Outcome
from helpers.run.outline import Chapter
from helpers.run.page_frame import TEMPLATES, frame_page
from helpers.run.pages import say_failure

_TONES = {"holds": "good", "reproduced": "good", "does not hold": "bad", "differs": "bad"}
_PATTERN = {True: ("yes", "good"), False: ("no", "bad"), None: ("–", "")}


def write_index(
    outcomes: Sequence[Outcome],
    chapters: Sequence[Chapter],
    claims: Sequence[Measured | FoundLine],
    folder: Path,
    *,
    about: Mapping[str, object],
    kept_by: Mapping[str, Sequence[str]] | None = None,
    picture: str = "",
    caption: str = "",
) -> Path:
    """Write the page that leads to the others and shows the claims, in one step.

    Args:
        outcomes: How each notebook ended.
        chapters: All notebooks, in order.
        claims: Claims as collected; none if they could not be.
        folder: Where the pages lie, and `data/` with the results.
        about: What there is to say about the run, by name; `Model` first.
        kept_by: For each notebook the files in `data/` that it kept.
        picture: One picture for the top, as self-contained HTML, or nothing.
        caption: What the picture shows, as plain text.

    Returns:
        The page.
    """
    failures = {outcome.notebook: say_failure(outcome) for outcome in outcomes}
    listed = [
        {
            **vars(chapter),
            "failure": failures.get(chapter.notebook),
            "data": (kept_by or {}).get(chapter.notebook, []),
        }
        for chapter in chapters
    ]
    # The template escapes everything that it does not call safe: picture, style and script.
    template = _environment().get_template("contents.html.j2")
    page = template.render(
        model=next(iter(about.values()), "a model"),
        about=about,
        chapters=listed,
        failed=sum(bool(failure) for failure in failures.values()),
        headline=describe_run(claims),
        post=[_post(line) for line in claims if isinstance(line, Measured)],
        ours=[_ours(line) for line in claims if isinstance(line, FoundLine)],
        picture=picture,
        caption=caption,
        **frame_page("contents"),
    )
    path = folder / "index.html"
    write_whole(path, lambda to: to.write_text(page, encoding="utf-8"))
    return path


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def _post(line: Measured) -> dict[str, Any]:
    verdict, _, why = line.verdict.partition(" (")
    pattern, tone = _PATTERN[line.shows_pattern]
    return {
        **vars(line),
        **_ends(line),
        "post": say_post(line),
        "blog": show(line.blog),
        "corrected": show(line.corrected),
        "verdict": verdict,
        "why": why.rstrip(")"),
        "tone": _TONES.get(line.verdict, ""),
        "pattern": pattern,
        "pattern_tone": tone,
        "pattern_rule": line.pattern,
    }


def _ours(line: FoundLine) -> dict[str, Any]:
    return {
        **vars(line),
        **_ends(line),
        "number": show(line.number),
        "tone": _TONES.get(line.verdict, ""),
        "controls": [(_unbroken(name), show(value)) for name, value in line.controls.items()],
    }


def _unbroken(text: str) -> str:
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _ends(line: Measured | FoundLine) -> dict[str, str]:
    if line.low is None:
        return {"low": "", "high": ""}
    return {"low": show(line.low), "high": show(line.high)}
