"""The walkthrough itself, run as a reader runs it."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from papermill.parameterize import parameterize_notebook

from helpers.claims import EVIDENCE
from helpers.run import run_walkthrough

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

SHOWN_BY_MINI = {"E1", "E2", "E3", "E4", "E10", "E13", "E14", "E15", "E17", "E18", "E19", "E20"}
SHOWN_BY_SMOLLM2 = {"E1", "E2", "E10", "E14", "E15", "E16"}


def test_every_notebook_runs_with_other_parameters(tmp_path):
    """Through nbmake, in a process of its own: smaller N, fewer sequences, another seed."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = papermill.iorw.load_notebook_node(str(path))
        changed = {"MODEL": "mini", "N": 20, "SEQUENCES": 8, "SEED": 7}
        nbformat.write(parameterize_notebook(notebook, changed), tmp_path / path.name)
    command = [sys.executable, "-m", "pytest", "--nbmake", "--nbmake-timeout=900", "-q"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert f"{len(list(NOTEBOOKS.glob('*.ipynb')))} passed" in done.stdout


def check_run(run, *, notebooks: int) -> dict[str, dict]:
    assert [outcome.error for outcome in run.outcomes] == [None] * notebooks
    for outcome in run.outcomes:
        assert (run.folder / f"{outcome.notebook}.html").stat().st_size > 100_000
    claims = {line["id"]: line for line in json.loads((run.folder / "claims.json").read_text())}
    ours = [claim.id for claim in EVIDENCE]
    assert list(claims) == [*(f"C{i}" for i in range(1, 9)), *ours]
    assert {line["verdict"] for line in claims.values()}.isdisjoint({"not measured", "not run"})
    return claims


def test_mini_shows_the_double_dissociation(mini_run):
    """N = 50, 32 sequences: heads are needed for the repeat, MLPs for the language."""
    claims = check_run(mini_run, notebooks=len(list(NOTEBOOKS.glob("*.ipynb"))))
    held = {name for name, line in claims.items() if line["verdict"] == "holds"}
    assert SHOWN_BY_MINI <= held


@pytest.mark.pretrained
def test_smollm2_shows_the_same_pattern(tmp_path):
    """N = 50, 32 sequences, every layer: the notebooks as they are."""
    run = run_walkthrough("smollm2", notebooks=NOTEBOOKS, build=tmp_path)
    claims = check_run(run, notebooks=len(list(NOTEBOOKS.glob("*.ipynb"))))
    corrected = {name: line.get("corrected") for name, line in claims.items()}
    assert corrected["C2"] > corrected["C1"] + 5
    assert corrected["C3"] < 0.02 and corrected["C4"] > 0.4
    assert claims["C5"]["low"] > 0.5 and claims["C6"]["low"] > 0.5
    assert abs(claims["C7"]["blog"]) < corrected["C7"]
    assert corrected["C8"] > 20 / 49152
    post = {claims[name]["verdict"] for name in corrected if name.startswith("C")}
    assert post == {"not comparable (model is not gpt2)"}
    held = {name for name, line in claims.items() if line["verdict"] == "holds"}
    assert SHOWN_BY_SMOLLM2 <= held


@pytest.mark.gpt2
def test_gpt2_reproduces_the_post(tmp_path):
    run = run_walkthrough("gpt2", notebooks=NOTEBOOKS, build=tmp_path)
    claims = check_run(run, notebooks=len(list(NOTEBOOKS.glob("*.ipynb"))))
    post = {name: line for name, line in claims.items() if name.startswith("C")}
    differs = {name: line for name, line in post.items() if line["verdict"] != "reproduced"}
    assert differs == {}
