"""Notebooks keep the form that readers rely on."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
PLAYGROUND = FOLDER / "00_playground.ipynb"
"""Free of the chapters' form: it has no question of its own, no claim and no verdict."""
PATHS = [path for path in sorted(FOLDER.glob("[0-9]*.ipynb")) if path != PLAYGROUND]
NUMBERED = [path.name for path in PATHS]
MEASURED = PATHS[:-1]
"""Chapters that measure; the last one collects."""
TERMS = (
    "ablation",
    "zero",
    "mean",
    "resampl",
    "activation patching",
    "path patching",
    "direct effect",
    "total effect",
    "attention sink",
    "direct logit attribution",
    "k-composition",
    "ov circuit",
    "qk circuit",
    "faithfulness",
    "selection frequency",
    "baseline",
    "target",
    "token",
    "position",
)


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


@pytest.mark.parametrize("path", [PLAYGROUND, *PATHS], ids=lambda path: path.name)
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


@pytest.mark.parametrize("path", [PLAYGROUND, *PATHS], ids=lambda path: path.name)
def test_cells_are_short_and_the_package_does_the_heavy_work(path):
    for cell in read(path).cells:
        if cell.cell_type != "code" or {"exercise", "solution"} & {*cell.metadata.get("tags", [])}:
            continue
        source = cell.source
        assert not re.search(r"^\s*(def|class|for|while|try)\b", source, re.M), source
        assert not re.search(r"\b(go\.|px\.|plt\.|pip install|print\()", source), source
        most = 12 if source.startswith("claims.verdict(") else 8  # it is handed many results
        assert len([line for line in source.splitlines() if line.strip()]) <= most, source


def taken(path: Path) -> set[str]:
    """Names that a notebook imports from helpers."""
    trees = [ast.parse(source) for source in code(path)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers")
        for alias in node.names
    }


@pytest.mark.parametrize("path", [PLAYGROUND, *PATHS], ids=lambda path: path.name)
def test_a_handful_of_names_from_the_front_door(path):
    assert 1 <= len(taken(path)) <= 8
    assert all("from helpers." not in source for source in code(path))


@pytest.mark.parametrize("path", MEASURED, ids=[path.name for path in MEASURED])
def test_it_derives_a_number_itself_and_the_helper_agrees(path):
    """An index, a slice or a context is in sight, and an assertion compares it with a helper."""
    hands_on = [source for source in code(path) if does_something(ast.parse(source))]
    assert len(hands_on) >= 4
    if path.stem != "03_attention":  # there the row of the pattern is itself what is shown
        assert sum(source.count("\nassert ") for source in code(path)) >= 1


def does_something(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            return True
        if isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Tuple, ast.Slice)):
            return True
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "einsum":
            return True
    return False


@pytest.mark.parametrize("path", PATHS, ids=NUMBERED)
def test_question_predictions_recap_and_links(path):
    text = prose(path)
    title = text.split("\n\n", 1)[0]
    assert re.match(rf"# {int(path.name[:2])} · .+\?$", title)
    assert "**Question.**" in text and "*Takes:*" in text and "](glossary.ipynb)" in text
    assert len(re.findall(r"^\* ", text.split("## Try it", 1)[1].split("## ", 1)[0], re.M)) >= 3
    for link in re.findall(r"\]\((\w+\.ipynb)\)", text):
        assert (FOLDER / link).is_file(), link
    position = NUMBERED.index(path.name)
    for neighbour in NUMBERED[max(0, position - 1) : position + 2]:
        assert neighbour == path.name or f"]({neighbour})" in text


@pytest.mark.parametrize("path", MEASURED, ids=[path.name for path in MEASURED])
def test_it_predicts_checks_judges_and_says_what_was_not_shown(path):
    text, source = prose(path), "\n".join(code(path))
    assert "**Read.**" in text and "## Check" in text and "claims.holds(" in source
    assert "claims.verdict(" in source or "describe_stripe(" in source
    recap = text.split("## Recap", 1)[1]
    assert len(re.findall(r"^\* ", recap, re.M)) == 3 and "**Not shown:**" in recap


@pytest.mark.parametrize("path", MEASURED, ids=[path.name for path in MEASURED])
def test_a_prediction_is_a_question(path):
    asked = re.findall(r"\*\*Predict\.\*\* ([^\n]+)", prose(path))
    assert asked
    for said in asked:
        assert "?" in said, said


@pytest.mark.parametrize("path", MEASURED, ids=[path.name for path in MEASURED])
def test_a_guide_to_a_figure_is_short(path):
    for part in re.split(r"\*\*Read\.\*\*", prose(path))[1:]:
        guide = re.split(r"\n## |\*\*Predict|\n\n(?!\*)", part)[0]
        assert len(guide.split()) <= 80, guide


def test_the_playground_uses_the_verbs_and_claims_nothing():
    source, text = "\n".join(code(PLAYGROUND)), prose(PLAYGROUND)
    for verb in ("predict_next(", "view_live(", "get_attention(", "with ablate(", "write_tokens("):
        assert verb in source, verb
    assert "claims" not in source and "keep(" not in source
    assert not re.search(r"\bL\d+H\d+\b", source + text)
    assert text.startswith("# 0 · ") and "](01_loss.ipynb)" in text and "](glossary.ipynb)" in text
    tagged = [c for c in read(PLAYGROUND).cells if "parameters" in c.metadata.get("tags", [])]
    assert [cell.source.split("  #")[0] for cell in tagged] == ['MODEL = "auto"']
    assert max(len(cell.source.splitlines()) for cell in read(PLAYGROUND).cells) <= 4


@pytest.mark.parametrize("path", PATHS, ids=NUMBERED)
def test_solutions_are_folded_and_their_first_line_tells_nothing(path):
    """JupyterLab shows the first line of a folded cell, and its output once it has run."""
    for cell in read(path).cells:
        if "solution" in cell.metadata.get("tags", []):
            assert cell.source.startswith("# Solution\n") and cell.metadata.jupyter.source_hidden


def test_few_words():
    """What is read; the questions of exercises, which are worked on, come on top."""
    cells = [cell for path in MEASURED for cell in read(path).cells]
    told = [
        c
        for c in cells
        if c.cell_type == "markdown" and "exercise" not in c.metadata.get("tags", [])
    ]
    assert sum(len(cell.source.split()) for cell in told) <= 6000


def test_the_claims_come_last():
    """Its number is its file's: chapters before it may be added, and links follow."""
    assert PATHS[-1].stem.endswith("_what_holds")
    for path in PATHS:
        for link in re.findall(r"\d\d_what_holds", prose(path)):
            assert link == PATHS[-1].stem


def test_every_term_of_the_field_is_in_the_glossary_and_used():
    glossary = prose(FOLDER / "glossary.ipynb").lower()
    chapters = " ".join(prose(path) for path in MEASURED).lower()
    for term in TERMS:
        assert term in glossary, term
        assert term in chapters, term
    for link in re.findall(r"\]\((\w+\.ipynb)\)", glossary):
        assert (FOLDER / link).is_file(), link


@pytest.mark.parametrize("path", PATHS, ids=NUMBERED)
def test_no_head_is_assumed(path):
    """Heads of GPT2-small may be named as published ones only, never handed to an analysis."""
    for source in code(path):
        named = re.findall(r"L\d+H\d+|\bHead\(", source)
        assert not named or 'model.name == "gpt2"' in source, source
