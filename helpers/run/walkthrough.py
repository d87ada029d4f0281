"""The whole walkthrough: every notebook executed, a page each, an index, the claims."""

import hashlib
import json
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import nbformat
from tqdm import tqdm

from helpers.claims import ENDED, Line, claims_as_json, collect_claims
from helpers.folders import expand_home
from helpers.models import KNOWN, asked_for, find_source
from helpers.models.network import say_briefly
from helpers.models.sources import Source
from helpers.results import PARTIAL, load_result, write_json, write_whole
from helpers.run.about_model import check_parameters, check_start, describe_model
from helpers.run.contents import write_index
from helpers.run.guard import guard_folder
from helpers.run.notebooks import Outcome, find_notebooks, run_notebook
from helpers.run.opening import draw_opening
from helpers.run.outline import Chapter, read_chapters, read_notebook, read_parameters
from helpers.run.pages import GLOSSARY, say_early_end, say_failure, write_page
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
    model: str,
    *,
    notebooks: Path,
    build: Path,
    parameters: Mapping[str, object] | None = None,
    beside: Callable[[Path], None] | None = None,
) -> WalkthroughRun:
    """Execute all notebooks in order and write what came out.

    `build/<model>/` gets the executed notebooks, one page each, `index.html`, `claims.json`,
    `run.json` (model, parameters, and the seconds of each chapter that did not fail) and `data/`.
    A notebook that fails does not keep the others from running. All of it is written anew after
    each chapter, so that a run that is interrupted leaves a readable index; the next run of the
    same model, parameters and code goes on from there. A terminal shows a bar of chapters;
    anywhere else each chapter that ended is a line, for logs.

    Args:
        model: What `load_model` takes.
        notebooks: Folder of the numbered notebooks.
        build: Folder that gets one folder a model.
        parameters: Values for the notebooks' `parameters` cells, besides the model.
        beside: Writes what else shall lie in the run's folder, before the first chapter.

    Returns:
        Where it wrote, and how each notebook ended.

    Raises:
        ModelError: If the model cannot be had; nothing is executed then.
        FileNotFoundError: If there are no notebooks.
        ValueError: If a parameter is out of the model's range; nothing is executed then.
        RunError: If the folder cannot be written, another run is at it, or the disk gets full.
    """
    paths = find_notebooks(notebooks)
    model = asked_for(model)
    source = find_source(model)
    chosen = {"MODEL": _hand_on(model, source), **(parameters or {})}
    check_parameters(source, chosen)
    check_start(source)
    chapters = read_chapters(paths)
    folder = run_folder(source, build)
    with guard_folder(folder):
        pages = _Pages(source, chapters, folder, _recipe(source, paths, chosen))
        done = pages.go_on()
        glossary = notebooks / f"{GLOSSARY}.ipynb"
        if glossary.is_file():
            write_page(Outcome(GLOSSARY, read_notebook(glossary)), folder, chapters)
        if beside:
            beside(folder)
        _execute(paths, chosen, pages, done)
        pages.write(finished=True)
    return WalkthroughRun(folder, pages.outcomes)


def _hand_on(model: str, source: Source) -> str:
    """What the notebooks load: the very same model, from whichever folder they run in.

    A name stays a name, since gpt2 must stay gpt2. "auto" is decided once, not by each of them.
    """
    if model == "auto":
        return source.name if source.name in KNOWN else str(source.directory.resolve())
    directory = expand_home(model)
    return str(directory.resolve()) if model not in KNOWN and directory.is_dir() else model


def _execute(
    paths: Sequence[Path], chosen: Mapping[str, object], pages: "_Pages", done: set[str]
) -> None:
    """Run the notebooks that are not done yet, one after the other."""
    environment = {
        "HELPERS_RESULTS": str(pages.data.resolve()),
        "HELPERS_MODEL": str(chosen["MODEL"]),
    }
    # tqdm takes None for: not where stderr is no terminal.
    with tqdm(total=len(paths), disable=None) as bar:
        for number, (path, chapter) in enumerate(zip(paths, pages.chapters, strict=True), start=1):
            asks = chapter.title.rpartition(" · ")[2]
            name = f"notebook {number} of {len(paths)}: {asks}"
            bar.set_description(name)
            start = time.monotonic()
            if path.stem in done:
                ended = "as the interrupted run left it"
            else:
                before = pages.kept()
                outcome = run_notebook(path, parameters=chosen, environment=environment)
                took = time.monotonic() - start
                ended = say_failure(outcome) or say_early_end(outcome) or f"{took:.0f} s"
                pages.add(outcome, took, sorted(pages.kept() - before))
            bar.update()
            if bar.disable:
                sys.stdout.write(f"{name}: {ended}\n")
                sys.stdout.flush()


