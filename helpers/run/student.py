"""The notebooks without solutions and verdicts, for a class."""

import re
from collections.abc import Iterable
from pathlib import Path
from shutil import copy2

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode

from helpers.results import write_whole

LEFT_OUT = ("solution", "verdict")
"""Tags of the cells that a class does not get."""
KNOWN_TAGS = {"parameters", "injected-parameters", "exercise", *LEFT_OUT}


def write_student(notebooks: str | Path, to: str | Path) -> list[Path]:
    """Write the numbered notebooks, and the glossary, without solutions and verdicts.

    Exercises stay, unanswered; `check` says there as well what is right. Notebooks that stand in
    the folder already are not overwritten: they may hold somebody's answers.

    Args:
        notebooks: Folder of the notebooks.
        to: Folder to write to; made if need be.

    Returns:
        What was written, in order.

    Raises:
        ValueError: If there are no notebooks, a cell has an unknown tag, a solution would be left,
            or nothing at all was there to leave out.
        FileExistsError: If a notebook would be overwritten.
    """
    source, to = Path(notebooks), Path(to)
    paths = [*sorted(source.glob("[0-9]*.ipynb")), *source.glob("glossary.ipynb")]
    if not paths:
        raise ValueError(f"There are no notebooks in {source}: name their folder.")
    there = [to / path.name for path in paths if (to / path.name).exists()]
    if there:
        raise FileExistsError(
            f"{there[0]} is there already, perhaps with somebody's answers. To fix: name another "
            "folder, or move it away."
        )
    made = {path: _leave_out(nbformat.read(path, as_version=4), path.name) for path in paths}
    if not any(left_out for _, left_out in made.values()):
        raise ValueError(f"No cell in {source} is tagged {' or '.join(LEFT_OUT)}.")
    to.mkdir(parents=True, exist_ok=True)
    for path, (notebook, _) in made.items():
        write_whole(to / path.name, lambda at, notebook=notebook: nbformat.write(notebook, at))
    for path in source.glob("*.md"):
        copy2(path, to)
    return [to / path.name for path in made]


def _leave_out(notebook: NotebookNode, name: str) -> tuple[NotebookNode, int]:
    """A notebook without what a class does not get, and how many cells that were."""
    tags = {tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    if unknown := tags - KNOWN_TAGS:
        raise ValueError(
            f"{name} has cells tagged {sorted(unknown)}; known are {sorted(KNOWN_TAGS)}."
        )
    before = _count(notebook.cells)
    remove = TagRemovePreprocessor(remove_cell_tags=set(LEFT_OUT), enabled=True)
    notebook, _ = remove.preprocess(notebook, {})
    notebook, _ = ClearOutputPreprocessor(enabled=True).preprocess(notebook, {})
    # nbconvert has been seen to leave tagged cells in, without a word (jupyter/nbconvert#1300).
    if left := _count(notebook.cells):
        raise ValueError(f"{name} still has {left} of {before} cells tagged {LEFT_OUT}.")
    solved = [cell for cell in notebook.cells if _answers(cell)]
    if solved:
        raise ValueError(f"{name} answers an exercise outside its solution: {solved[0].source!r}.")
    return notebook, before


def _count(cells: Iterable[NotebookNode]) -> int:
    return sum(bool({*cell.metadata.get("tags", [])} & {*LEFT_OUT}) for cell in cells)


def _answers(cell: NotebookNode) -> bool:
    """Whether a cell checks something that is not left open."""
    called = re.search(r"\bcheck\(\s*\"[^\"]+\"", cell.source) if cell.cell_type == "code" else None
    return called is not None and "..." not in cell.source
