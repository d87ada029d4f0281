"""`python -m benchmarks work [MODEL]`: what the walkthrough computes, in TFLOP, chapter by chapter.

Work, unlike seconds, is the same on every machine. It is counted by torch's `FlopCounterMode`: each
product of a x b and b x c is 2abc operations. The notebooks' own cells are executed in this
process, from an empty result cache.
"""

import argparse
import ast
import hashlib
import inspect
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pandas as pd
import xarray as xr
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import helpers
from helpers import Model
from helpers.models import asked_for, cache_directory, find_source
from helpers.results import write_json
from helpers.run.notebooks import find_notebooks

TERA = 1e12
BY_HAND = "(cells by hand)"
CHAPTERS = ("attention", "circuit", "loss", "mlps", "paths", "removal", "scan", "text")
SHOWS = ("plot_", "view_")


@dataclass
class Call:
    """One call of a measure in a notebook.

    Args:
        chapter: Name of the notebook.
        call: Name of the function.
        flop: Operations counted while it ran.
        before: Chapter in which the same was computed already, with the same arguments; or "".
        feeds: "claim", "figure", "check" (of a number by hand) or "", for what is none of these.
    """

    chapter: str
    call: str
    flop: int
    before: str = ""
    feeds: str = ""


@dataclass
class Counter:
    """Counts what the functions that take a model compute, while they are called by a notebook."""

    mode: FlopCounterMode
    chapter: str = ""
    depth: int = 0
    calls: list[Call] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)

    def wrap(self, function: Callable) -> Callable:
        """The same function; what it computes is written down."""

        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self.depth:
                return function(*args, **kwargs)
            key = _digest(function.__name__, args, kwargs)
            start = self.mode.get_total_flops()
            self.depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                self.depth -= 1
                flop = self.mode.get_total_flops() - start
                before = self.seen.setdefault(key, self.chapter)
                if flop:
                    again = before if before != self.chapter else ""
                    self.calls.append(Call(self.chapter, function.__name__, flop, again))

        return counted


