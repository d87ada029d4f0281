"""What a notebook says of the model at hand: does it hold?"""

import os
from pathlib import Path

import xarray as xr

from helpers.claims.evidence import EVIDENCE, OwnLine, judge_evidence
from helpers.claims.line import Line
from helpers.claims.post import CLAIMS, PostLine, judge_post
from helpers.drawing.prose import Prose, bullets


def holds(sentence: str, condition: object) -> Prose:
    """Say whether a sentence holds on this model.

    Nothing is raised where it does not, so that a notebook runs on every model to its end;
    `HELPERS_STRICT=1` in the environment makes it raise, for tests on models that it must hold on.

    Args:
        sentence: What is said.
        condition: Whether it is so: anything that is true or false.

    Returns:
        The sentence, and how it stands.

    Raises:
        AssertionError: If it does not hold, and `HELPERS_STRICT` is set.
    """
    if bool(condition):
        return Prose(f"✓ **Holds on this model:** {sentence}")
    if os.environ.get("HELPERS_STRICT") == "1":
        raise AssertionError(f"Does not hold: {sentence}")
    return Prose(f"✗ **Does not hold on this model:** {sentence}")


def verdict(**results: xr.Dataset) -> Prose:
    """What this chapter found on the model at hand: every claim that its results decide.

    Args:
        **results: Results by the names under which they are kept.

    Returns:
        One item a claim: whether it holds, its number with its interval, what it is held against,
        what the number is, and, where it does not hold, what that may mean.

    Raises:
        ValueError: If the results decide no claim, or are of different models.
    """
    models = {(str(r.attrs["model"]), str(r.attrs["revision"])) for r in results.values()}
    if len(models) > 1:
        raise ValueError(f"These results are of different models: {sorted(models)}.")
    ours = [claim for claim in EVIDENCE if {*claim.needs} <= {*results}]
    post = [claim for claim in CLAIMS if {*claim.needs} <= {*results}]
    if not ours and not post:
        raise ValueError(f"No claim is decided by {', '.join(results) or 'nothing'}.")
    ((model, revision),) = models
    lines: list[Line] = [
        *(judge_evidence(claim, results, model, revision) for claim in ours),
        *(judge_post(claim, results, model, revision) for claim in post),
    ]
    return bullets(f"**Verdict for {model}**", [say_line(line) for line in lines])


def say_line(line: Line) -> str:
    """One claim in a sentence or two, as Markdown."""
    subject = f" ({line.subject})" if line.subject else ""
    failed, said = False, ""
    if isinstance(line, OwnLine):
        said = f"**{line.id} {line.verdict}**: {line.claim}{subject}"
        if line.number is not None:
            said += f": {line.measured}"
        if line.controls:
            said += (
                f"; held against: {line.against}"
                if line.number is not None
                else f": {line.against}"
            )
        failed = line.verdict == "does not hold"
    elif isinstance(line, PostLine):
        pattern = {True: "shown", False: "not shown", None: "not measured"}[line.shows_pattern]
        said = (
            f"**{line.id}, the post's, {pattern}**: {line.claim}{subject}: {line.measured}; "
            f"the post's way: {line.by_post}; published for GPT2-small: {line.published} "
            f"(shown if {line.pattern})"
        )
        failed = line.shows_pattern is False
    if failed and isinstance(line, OwnLine):
        said += f". It holds if: {line.rule}"
    return f"{said}. It may mean that {line.otherwise}." if failed else f"{said}."


def link_chapter(chapter: str) -> str:
    """A Markdown link to a chapter's notebook, or its name where there is no such notebook."""
    found = sorted(Path().glob(f"[0-9][0-9]_{chapter}.ipynb"))
    return f"[{int(found[0].name[:2])}]({found[0].name})" if found else chapter
