"""The pages of the docs that hold measured numbers, from `docs/templates/`."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from docs.measured_runs import MODELS, Measured, Rows
from docs.times import clock, say_machine
from helpers.claims.post import say_published
from helpers.claims.units import say_control, say_number

TEMPLATES = Path(__file__).with_name("templates")


def render_pages(measured: Measured) -> dict[str, str]:
    """Every generated page by its file name.

    Args:
        measured: What is kept in `docs/measured/`.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,  # a number that is gone is an error, not a blank
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, and nothing in it comes from outside
    )
    environment.filters["clock"] = clock
    environment.filters["machine"] = say_machine
    environment.filters["percent"] = _percent
    environment.filters["nats"] = _nats
    claims = {
        model: {row["id"]: row for row in [*measured.post[model], *measured.ours[model]]}
        for model in measured.post
    }
    values = {
        "names": MODELS,
        "needed_by": _NEEDED_BY,
        "post_revision": {model: rows[0]["revision"] for model, rows in measured.post.items()},
        "count": _count_heads,
        "took": _seconds,
        "models": list(measured.post),
        "post_table": _compare_post(measured.post),
        "patterns": _compare_patterns(measured.post),
        "own_table": _compare_ours(measured.ours),
        "rules": _list_rules(next(iter(measured.ours.values()))),
        "told": measured.told,
        "chapters": measured.chapters,
        "bench": measured.benchmarks,
        "gpu": measured.gpu,
        "contention": measured.contention,
        "work": measured.work,
        "memory": measured.memory,
        "sizes": measured.sizes,
        "views": measured.views,
        "families": _list_families(measured.families),
        **{model: claims.get(model) for model in MODELS},
    }
    return {
        path.stem: environment.get_template(path.name).render(values)
        for path in sorted(TEMPLATES.glob("*.md.j2"))
    }


def _compare_post(runs: dict[str, Rows]) -> str:
    """The post's claims: what it published, then for each model blog and corrected."""
    columns = [f"{MODELS[model]}, blog | corrected" for model in runs]
    table = [
        "| | post, on GPT2-small (published) | " + " | ".join(columns) + " |",
        "|---|---|" + "---|---|" * len(runs),
    ]
    for rows in zip(*runs.values(), strict=True):
        cells = []
        for row in rows:
            found = f" ({row['subject']})" if row["subject"] else ""
            blog = say_number(row["id"], row["blog"])
            cells.append(f"{blog} | {_measured(row, 'corrected')}{found}")
        first = rows[0]
        published = say_published(first["id"], first["post"])
        table.append(f"| **{first['id']}** {first['claim']} | {published} | {' | '.join(cells)} |")
    return "\n".join(table) + "\n"


def _compare_patterns(runs: dict[str, Rows]) -> str:
    table = [
        "| | pattern | " + " | ".join(MODELS[model] for model in runs) + " |",
        "|---|---|" + "---|" * len(runs),
    ]
    words = {True: "yes", False: "**no**", None: "–"}
    for rows in zip(*runs.values(), strict=True):
        shown = " | ".join(words[row["shows_pattern"]] for row in rows)
        table.append(f"| {rows[0]['id']} | {rows[0]['pattern']} | {shown} |")
    return "\n".join(table) + "\n"


def _compare_ours(runs: dict[str, Rows]) -> str:
    """Our own claims: for each model the verdict, the number, and what it is held against."""
    table = [
        "| | " + " | ".join(MODELS[model] for model in runs) + " |",
        "|---|" + "---|" * len(runs),
    ]
    for rows in zip(*runs.values(), strict=True):
        cells = []
        for row in rows:
            held = "; ".join(say_control(row["id"], *each) for each in row["controls"].items())
            number = _measured(row, "number") + (f" (against: {held})" if held else "")
            cells.append(f"**{row['verdict']}**: {number}")
        table.append(f"| **{rows[0]['id']}** {rows[0]['claim']} | {' | '.join(cells)} |")
    return "\n".join(table) + "\n"


def _list_rules(rows: Rows) -> str:
    """What the number of each of our claims is, and when the claim holds."""
    table = ["| | its number | it holds if |", "|---|---|---|"]
    table += [f"| **{row['id']}** | {row['definition']} | {row['rule']} |" for row in rows]
    return "\n".join(table) + "\n"


def _measured(row: dict[str, Any], column: str) -> str:
    return say_number(row["id"], row[column], row["low"], row["high"])


_NEEDED_BY = {
    "unembedding": "`log_probs`, every loss",
    "direct": "direct logits, copying",
    "parts": "`ablate` of layers, direct paths",
    "heads": "direct logits, copying, two-head circuits, direct paths",
    "weights": "copying, two-head circuits",
    "scores": "two-head circuits, composition",
    "embedding": "circuits on raw embeddings",
    "removal": "`ablate` and `patch` of heads, paths",
    "pattern": "`get_attention`, every attention score",
    "attending": "`patch` of patterns",
}


def _list_families(families: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """A row a family: the largest errors, what is refused there, and whether it is replayed."""
    rows = []
    for name, found in families.items():
        if "refused" in found:
            rows.append({"name": name, "refused": found["refused"].replace("|", "\\|")})
            continue
        row = {what: _error(found[what]) for what in ("log_prob", "pattern", "swap")}
        fails = ", ".join(f"*{need}*" for need in found["fails"]) or "nothing"
        replayed = "yes" if found["replayed"] else "no: run whole"
        rows.append({"name": name, **row, "fails": fails, "replayed": replayed})
    return rows


def _error(error: float | str) -> str:
    return "refused" if isinstance(error, str) else f"{error:.0e}"


def _count_heads(subject: str) -> str:
    """How many heads "L1H1, L2H2" names, as a word."""
    words = "one two three four five six seven eight nine ten eleven twelve".split()
    number = subject.count(",") + 1
    return words[number - 1] if number <= len(words) else str(number)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s" if value < 1 else f"{value:g} s"


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _nats(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}"
