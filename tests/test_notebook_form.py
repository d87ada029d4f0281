"""Notebooks keep the form that readers rely on."""

import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
NUMBERED = [path.name for path in PATHS]


def read(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "code"]


def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_they_are_numbered_without_gaps():
    assert [name[:3] for name in NUMBERED] == [f"{i:02d}_" for i in range(1, len(NUMBERED) + 1)]
    assert len(NUMBERED) >= 5


@pytest.mark.parametrize("path", PATHS, ids=NUMBERED)
def test_saved_clean(path):
    notebook = read(path)
    for cell in notebook.cells:
        assert cell.id
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("path", PATHS, ids=NUMBERED)
def test_one_parameters_cell_with_the_same_defaults(path):
    tagged = [c for c in read(path).cells if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    values: dict = {}
    exec(tagged[0].source, values)
    defaults = {name: values[name] for name in ("MODEL", "N", "SEQUENCES", "SEED")}
    assert defaults == {"MODEL": "auto", "N": 50, "SEQUENCES": 32, "SEED": 0}


@pytest.mark.parametrize("path", PATHS, ids=NUMBERED)
def test_the_package_does_the_work(path):
    for source in code(path):
        assert not re.search(r"^\s*(def|class|for|while|try|with)\b", source, re.M), source
        assert not re.search(r"\b(go\.|px\.|plt\.|pip install|print\(|torch\.)", source), source
        lines = [line for line in source.splitlines() if line.strip()]
        imports = source.startswith("from helpers import ")
        assert len(lines) <= (12 if imports else 8), source


@pytest.mark.parametrize("path", PATHS, ids=NUMBERED)
def test_question_check_try_recap_and_links(path):
    text = prose(path)
    title = text.split("\n\n", 1)[0]
    assert re.match(rf"# {int(path.name[:2])} · .+\?$", title)
    assert "**Question.**" in text and "*Takes:*" in text
    assert "**Predict.**" in text and "**Read.**" in text
    assert "## Check" in text and any("assert " in source for source in code(path))
    tries = text.split("## Try it", 1)[1].split("## Recap", 1)[0]
    assert len(re.findall(r"^\* ", tries, re.M)) == 3
    recap = text.split("## Recap", 1)[1]
    assert len(re.findall(r"^\* ", recap, re.M)) == 3 and "**Not shown:**" in recap
    for link in re.findall(r"\]\((\d\d_[^)]+)\)", text):
        assert (FOLDER / link).is_file()
    position = NUMBERED.index(path.name)
    for neighbour in NUMBERED[max(0, position - 1) : position + 2]:
        assert neighbour == path.name or f"]({neighbour})" in text


@pytest.mark.parametrize("path", PATHS, ids=NUMBERED)
def test_no_head_is_assumed(path):
    """Heads of GPT2-small may be named as published ones only, never handed to an analysis."""
    for source in code(path):
        named = re.findall(r"L\d+H\d+|\bHead\(", source)
        assert not named or 'model.name == "gpt2"' in source, source
