"""The whole walkthrough: every notebook executed, a page each, an index, the claims."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import nbformat

from helpers.claims import (
    claims_as_json,
    collect_claims,
    tabulate_claims,
    tabulate_evidence,
)
from helpers.models import asked_for, find_source
from helpers.results import write_json
from helpers.run.notebooks import Outcome, find_notebooks, run_notebook
from helpers.run.pages import title_of, write_index, write_page


class WalkthroughRun(NamedTuple):
    """Where a run wrote, and how each notebook ended."""

    folder: Path
    outcomes: list[Outcome]


def run_walkthrough(
    model: str, *, notebooks: Path, build: Path, parameters: Mapping[str, object] | None = None
) -> WalkthroughRun:
    """Execute all notebooks in order and write what came out.

    `build/<model>/` gets the executed notebooks, one page each, `index.html`, `claims.json` and
    `data/`. A notebook that fails does not keep the others from running.

    Args:
        model: What `load_model` takes.
        notebooks: Folder of the numbered notebooks.
        build: Folder that gets one folder a model.
        parameters: Values for the notebooks' `parameters` cells, besides the model.

    Returns:
        Where it wrote, and how each notebook ended.

    Raises:
        ModelError: If the model cannot be had; nothing is executed then.
        FileNotFoundError: If there are no notebooks.
    """
    paths = find_notebooks(notebooks)
    model = asked_for(model)
    source = find_source(model)
    # The name is handed on, not the directory: gpt2 must stay gpt2. "auto" is decided here once.
    asked = source.name if model == "auto" else model
    if Path(asked).expanduser().is_dir():
        asked = str(Path(asked).expanduser().resolve())
    folder = build / source.name.replace("/", "--")
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    sys.stdout.write(f"{source.name} ({source.reason}) -> {folder}\n")
    outcomes = []
    for path in paths:
        outcome = run_notebook(
            path,
            parameters={"MODEL": asked, **(parameters or {})},
            environment={"HELPERS_RESULTS": str(data.resolve())},
        )
        _write_notebook(outcome, folder / path.name)
        write_page(outcome.executed, folder / f"{path.stem}.html")
        outcomes.append(outcome)
    tables = {}
    if any(data.glob("*.nc")):
        claims = collect_claims(data)
        write_json(claims_as_json(claims), folder / "claims.json")
        tables = {
            "The post's claims": tabulate_claims(claims),
            "Our own claims": tabulate_evidence(claims),
        }
    titles = {outcome.notebook: title_of(outcome.executed) for outcome in outcomes}
    about = f"{source.name}, {source.revision}"
    write_index(outcomes, titles, tables, folder, about=about)
    return WalkthroughRun(folder, outcomes)


def _write_notebook(outcome: Outcome, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    nbformat.write(outcome.executed, partial)
    partial.replace(path)
