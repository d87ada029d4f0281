"""Executing one notebook with papermill, all or nothing."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from traitlets.config import Config

from helpers.progress import Bar, Track, silent

_ANSI = re.compile(r"\x1b\[[0-9;]*m")

# Kernels talk through files that only this user can open, where the system has such (not Windows).
_KERNEL = Config({"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {})


@dataclass(frozen=True)
class Outcome:
    """How the execution of one notebook ended.

    Args:
        notebook: The notebook's file name without ending.
        executed: The executed notebook; with outputs up to the error if there was one.
        cell: Number of the failed cell, counted over all cells from 1, or None.
        error: The error in one line, or None.
    """

    notebook: str
    executed: nbformat.NotebookNode
    cell: int | None = None
    error: str | None = None


def find_notebooks(folder: Path) -> list[Path]:
    """The numbered notebooks of a folder, in order.

    Raises:
        FileNotFoundError: If there are none.
    """
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise FileNotFoundError(
            f"No numbered notebooks in {folder.resolve()}. Run from the project's folder, or pass "
            "--notebooks."
        )
    return found


def run_notebook(
    path: Path,
    *,
    parameters: Mapping[str, object],
    environment: Mapping[str, str],
    seconds: Sequence[float] | None = None,
    track: Track = silent,
) -> Outcome:
    """Execute a notebook in its own folder.

    The bar follows the bars that the cells themselves show. What those leave behind when they
    vanish is left out of the executed notebook.

    Args:
        path: The notebook; it is not changed.
        parameters: Values for its `parameters` cell.
        environment: Environment variables for its kernel.
        seconds: How long each cell will take; see `helpers.run.forecast`. All the same if not
            given.
        track: Shows how far the notebook has come.

    Returns:
        The executed notebook, with the error if there was one. Nothing is written.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from helpers.run.engine import ENGINE

    if seconds is None:
        seconds = [1.0] * len(nbformat.read(path, as_version=4).cells)
    with (
        tempfile.TemporaryDirectory() as scratch,
        _environment(environment),
        track(sum(seconds), path.stem) as bar,
    ):
        output = Path(scratch) / path.name
        cell = error = None
        try:
            papermill.execute_notebook(
                str(path),
                str(output),
                parameters=dict(parameters),
                kernel_name="python3",
                language="python",
                cwd=str(path.parent),
                engine_name=ENGINE,
                progress_bar=False,
                log_output=False,
                config=_KERNEL,
                moved=_mover(bar, path.stem, seconds),
            )
        except PapermillExecutionError as raised:
            cell, error = raised.cell_index + 1, _one_line(f"{raised.ename}: {raised.evalue}")
        bar.advance(bar.total - bar.done)  # a failed one has come as far as it ever will
        executed = _without_blanks(nbformat.read(output, as_version=4))
    return Outcome(path.stem, executed, cell, error)


def _mover(bar: Bar, name: str, seconds: Sequence[float]) -> Callable[[Any, int, float], None]:
    """Moves the bar to a share of a cell of the notebook that is being executed."""

    def moved(notebook: nbformat.NotebookNode, at: int, share: float) -> None:
        planned = iter(seconds)
        injected = ["injected-parameters" in c.metadata.get("tags", []) for c in notebook.cells]
        times = [0.0 if new else next(planned, 0.0) for new in injected]
        reached = sum(times[:at]) + times[at] * share
        bar.advance(max(0.0, reached - bar.done), note=name)

    return moved


def _without_blanks(executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_blank(output)]
    return executed


def _is_blank(output: nbformat.NotebookNode) -> bool:
    return output.output_type == "display_data" and not any(output.data.values())


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _one_line(text: str) -> str:
    return " ".join(_ANSI.sub("", text).split())