class _Pages:
    """What a run has written so far: notebooks, pages, the index, claims and run.json.

    Args:
        source: The model.
        chapters: All notebooks, in order.
        folder: Where it is written.
        recipe: What the results depend on, in short: a run with another one starts anew.
    """

    def __init__(
        self,
        source: Source,
        chapters: Sequence[Chapter],
        folder: Path,
        recipe: str,
    ) -> None:
        self.source, self.chapters, self.folder = source, chapters, folder
        self.recipe, self.data = recipe, folder / "data"
        self.outcomes: list[Outcome] = []
        self.seconds: dict[str, float] = {}
        self.kept_by: dict[str, list[str]] = {}

    def go_on(self) -> set[str]:
        """The chapters that an interrupted run of the same has finished; else all is removed."""
        try:
            told = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
            if told["recipe"] != self.recipe or told["finished"]:
                raise ValueError("another run, or a finished one")
            seconds, kept_by = told["seconds"], told["kept"]
            files = [self.data / file for name in seconds for file in kept_by[name]]
            if not all(file.is_file() for file in files):
                raise ValueError("something is gone")
            read = {
                name: nbformat.read(self.folder / f"{name}.ipynb", as_version=4) for name in seconds
            }
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(self.data, ignore_errors=True)
            for name in ("claims.json", "run.json", "index.html"):
                (self.folder / name).unlink(missing_ok=True)
            return set()
        for stray in self.kept() - {file.name for file in files}:  # of a chapter that did not end
            (self.data / stray).unlink()
        self.seconds, self.kept_by = seconds, {name: kept_by[name] for name in seconds}
        self.outcomes = [Outcome(name, notebook) for name, notebook in read.items()]
        return {*read}

    def kept(self) -> set[str]:
        """The files in `data/` now, without those that a killed chapter left half."""
        return {file.name for file in self.data.glob("*") if file.suffix != PARTIAL}

    def add(self, outcome: Outcome, took: float, kept: list[str]) -> None:
        """Write a chapter that has ended, and all that leads to it."""
        path = self.folder / f"{outcome.notebook}.ipynb"
        write_whole(path, lambda to: nbformat.write(outcome.executed, to))
        write_page(outcome, self.folder, self.chapters)
        order = [chapter.notebook for chapter in self.chapters]
        self.outcomes = sorted([*self.outcomes, outcome], key=lambda one: order.index(one.notebook))
        if outcome.ended:
            why, place = outcome.ended, self.data / f"{outcome.notebook[3:]}{ENDED}"
            write_whole(place, lambda to: to.write_text(why, encoding="utf-8"))
            kept = [*kept, place.name]
        self.kept_by[outcome.notebook] = kept
        if not outcome.error:
            self.seconds[outcome.notebook] = round(took, 1)
        self.write(finished=False)

    def write(self, *, finished: bool) -> None:
        """Write the index, the claims and run.json as far as the run has come."""
        claims = self._judge()
        chosen = _parameters(self.outcomes)
        told = {"model": self.source.name, "revision": self.source.revision, "parameters": chosen}
        told |= {"seconds": self.seconds, "kept": self.kept_by}
        told |= {"recipe": self.recipe, "finished": finished}
        write_json(told, self.folder / "run.json")
        picture = _draw_or_say(draw_first_picture, "picture", self.data)
        write_index(
            self.outcomes,
            self.chapters,
            claims,
            self.folder,
            about=_say_run(self.source, self.outcomes),
            is_a=describe_model(self.source),
            kept_by=self.kept_by,
            opening=_draw_or_say(draw_opening, "first table", self.data),
            picture=picture,
            caption=_CAPTION if picture else "",
        )

    def _judge(self) -> list[Line]:
        """The claims; whatever is wrong with a result, the index is written."""
        if not any(self.data.glob("*.nc")):
            return []
        try:
            claims = collect_claims(self.data)
        except Exception as error:
            sys.stderr.write(f"The claims of this run cannot be judged: {say_briefly(error)}\n")
            return []
        write_json(claims_as_json(claims), self.folder / "claims.json")
        return claims


def _draw_or_say(draw: Callable[[Path], str], what: str, data: Path) -> str:
    """A part of the index; nothing, and a line on stderr, if its results cannot be drawn."""
    try:
        return draw(data)
    except Exception as error:
        sys.stderr.write(f"The index goes without its {what}: {say_briefly(error)}\n")
        return ""


def _recipe(source: Source, paths: Sequence[Path], parameters: Mapping[str, object]) -> str:
    """A digest of the weights, the notebooks, their parameters, this package, the libraries."""
    package = Path(__file__).parents[1]
    code = (path for path in sorted(package.rglob("*")) if path.suffix in {".py", ".json"})
    digest = hashlib.sha256(repr([source.revision, *parameters.items()]).encode())
    digest.update(repr([version(name) for name in _LIBRARIES]).encode())
    for path in (*paths, *code):
        digest.update(path.read_bytes())
    return digest.hexdigest()


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


def _parameters(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """What the notebooks were given; not each of them has every parameter."""
    said = [read_parameters(outcome.executed) for outcome in outcomes]
    return {name: value for given in said for name, value in given.items()}


def _say_run(source: Source, outcomes: Sequence[Outcome]) -> dict[str, object]:
    chosen = _parameters(outcomes)
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return {
        "Model": source.name,
        "Weights": source.revision,
        **{say: chosen[name] for name, say in _PARAMETERS.items() if name in chosen},
        "Python": platform.python_version(),
        "Libraries": libraries,
    }