def main(arguments: list[str]) -> int:
    """Count, print two tables, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks work", description=__doc__)
    parser.add_argument("model", nargs="?", default="mini", help="what load_model takes (mini)")
    parser.add_argument("--notebooks", type=Path, default=Path("notebooks"))
    parser.add_argument("--sequences", type=int, help="another number of sequences")
    parser.add_argument("--only", default="", help="chapters whose names hold one of these: 4,6,7")
    parser.add_argument("--build", type=Path, default=Path("build/bench"), help="where to write")
    chosen = parser.parse_args(arguments)
    parameters: dict[str, object] = {"MODEL": asked_for(chosen.model)}
    if chosen.sequences:
        parameters["SEQUENCES"] = chosen.sequences
    source = find_source(str(parameters["MODEL"]))
    path = chosen.build / f"work-{source.name.replace('/', '--')}"
    parts = chosen.only.split(",")
    notebooks = [
        path
        for path in find_notebooks(chosen.notebooks)
        if any(part in path.stem for part in parts)
    ]
    calls = count(notebooks, parameters, results=path.resolve(), say=say)
    path = path.with_suffix(".json")
    report = {"model": source.name, "revision": source.revision}
    write_json({**report, "calls": [asdict(call) for call in calls]}, path)
    say(f"\n{as_tables(calls)}\nwritten: {path}\n")
    return 0


def count(
    notebooks: list[Path],
    parameters: dict[str, object],
    *,
    results: Path,
    say: Callable[[str], None] = lambda _line: None,
) -> list[Call]:
    """What each call of each notebook computes.

    Args:
        notebooks: The notebooks, in order.
        parameters: Values for their `parameters` cells.
        results: Where what the notebooks keep is written.
        say: Gets a line for each notebook.
    """
    every: list[Call] = []
    with empty_cache(results), FlopCounterMode(display=False) as mode:
        counter = Counter(mode)
        with _counting(counter):
            for path in notebooks:
                start, since = mode.get_total_flops(), time.monotonic()
                counter.chapter, counter.calls = path.stem, []
                sources = run_cells(path, parameters)
                fed = feeds(sources)
                for call in counter.calls:
                    call.feeds = fed.get(call.call, "")
                total = mode.get_total_flops() - start
                rest = total - sum(call.flop for call in counter.calls)
                every += [*counter.calls, Call(path.stem, BY_HAND, rest, feeds="check")]
                took = time.monotonic() - since
                say(f"{path.stem}: {total / TERA:.3f} TFLOP in {took:.0f} s\n")
    return [call for call in every if call.flop]


def as_tables(calls: list[Call]) -> str:
    """TFLOP by chapter, and by chapter and call, as text."""
    table: Any = pd.DataFrame([asdict(call) for call in calls])
    table["TFLOP"] = table["flop"] / TERA
    whole = table["TFLOP"].sum()
    chapters = table.groupby("chapter")[["TFLOP"]].sum()
    chapters["share"] = (chapters["TFLOP"] / whole).map("{:.1%}".format)
    by = ["chapter", "call", "feeds", "before"]
    rows = table.groupby(by, as_index=False)[["TFLOP"]].sum()
    rows = rows.sort_values("TFLOP", ascending=False)
    rows["share"] = (rows["TFLOP"] / whole).map("{:.1%}".format)
    again = table.loc[table["before"] != "", "TFLOP"].sum()
    idle = table.loc[table["feeds"] == "", "TFLOP"].sum()
    return "\n".join(
        [
            f"{whole:.2f} TFLOP, {again / whole:.1%} of it computed before in another chapter, "
            f"{idle / whole:.1%} for neither claim nor figure nor check",
            chapters.round(3).to_string(),
            "",
            rows.round(3).to_string(index=False),
        ]
    )


def run_cells(path: Path, parameters: dict[str, object]) -> list[str]:
    """Execute the cells of a notebook in this process.

    Args:
        path: The notebook.
        parameters: Values for its `parameters` cell.

    Returns:
        The sources of its cells.
    """
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    names: dict[str, Any] = {"__name__": "__main__"}
    with chdir(path.parent):
        for cell in cells:
            exec(compile(cell.source, f"{path.name}", "exec"), names)  # noqa: S102 - our notebooks
            if "parameters" in cell.metadata.get("tags", []):
                names.update(parameters)
    return [cell.source for cell in cells]


def feeds(sources: list[str]) -> dict[str, str]:
    """What becomes of the result of each function called: of its variable, and of those made of it.

    A result feeds a claim if it goes into `claims.verdict` or `claims.holds`, a figure if it goes
    into what draws or shows, or stands last in a cell, a check if it stands in an `assert`.
    """
    made_by: dict[str, set[str]] = {}
    fed: dict[str, str] = {}

    def calls_of(node: ast.AST) -> set[str]:
        """Functions that are called in an expression, and those its variables were made by."""
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        called = {_name(n) for n in ast.walk(node) if isinstance(n, ast.Call)}
        return called.union(*(made_by.get(name, set()) for name in names))

    for source in sources:
        body = ast.parse(source).body
        flat = [s for b in body for s in (b.body if isinstance(b, ast.With) else [b])]
        for statement in flat:
            value = getattr(statement, "value", None) or getattr(statement, "test", None)
            if value is None:
                continue
            if isinstance(statement, ast.Assign):
                targets = [n for t in statement.targets for n in ast.walk(t)]
                for name in (n.id for n in targets if isinstance(n, ast.Name)):
                    made_by[name] = calls_of(value)
                continue
            if isinstance(statement, ast.Assert):
                for name in calls_of(value):
                    fed.setdefault(name, "check")
                continue
            for node in ast.walk(value):
                if not isinstance(node, ast.Call):
                    continue
                to = ""
                if _name(node) in {"verdict", "holds"}:
                    to = "claim"
                elif _name(node).startswith(SHOWS):
                    to = "figure"
                for name in calls_of(node) if to else ():
                    fed[name] = "claim" if "claim" in (to, fed.get(name)) else to
            if statement is flat[-1] and not _says(value):
                for name in calls_of(value):
                    fed[name] = "claim" if fed.get(name) == "claim" else "figure"
    return fed


def _says(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _name(node).startswith("describe_")


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _digest(name: str, args: tuple, kwargs: dict[str, Any]) -> str:
    """What is computed: the function and what it is given, but for the model."""
    given = [arg for arg in args if not isinstance(arg, Model)]
    named = sorted((key, arg) for key, arg in kwargs.items() if not isinstance(arg, Model))
    return hashlib.sha256(repr(_plain([name, given, named])).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Values instead of objects, all of them: what prints alike is alike."""
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, (xr.DataArray, xr.Dataset)):
        return value.to_dict()
    if is_dataclass(value):
        return [_plain(getattr(value, entry.name)) for entry in fields(value)]
    if isinstance(value, dict):
        return [(key, _plain(entry)) for key, entry in value.items()]
    if isinstance(value, (list, tuple, pd.Series)):
        return [_plain(entry) for entry in value]
    return value


@contextmanager
def _counting(counter: Counter) -> Iterator[None]:
    """Every function of a chapter or at the front door that takes a model is counted."""
    places: list[ModuleType] = [helpers]
    places += [import_module(f"helpers.chapters.{name}") for name in CHAPTERS]
    changed: list[tuple[ModuleType, str, Any]] = []
    for place in places:
        for name in dir(place):
            function = getattr(place, name)
            if not inspect.isfunction(function):
                continue
            if inspect.isgeneratorfunction(inspect.unwrap(function)):
                continue  # a context: what runs in it is counted
            if "model" in inspect.signature(function).parameters:
                changed.append((place, name, function))
                setattr(place, name, counter.wrap(function))
    try:
        yield
    finally:
        for place, name, function in changed:
            setattr(place, name, function)


@contextmanager
def empty_cache(results: Path) -> Iterator[None]:
    """While the context lasts: the models that are in the cache, and nothing that was computed.

    Args:
        results: Where what the notebooks keep is written.
    """
    here = cache_directory()
    with tempfile.TemporaryDirectory() as folder:
        for entry in here.glob("*") if here.is_dir() else ():
            if entry.name != "residuals":
                (Path(folder) / entry.name).symlink_to(entry.resolve())
        before = {name: os.environ.get(name) for name in ("HELPERS_CACHE", "HELPERS_RESULTS")}
        os.environ.update(HELPERS_CACHE=folder, HELPERS_RESULTS=str(results))
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def say(text: str) -> None:
    """Print it now: a log shall not wait."""
    sys.stdout.write(text)
    sys.stdout.flush()
