"""The first page of a run: the question, what was found, and where everything lies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers.claims import Line, describe_run, list_failed
from helpers.results import write_whole
from helpers.run.notebooks import Outcome
from helpers.run.outline import Chapter
from helpers.run.page_frame import frame_page, page_environment
from helpers.run.pages import say_early_end, say_failure


def write_index(
    outcomes: Sequence[Outcome],
    chapters: Sequence[Chapter],
    claims: Sequence[Line],
    folder: Path,
    *,
    about: Mapping[str, object],
    is_a: str = "",
    kept_by: Mapping[str, Sequence[str]] | None = None,
    opening: str = "",
    picture: str = "",
    caption: str = "",
) -> Path:
    """Write the page that leads to the others and says what was found, in one step.

    Args:
        outcomes: How each notebook ended that was run so far.
        chapters: All notebooks, in order.
        claims: Claims as collected; none if they could not be.
        folder: Where the pages lie, and `data/` with the results.
        about: What there is to say about the run, by name; `Model` first.
        is_a: What the model is, in a sentence.
        kept_by: For each notebook the files in `data/` that it kept.
        opening: What stands first, as self-contained HTML, or nothing.
        picture: One picture to click in, as self-contained HTML, or nothing.
        caption: What the picture shows, as plain text.

    Returns:
        The page.
    """
    failures = {outcome.notebook: say_failure(outcome) for outcome in outcomes}
    ends = {outcome.notebook: say_early_end(outcome) for outcome in outcomes}
    listed = [
        {
            **vars(chapter),
            "ran": chapter.notebook in failures,
            "failure": failures.get(chapter.notebook),
            "end": ends.get(chapter.notebook),
            "data": (kept_by or {}).get(chapter.notebook, []),
        }
        for chapter in chapters
    ]
    # The template escapes all that it does not call safe: opening, picture, style and script.
    template = page_environment().get_template("contents.html.j2")
    page = template.render(
        model=next(iter(about.values()), "a model"),
        is_a=is_a,
        has_claims=bool(claims),
        glossary=(folder / "glossary.html").is_file(),
        play=(folder / "play.html").is_file(),
        about=about,
        chapters=listed,
        unfinished=not all(chapter["ran"] for chapter in listed),
        failed=sum(bool(failure) for failure in failures.values()),
        headline=describe_run(claims),
        not_held=list_failed(claims),
        opening=opening,
        picture=picture,
        caption=caption,
        **frame_page("contents"),
    )
    path = folder / "index.html"
    write_whole(path, lambda to: to.write_text(page, encoding="utf-8"))
    return path
