"""The notebooks for a class: nothing is left that tells an answer, and nothing else is lost."""

import subprocess
from pathlib import Path

import nbformat
import pytest
from nbconvert.preprocessors import TagRemovePreprocessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.__main__ import main
from helpers.run import run_notebook, write_student

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def tagged(source: str, tag: str):
    return new_code_cell(source, metadata={"tags": [tag]})


def test_what_is_left_is_all_but_solutions_and_verdicts(tmp_path):
    written = write_student(NOTEBOOKS, tmp_path / "class")
    assert [path.name for path in written][-1] == "glossary.ipynb" and len(written) == 11
    for path in written:
        ours = nbformat.read(NOTEBOOKS / path.name, as_version=4).cells
        kept = [c for c in ours if not {"solution", "verdict"} & {*c.metadata.get("tags", [])}]
        theirs = nbformat.read(path, as_version=4).cells
        assert [cell.id for cell in theirs] == [cell.id for cell in kept]
        said = "\n".join(cell.source for cell in theirs)
        assert "claims.verdict(" not in said and "claims.holds(" not in said
        if path.name[:2] in {"01", "02", "03"}:
            assert len(kept) <= len(ours) - 3 and "check(" in said and "..." in said


def test_it_runs_unanswered_and_can_be_solved(tmp_path):
    """The class's chapter 2, unanswered and then with one answer written in."""
    write_student(NOTEBOOKS, tmp_path)
    path = tmp_path / "02_scan.ipynb"
    few = {"MODEL": "mini", "N": 20, "SEQUENCES": 4}
    assert run_notebook(path, parameters=few, environment={}).error is None
    notebook = nbformat.read(path, as_version=4)
    (cell,) = [c for c in notebook.cells if c.source.startswith('check("induction chance level"')]
    cell.source = cell.source.replace("...", "0.0329")
    nbformat.write(notebook, path)
    outcome = run_notebook(path, parameters=few, environment={})
    assert outcome.error is None
    assert 'data-answer="0.0329"><p><strong>✓ Right.' in str(outcome.executed)


def test_answers_of_a_class_are_never_overwritten(tmp_path):
    (tmp_path / "02_scan.ipynb").write_text("somebody's answers")
    with pytest.raises(FileExistsError, match="somebody's answers"):
        write_student(NOTEBOOKS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["02_scan.ipynb"]


@pytest.mark.parametrize(
    "cells, said",
    [
        ([], "no notebooks"),
        ([new_markdown_cell("text")], "No cell"),
        ([tagged("1", "solutions")], r"tagged \['solutions'\]"),
        ([tagged("1", "solution"), new_code_cell('check("x", 0.3)')], "outside its solution"),
    ],
)
def test_what_would_give_answers_away_is_refused(tmp_path, cells, said):
    if cells:
        nbformat.write(new_notebook(cells=cells), tmp_path / "01_one.ipynb")
    with pytest.raises(ValueError, match=said):
        write_student(tmp_path, tmp_path / "class")
    assert not (tmp_path / "class").exists()


def test_a_preprocessor_that_removes_nothing_is_noticed(tmp_path, monkeypatch):
    nbformat.write(new_notebook(cells=[tagged("1", "solution")]), tmp_path / "01_one.ipynb")
    monkeypatch.setattr(TagRemovePreprocessor, "preprocess", lambda self, nb, made: (nb, made))
    with pytest.raises(ValueError, match="still has 1 of 1 cells"):
        write_student(tmp_path, tmp_path / "class")


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(NOTEBOOKS.parent)
    assert main(["student", "--to", str(tmp_path / "class")]) == 0
    assert "11 notebooks without solutions and verdicts" in capsys.readouterr().out
    assert main(["student", "--to", str(tmp_path / "class")]) == 2
    assert "is there already" in capsys.readouterr().err
    said = subprocess.run(["make", "-n", "student"], capture_output=True, text=True, check=True)
    assert "-m helpers student" in said.stdout
