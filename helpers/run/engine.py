"""papermill's engine, with an ear for the bars that the cells show."""

from collections.abc import Callable
from typing import Any

import nbformat
from papermill.engines import NBClientEngine, papermill_engines

from helpers.progress import SHARE

ENGINE = "helpers"

Moved = Callable[[nbformat.NotebookNode, int, float], None]
"""Told of the notebook, of the cell that is being executed, and of how much of it is done."""


class _Listening(NBClientEngine):
    @classmethod
    def execute_managed_notebook(  # type: ignore[override] - keywords are handed on
        cls, nb_man: Any, kernel_name: str, *, moved: Moved, **kwargs: Any
    ) -> Any:
        """Execute, and say whenever a cell starts or shows how far it is."""
        running: list[int] = []
        start, after_message = nb_man.cell_start, nb_man.autosave_cell

        def cell_start(cell: nbformat.NotebookNode, cell_index: int, **rest: Any) -> None:
            start(cell, cell_index, **rest)
            running.append(cell_index)
            moved(nb_man.nb, cell_index, 0.0)

        def autosave_cell() -> None:
            after_message()
            if running:
                moved(nb_man.nb, running[-1], _share(nb_man.nb.cells[running[-1]]))

        nb_man.cell_start, nb_man.autosave_cell = cell_start, autosave_cell
        return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


def _share(cell: nbformat.NotebookNode) -> float:
    return max((output.get("metadata", {}).get(SHARE, 0.0) for output in cell.outputs), default=0.0)


papermill_engines.register(ENGINE, _Listening)
