"""The walkthrough itself, run as a reader runs it."""

import json
import re
from pathlib import Path

import pytest

from helpers.claims import EVIDENCE
from helpers.exercises import EXERCISES
from helpers.run import run_walkthrough

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
FEW = {"N": 20, "SEQUENCES": 4}
"""Enough for the notebooks' own checks; what a model shows takes the 32 they come with."""

SHOWN_BY_MINI = {"E1", "E2", "E3", "E4", "E10", "E13", "E14", "E15", "E17", "E18", "E19", "E20"}
SHOWN_BY_SMOLLM2 = {"E1", "E2", "E10", "E14", "E15", "E16"}


def exercises_of(run) -> dict[str, list[str]]:
    """How every exercise stood, and then its solution, by name."""
    states: dict[str, list[str]] = {}
    for outcome in run.outcomes:
        for cell in outcome.executed.cells:
            said = json.dumps(cell.get("outputs", []))
            for name, state in re.findall(r'data-check=\\"(.*?)\\" data-state=\\"(\w+)', said):
                states.setdefault(name, []).append(state)
    return states


def check_run(run, *, notebooks: int) -> dict[str, dict]:
    assert [outcome.error for outcome in run.outcomes] == [None] * notebooks
    for outcome in run.outcomes:
        assert (run.folder / f"{outcome.notebook}.html").stat().st_size > 50_000
    assert exercises_of(run) == {name: ["open", "right"] for name in EXERCISES}
    claims = {line["id"]: line for line in json.loads((run.folder / "claims.json").read_text())}
    ours = [claim.id for claim in EVIDENCE]
    assert list(claims) == [*(f"C{i}" for i in range(1, 9)), *ours]
    assert {line["verdict"] for line in claims.values()}.isdisjoint({"not measured", "not run"})
    return claims


def test_mini_shows_the_double_dissociation(mini_run):
    """N = 50, 32 sequences: heads are needed for the repeat, MLPs for the language."""
    claims = check_run(mini_run, notebooks=len(list(NOTEBOOKS.glob("[0-9]*.ipynb"))))
    held = {name for name, line in claims.items() if line["verdict"] == "holds"}
    assert SHOWN_BY_MINI <= held


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("smollm2", marks=pytest.mark.pretrained),
        pytest.param("gpt2", marks=pytest.mark.gpt2),
    ],
)
def test_every_notebook_runs_on_a_language_model(model, tmp_path):
    """Few and short sequences, as a reader in a hurry chooses: nothing fails or is left out."""
    run = run_walkthrough(model, notebooks=NOTEBOOKS, build=tmp_path, parameters=FEW)
    claims = check_run(run, notebooks=len(list(NOTEBOOKS.glob("[0-9]*.ipynb"))))
    assert claims["C2"]["corrected"] > claims["C1"]["corrected"] + 5


@pytest.fixture
def all_cores(monkeypatch):
    """Kernels that take the whole machine, like those of `make notebooks`."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.long
@pytest.mark.pretrained
def test_smollm2_shows_the_same_pattern(all_cores):
    """N = 50, 32 sequences, every layer: the notebooks as they are, into `build/`."""
    run = run_walkthrough("smollm2", notebooks=NOTEBOOKS, build=ROOT / "build")
    claims = check_run(run, notebooks=len(list(NOTEBOOKS.glob("[0-9]*.ipynb"))))
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


@pytest.mark.long
@pytest.mark.gpt2
def test_gpt2_reproduces_the_post(all_cores):
    run = run_walkthrough("gpt2", notebooks=NOTEBOOKS, build=ROOT / "build")
    claims = check_run(run, notebooks=len(list(NOTEBOOKS.glob("[0-9]*.ipynb"))))
    post = {name: line for name, line in claims.items() if name.startswith("C")}
    differs = {name: line for name, line in post.items() if line["verdict"] != "reproduced"}
    assert differs == {}
