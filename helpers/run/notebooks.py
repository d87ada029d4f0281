"""Executing one notebook with papermill, all or nothing."""

import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat

from helpers.folders import folder_settings
from helpers.run.outline import parameter_names, read_notebook
from helpers.threads import thread_settings

_ANSI = re.compile(r"\x1b\[[0-9;]*m")

_PATIENCE = 120
"""Seconds a busy machine may take to start a kernel, or to hand over a cell's last output: 4, the
default for the latter, lost runs."""


@dataclass(frozen=True)
class Outcome:
    """How the execution of one notebook ended.

    Args:
        notebook: The notebook's file name without ending.
        executed: The executed notebook; with outputs up to the error if there was one.
        cell: Number of the failed cell, counted over all cells from 1, or None.
        error: The error in one line, or None.
        ended: Why there is nothing more to measure on this model, or None.
    """

    notebook: str
    executed: nbformat.NotebookNode
    cell: int | None = None
    error: str | None = None
    ended: str | None = None


_ENDS = {"NotMeasurableError", "UnmetNeedError"}
"""Errors that say: this model has no more to be measured. The chapter did not fail."""


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
    path: Path, *, parameters: Mapping[str, object], environment: Mapping[str, str]
) -> Outcome:
    """Execute a notebook in its own folder, in a kernel that is told to draw no bars.

    Nothing is written there: the kernel's files are in a temporary folder. A kernel that dies
    is a failure like an error in a cell.

    Args:
        path: The notebook; it is not changed.
        parameters: Values for its `parameters` cell; it gets those that stand in it.
        environment: Environment variables for its kernel.

    Returns:
        The executed notebook, with the error if there was one. Nothing is written.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

    from helpers.run.kernels import kernel_class, kernel_settings, say_end

    notebook = read_notebook(path)
    asked = parameter_names(notebook)
    # tqdm reads TQDM_DISABLE, but not where it opens a notebook's bar: who opens those has to ask.
    settings = {**thread_settings(), **folder_settings(), **environment, "TQDM_DISABLE": "1"}
    ends: list[int] = []
    with tempfile.TemporaryDirectory() as scratch, _environment(settings), _unlogged():
        output = Path(scratch) / "executed.ipynb"
        cell = error = ended = None
        try:
            papermill.execute_notebook(
                str(path),
                str(output),
                parameters={name: value for name, value in parameters.items() if name in asked},
                kernel_name="python3",
                language="python",
                cwd=str(path.parent),
                progress_bar=False,
                log_output=False,
                store_widget_state=False,  # scripts and data of panels that no page brings to life
                config=kernel_settings(Path(scratch)),
                kernel_manager_class=kernel_class(ends),
                start_timeout=_PATIENCE,
                iopub_timeout=_PATIENCE,
            )
        except PapermillExecutionError as raised:
            if raised.ename in _ENDS:
                ended = _one_line(raised.evalue)
            else:
                error = _one_line(f"{raised.ename}: {raised.evalue}")
            cell = raised.cell_index + 1
        except (CellTimeoutError, RuntimeError) as raised:  # a kernel that died, or did not start
            error = say_end(ends[-1]) if ends else _one_line(str(raised))
        executed = nbformat.read(output, as_version=4) if output.is_file() else notebook
    if error:
        cell = cell or _last_started(executed)
    return Outcome(path.stem, executed, cell, error, ended)


def _last_started(executed: nbformat.NotebookNode) -> int | None:
    """Number of the cell in which a notebook's kernel died; None if it did not get that far."""
    started = [
        number
        for number, cell in enumerate(executed.cells, start=1)
        if cell.metadata.get("papermill", {}).get("start_time")
    ]
    return max(started, default=None)


@contextmanager
def _unlogged() -> Iterator[None]:
    """What goes wrong is in the outcome; the libraries shall not log it a second time."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


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
