"""The whole walkthrough: every notebook executed, a page each, an index, the claims."""

import platform
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import nbformat
from tqdm import tqdm

from helpers.claims import claims_as_json, collect_claims
from helpers.models import asked_for, find_source
from helpers.models.sources import Source
from helpers.results import load_result, write_json, write_whole
from helpers.run.about_model import describe_model
from helpers.run.contents import write_index
from helpers.run.notebooks import Outcome, find_notebooks, run_notebook
from helpers.run.outline import read_chapters, read_parameters
from helpers.run.pages import GLOSSARY, say_failure, write_page
from helpers.viewers import view_heads

_CAPTION = (
    "Every head of the model. Left, how much each one looks where an induction head would: at what "
    "came after the same token the first time. Right, where the chosen head looks, token by token; "
    "the outline is what its score is the mean of. Click a head, or walk with the arrow keys."
)
_PARAMETERS = {"N": "N, tokens in a half", "SEQUENCES": "Sequences", "SEED": "Seed"}
_LIBRARIES = ("torch", "transformers", "transformer-lens", "numpy", "xarray", "pandas", "plotly")


class WalkthroughRun(NamedTuple):
    """Where a run wrote, and how each notebook ended."""

    folder: Path
    outcomes: list[Outcome]


def run_walkthrough(
    model: str, *, notebooks: Path, build: Path, parameters: Mapping[str, object] | None = None
) -> WalkthroughRun:
    """Execute all notebooks in order and write what came out.

    `build/<model>/` gets the executed notebooks, one page each, `index.html`, `claims.json`,
    `run.json` (model, parameters, and the seconds of each chapter that did not fail) and `data/`.
    A notebook that fails does not keep the others from running. A terminal shows a bar of
    chapters; anywhere else each chapter that ended is a line, for logs.

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
    folder = run_folder(source, build)
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    for name in ("claims.json", "run.json"):
        (folder / name).unlink(missing_ok=True)
    chapters = read_chapters(paths)
    outcomes: list[Outcome] = []
    kept_by: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    # tqdm takes None for: not where stderr is no terminal.
    with tqdm(total=len(paths), disable=None) as bar:
        for number, (path, chapter) in enumerate(zip(paths, chapters, strict=True), start=1):
            asks = chapter.title.rpartition(" · ")[2]
            name = f"chapter {number} of {len(paths)}: {asks}"
            bar.set_description(name)
            start = time.monotonic()
            before = {*data.glob("*")}
            outcome = run_notebook(
                path,
                parameters={"MODEL": asked, **(parameters or {})},
                environment={"HELPERS_RESULTS": str(data.resolve())},
            )
            _write_notebook(outcome, folder / path.name)
            write_page(outcome, folder, chapters)
            outcomes.append(outcome)
            kept_by[path.stem] = sorted(file.name for file in {*data.glob("*")} - before)
            bar.update()
            took = time.monotonic() - start
            if not outcome.error:
                seconds[path.stem] = round(took, 1)
            if bar.disable:
                ended = say_failure(outcome) or f"{took:.0f} s"
                sys.stdout.write(f"{name}: {ended}\n")
                sys.stdout.flush()
    claims = []
    if any(data.glob("*.nc")):
        claims = collect_claims(data)
        write_json(claims_as_json(claims), folder / "claims.json")
    glossary = notebooks / f"{GLOSSARY}.ipynb"
    if glossary.is_file():
        write_page(Outcome(GLOSSARY, nbformat.read(glossary, as_version=4)), folder, chapters)
    _write_run(source, outcomes, seconds, folder / "run.json")
    about = _say_run(source, outcomes)
    picture = draw_first_picture(data)
    write_index(
        outcomes,
        chapters,
        claims,
        folder,
        about=about,
        is_a=describe_model(source),
        kept_by=kept_by,
        picture=picture,
        caption=_CAPTION if picture else "",
    )
    return WalkthroughRun(folder, outcomes)


def run_folder(source: Source, build: Path) -> Path:
    """Where the run of a model is written.

    Args:
        source: The model.
        build: Folder that gets one folder a model.
    """
    return build / source.name.replace("/", "--")


def draw_first_picture(data: Path) -> str:
    """The explorer, on the first sequence of what the notebooks measured, as HTML.

    Args:
        data: Folder of the results.

    Returns:
        Self-contained HTML, or nothing if the notebooks did not get that far.
    """
    try:
        scores, attention = load_result(data / "scores.nc"), load_result(data / "attention.nc")
    except FileNotFoundError:
        return ""
    patterns = attention["attention"].isel(sequence=slice(1)).assign_attrs(attention.attrs)
    return view_heads(scores, patterns).source


def _say_run(source: Source, outcomes: Sequence[Outcome]) -> dict[str, object]:
    chosen = read_parameters(outcomes[0].executed)
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return {
        "Model": source.name,
        "Weights": source.revision,
        **{say: chosen[name] for name, say in _PARAMETERS.items() if name in chosen},
        "Python": platform.python_version(),
        "Libraries": libraries,
    }


def _write_run(
    source: Source, outcomes: Sequence[Outcome], seconds: Mapping[str, float], path: Path
) -> None:
    chosen = read_parameters(outcomes[0].executed)
    about = {"model": source.name, "revision": source.revision}
    write_json({**about, "parameters": chosen, "seconds": seconds}, path)


def _write_notebook(outcome: Outcome, path: Path) -> None:
    write_whole(path, lambda to: nbformat.write(outcome.executed, to))
