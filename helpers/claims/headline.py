"""What a run found, in a few sentences made from its claims."""

from collections.abc import Sequence

from helpers.claims.evidence import OwnLine
from helpers.claims.line import Line
from helpers.claims.post import PostLine
from helpers.claims.units import say_number


def describe_run(claims: Sequence[Line]) -> list[str]:
    """The repeat, the head, its removal, and the claims that hold; what is missing is left out.

    Args:
        claims: Result of `collect_claims`.

    Returns:
        Sentences of plain text.
    """
    lines = {line.id: line for line in claims}
    return [*_say_repeat(lines), *_say_removal(lines), *_say_verdicts(claims)]


def _say_repeat(lines: dict[str, Line]) -> list[str]:
    first, second, head = (_corrected(lines, name) for name in ("C1", "C2", "C5"))
    if first is None or second is None:
        return []
    said = (
        f"{lines['C1'].model} predicts random tokens with a mean log-probability of {first} "
        f"the first time and {second} the second time"
    )
    if head is None:
        return [f"{said}."]
    return [
        f"{said}, and of all its heads {lines['C5'].subject} looks most where an induction head "
        f"would (score {head}, where 1 is the most there is)."
    ]


def _say_removal(lines: dict[str, Line]) -> list[str]:
    line = lines.get("E10")
    if not isinstance(line, OwnLine) or line.number is None:
        return []
    count = line.subject.count(",") + 1
    taken = "its one induction head" if count == 1 else f"its {count} induction heads"
    random = " and ".join(
        f"{say_number('E10', value)} for as many random heads of the same layers "
        "(97.5 % of the draws cost less)"
        for name, value in line.controls.items()
        if name.startswith("random heads")
    )
    return [
        f"Removing {taken} (mean ablation) changes the loss of the second half by {line.measured}"
        + (f", against {random}." if random else ".")
    ]


def _say_verdicts(claims: Sequence[Line]) -> list[str]:
    ours = [line.verdict for line in claims if isinstance(line, OwnLine)]
    counts = {name: ours.count(name) for name in {"holds", "does not hold", *ours}}
    if not ours:
        return []
    said = f"Of our own {len(ours)} claims, {counts['holds']} hold on this model and "
    said += f"{counts['does not hold']} do not"
    left = {"not run": "were not run", "cannot be measured here": "cannot be measured on it"}
    more = [f"{counts[name]} {words}" for name, words in left.items() if counts.get(name)]
    return ["; ".join([said, *more]) + "."]


def _corrected(lines: dict[str, Line], name: str) -> str | None:
    line = lines.get(name)
    if not isinstance(line, PostLine) or line.corrected is None:
        return None
    return say_number(name, line.corrected)
