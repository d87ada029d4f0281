"""How long chapters take, told in the README's table and in each notebook's *Takes* line."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.run.outline import read_chapters

Times = Mapping[str, Mapping[str, Any]]
"""For each model the `seconds` of its chapters, and the `cores` and `gflops` of the machine."""

NAMES = {"gpt2": "GPT2-small", "smollm2": "SmolLM2", "mini": "`mini`"}
COLUMNS = ("mini", "smollm2")
"""Models of the README's table."""
_BLOCK = re.compile(r"(<!-- chapters: .*?-->\n)(.*?)(<!-- end of chapters -->)", re.DOTALL)
_ROW = re.compile(
    r"\| ?(?P<group>[^|\n]*?) ?\| ?\[(?P<title>.*?)\]\((?P<link>notebooks/\w+\.ipynb)\)"
)
_TAKES = re.compile(r'(\*Takes:\* )[^"\\]*?\.(?= |\\n|")')
"""The first sentence after *Takes*, in a notebook's JSON; what follows it in the line stays."""
_COUNTS = {1: "one CPU core", 2: "two CPU cores", 4: "four CPU cores"}


def clock(seconds: float) -> str:
    """73 s, or 3:51 min."""
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60}:{whole % 60:02d} min"


def say_machine(machine: Mapping[str, Any]) -> str:
    """Its cores, and its rate if that was noted."""
    cores = _COUNTS.get(machine["cores"], f"{machine['cores']} CPU cores")
    return cores if machine["gflops"] is None else f"{cores} ({machine['gflops']} GF/s)"


def say_times(seconds: Mapping[str, float], times: Times) -> str:
    """Some models' times in words, the machine once if it is the same.

    Args:
        seconds: Seconds by model.
        times: Where the machines stand.
    """
    machines = {name: say_machine(times[name]) for name in seconds}
    if len({*machines.values()}) == 1:
        said = ", ".join(f"{clock(took)} with {NAMES[name]}" for name, took in seconds.items())
        return f"{said} on {next(iter(machines.values()))}"
    return ", ".join(
        f"{clock(took)} with {NAMES[name]} on {machines[name]}" for name, took in seconds.items()
    )


def time_notebook(text: str, name: str, times: Times) -> str:
    """A notebook's JSON with the first sentence of its *Takes* line as measured.

    Nothing else changes, and nothing at all if it has no such line or no time is known.

    Args:
        text: The notebook, as it is on disk.
        name: Its name without ending.
        times: What was measured.
    """
    found = {
        model: times[model]["seconds"][name]
        for model in NAMES
        if model in times and name in times[model]["seconds"]
    }
    if not found:
        return text
    order = sorted(found, key=lambda model: found[model])
    sentence = say_times({model: found[model] for model in order}, times)
    inside = json.dumps(sentence, ensure_ascii=False)[1:-1]
    return _TAKES.sub(lambda old: f"{old[1]}{inside}.", text, count=1)


def time_readme(text: str, times: Times, root: Path) -> str:
    """The README with its table of chapters as they are titled and as they were measured.

    Rows, their order and their groups are the README's own. A row whose notebook is not there
    keeps its title.

    Args:
        text: The README.
        times: What was measured.
        root: The project's folder.

    Raises:
        ValueError: If the README has no such block.
    """
    if not _BLOCK.search(text):
        raise ValueError("README.md has no block between `<!-- chapters: … -->` and its end.")
    return _BLOCK.sub(lambda block: block[1] + _table(block[2], times, root) + block[3], text)


def _table(old: str, times: Times, root: Path) -> str:
    lines = ["||chapter|mini|SmolLM2|", "|---|---|---|---|"]
    for row in _ROW.finditer(old):
        name, path = Path(row["link"]).stem, root / row["link"]
        title = read_chapters([path])[0].title if path.is_file() else row["title"]
        cells = [
            clock(times[model]["seconds"][name]) if name in times[model]["seconds"] else "–"
            for model in COLUMNS
        ]
        lines.append(f"|{row['group']}|[{title}]({row['link']})|{'|'.join(cells)}|")
    sums = {model: sum(times[model]["seconds"].values()) for model in COLUMNS}
    said = f"Loading the model included, they add up to {say_times(sums, times)}."
    return "\n".join([*lines, "", said, ""])
