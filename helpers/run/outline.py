"""What each notebook asks, and with which parameters it ran."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat


@dataclass(frozen=True)
class Chapter:
    """A notebook as the contents name it.

    Args:
        notebook: File name without ending.
        title: Its first heading.
        question: What it asks, or how it begins; plain text, may be empty.
        recap: What it says in short at its end, likewise.
    """

    notebook: str
    title: str
    question: str
    recap: tuple[str, ...] = ()


def read_chapters(paths: Sequence[Path]) -> list[Chapter]:
    """Title and question of notebooks, in their order."""
    return [describe_chapter(path.stem, read_notebook(path)) for path in paths]


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook as it is saved.

    Raises:
        ValueError: If the file is none, or only half of one.
    """
    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        raise ValueError(f"{path} is no notebook, or a damaged one: get it again.") from error


def describe_chapter(name: str, notebook: nbformat.NotebookNode) -> Chapter:
    """Title and question of a notebook, and what it says in short.

    Args:
        name: File name without ending.
        notebook: The notebook.
    """
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    paragraphs = [part.strip() for text in texts for part in text.split("\n\n")]
    title = next((part[2:] for part in paragraphs if part.startswith("# ")), "untitled")
    asked = [part for part in paragraphs if part.startswith("**Question.**")]
    begins = [part for part in paragraphs if part and not part.startswith("#")]
    question = (asked or begins or [""])[0].removeprefix("**Question.**")
    recap = re.findall(r"^\* (.+)$", "\n\n".join(texts).partition("## Recap\n")[2], re.M)
    return Chapter(name, _plain(title.splitlines()[0]), _plain(question), tuple(map(_plain, recap)))


def read_parameters(notebook: nbformat.NotebookNode) -> dict[str, object]:
    """Values of a notebook's `parameters` cell, and what was injected after it.

    Args:
        notebook: The notebook, executed or not.
    """
    values: dict[str, object] = {}
    for tag in ("parameters", "injected-parameters"):
        for cell in notebook.cells:
            if tag in cell.metadata.get("tags", []):
                values |= _assignments(cell.source)
    return values


def parameter_names(notebook: nbformat.NotebookNode) -> set[str]:
    """Names that a notebook's `parameters` cell sets, to whatever.

    Args:
        notebook: The notebook.
    """
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    lines = [line for cell in cells for line in cell.source.splitlines()]
    try:  # lines that only IPython understands set nothing
        parsed = ast.parse("\n".join(line for line in lines if not line.startswith(("%", "!"))))
    except SyntaxError:
        return set()
    names = [node for node in ast.walk(parsed) if isinstance(node, ast.Name)]
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def _assignments(source: str) -> dict[str, object]:
    try:
        lines = ast.parse(source).body
    except SyntaxError:  # an IPython magic, say: nothing to read here
        return {}
    return {
        line.targets[0].id: line.value.value
        for line in lines
        if isinstance(line, ast.Assign)
        and isinstance(line.targets[0], ast.Name)
        and isinstance(line.value, ast.Constant)
    }


def _plain(markdown: str) -> str:
    """Markdown without its marks, in one line."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    return " ".join(re.sub(r"[*`]", "", text).split())
