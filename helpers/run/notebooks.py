"""Executing one notebook with papermill, all or nothing."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from traitlets.config import Config

from helpers.threads import thread_settings

_ANSI = re.compile(r"\x1b\[[0-9;]*m")

# Kernels talk through files that only this user can open, where the system has such (not Windows).
_KERNEL = Config({"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {})

_PATIENCE = 120
"""Seconds a busy machine may take to hand over a cell's last output: 4, the default, lost runs."""


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
    path: Path, *, parameters: Mapping[str, object], environment: Mapping[str, str]
) -> Outcome:
    """Execute a notebook in its own folder, in a kernel that is told to draw no bars.

    Args:
        path: The notebook; it is not changed.
        parameters: Values for its `parameters` cell.
        environment: Environment variables for its kernel.

    Returns:
        The executed notebook, with the error if there was one. Nothing is written.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    # tqdm reads TQDM_DISABLE, but not where it opens a notebook's bar: who opens those has to ask.
    with (
        tempfile.TemporaryDirectory() as scratch,
        _environment({**thread_settings(), **environment, "TQDM_DISABLE": "1"}),
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
                progress_bar=False,
                log_output=False,
                config=_KERNEL,
                iopub_timeout=_PATIENCE,
            )
        except PapermillExecutionError as raised:
            cell, error = raised.cell_index + 1, _one_line(f"{raised.ename}: {raised.evalue}")
        executed = nbformat.read(output, as_version=4)
    return Outcome(path.stem, executed, cell, error)


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
