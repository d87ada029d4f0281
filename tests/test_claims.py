"""Claims from results written by hand: every number in the table can be derived here."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from pytest import approx

from helpers.claims import (
    CLAIMS,
    EVIDENCE,
    PostLine,
    claims_as_json,
    collect_claims,
    explain_failures,
    holds,
    list_not_shown,
    list_own,
    list_post,
    read_run,
    verdict,
)
from helpers.results import label_array, load_result, save_result

N = 4


def collect_post(folder) -> list[PostLine]:
    return [line for line in collect_claims(folder) if isinstance(line, PostLine)]


def write_run(folder, *, model: str, second: float = -0.5, circuit: float = 0.2283) -> None:
    attrs = {"model": model, "revision": "r1", "n": N, "uniform": -10.0}
    heads = {"layer": np.arange(6), "head": np.arange(12)}

    def loss(sequences: int) -> xr.Dataset:
        log_prob = torch.full((sequences, 2 * N), -14.0)
        log_prob[:, N + 1 :] = second
        top1 = (log_prob > -5).float()
        return xr.Dataset(
            {
                "log_prob": label_array(log_prob, ("sequence", "position")),
                "top1": label_array(top1, ("sequence", "position")),
            },
            attrs=attrs,
        )

    def scores(induction: float, previous: float) -> xr.Dataset:
        one = torch.zeros(2, 6, 12)
        one[:, 5, 5] = induction
        other = torch.zeros(2, 6, 12)
        other[:, 4, 11] = previous
        dims = ("sequence", "layer", "head")
        arrays = {"induction": one, "induction_blog": one, "previous_token": other}
        labelled = {name: label_array(x, dims, coords=heads) for name, x in arrays.items()}
        return xr.Dataset(labelled, attrs=attrs)

    grid = torch.zeros(6, N)
    grid[0, 0] = 3.0  # the first column does not count
    grid[2, 1] = -0.07
    effect = torch.zeros(2, 6, N)
    effect[:, 3] = 1.5
    accuracy = torch.tensor([[[circuit, 0.5], [0.1, 0.4]]])
    results = {
        "loss": loss(3),
        "loss_blog": loss(1),
        "scores": scores(0.9, 0.8),
        "scores_blog": scores(0.88, 0.8),
        "mlp_positions": xr.Dataset(
            {"grid_blog": label_array(grid, ("layer", "position"))}, attrs=attrs
        ),
        "mlp_second_half": xr.Dataset(
            {"effect": label_array(effect, ("sequence", "layer", "target"))}, attrs=attrs
        ),
        "circuit": xr.Dataset(
            {
                "accuracy": label_array(
                    accuracy,
                    ("pair", "along", "k"),
                    coords={"pair": ["L4H11 > L5H5"], "along": ["keys", "queries"], "k": [1, 5]},
                    chance=0.001,
                )
            },
            attrs=attrs,
        ),
    }
    for name, result in results.items():
        save_result(result, folder / f"{name}.nc")


def test_every_number_by_hand(tmp_path):
    write_run(tmp_path, model="gpt2")
    lines = {line.id: line for line in collect_post(tmp_path)}
    assert lines["C1"].blog == lines["C1"].corrected == approx(-14.0)
    assert lines["C2"].corrected == approx(-0.5)
    assert lines["C2"].blog == approx((-14.0 - 3 * 0.5) / 4)
    assert (lines["C3"].blog, lines["C4"].blog, lines["C4"].corrected) == (0.0, 0.75, 1.0)
    assert (lines["C5"].blog, lines["C5"].corrected) == (approx(0.88), approx(0.9))
    assert lines["C5"].subject == "L5H5" and lines["C6"].subject == "L4H11"
    assert lines["C7"].blog == approx(-0.07) and lines["C7"].corrected == approx(1.5)
    assert lines["C7"].subject == "one output: layer 2; whole half: layer 3"
    assert (lines["C8"].blog, lines["C8"].corrected) == (approx(0.1), approx(0.2283))
    assert [line.low for line in lines.values()][:2] == approx([-14.0, -0.5])


def test_verdicts_for_gpt2(tmp_path):
    write_run(tmp_path, model="gpt2")
    verdicts = {line.id: line.verdict for line in collect_post(tmp_path)}
    assert verdicts["C1"] == verdicts["C5"] == verdicts["C7"] == verdicts["C8"] == "reproduced"
    assert verdicts["C2"] == "differs"  # with N = 4 the boundary alone costs 3.5 nats


def test_a_number_outside_the_tolerance_differs(tmp_path):
    write_run(tmp_path, model="gpt2", circuit=0.26)
    assert {line.id: line.verdict for line in collect_post(tmp_path)}["C8"] == "differs"


def test_other_models_are_never_compared(tmp_path):
    write_run(tmp_path, model="mini")
    lines = collect_post(tmp_path)
    assert {line.verdict for line in lines} == {"not comparable (model is not gpt2)"}
    assert [line.id for line in lines if not line.shows_pattern] == ["C7"]  # 1.5 nats


def test_a_model_that_does_not_repeat_does_not_show_the_pattern(tmp_path):
    write_run(tmp_path, model="mini", second=-13.0, circuit=1e-4)
    shown = {line.id: line.shows_pattern for line in collect_post(tmp_path)}
    assert (shown["C1"], shown["C2"], shown["C4"], shown["C8"]) == (True, False, False, False)


def test_what_was_not_measured_says_so(tmp_path):
    write_run(tmp_path, model="gpt2")
    (tmp_path / "circuit.nc").unlink()
    last = collect_post(tmp_path)[-1]
    assert last.verdict == "not measured" and last.blog is None and last.shows_pattern is None
    assert "not measured" in list_post([last]) and "| – |" in list_post([last])


def test_json_has_no_nan(tmp_path):
    write_run(tmp_path, model="mini")
    plain = json.loads(json.dumps(claims_as_json(collect_post(tmp_path)), allow_nan=False))
    assert [line["id"] for line in plain] == [f"C{i}" for i in range(1, 9)]
    assert plain[7]["low"] is None and math.isfinite(plain[7]["corrected"])


def test_an_empty_folder_and_a_mixed_one_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="make notebooks"):
        collect_post(tmp_path)
    write_run(tmp_path, model="mini")
    other = xr.Dataset({"x": 1}, attrs={"model": "gpt2", "revision": "r"})
    save_result(other, tmp_path / "other.nc")
    with pytest.raises(ValueError, match="mixes results"):
        collect_post(tmp_path)


def test_what_a_claim_needs_is_kept_by_a_notebook():
    """A misspelt name would leave its claim "not run" for ever."""
    notebooks = Path(__file__).parents[1] / "notebooks"
    source = "".join(path.read_text(encoding="utf-8") for path in notebooks.glob("*.ipynb"))
    kept = set(re.findall(r'keep\((?:[^"]|\\")*?, \\"(\w+)\\"\)', source))
    needed = {name for claim in (*CLAIMS, *EVIDENCE) for name in claim.needs}
    assert needed <= kept, needed - kept


def test_a_notebook_that_measures_a_claim_judges_it():
    """A claim's chapter is the notebook whose verdict is handed all that the claim needs."""
    notebooks = Path(__file__).parents[1] / "notebooks"
    for path in sorted(notebooks.glob("[0-9]*.ipynb"))[1:-1]:  # neither playground nor summary
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        judged = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        handed = set(
            re.findall(r"(\w+)=", "".join(re.findall(r"claims\.verdict\(([^)]*)\)", judged)))
        )
        chapter = path.stem[3:]
        for claim in (*CLAIMS, *EVIDENCE):
            if claim.chapter == chapter:
                assert {*claim.needs} <= handed, (claim.id, path.name)


def test_a_sentence_that_does_not_hold_is_shown_and_raises_only_where_asked(monkeypatch):
    monkeypatch.delenv("HELPERS_STRICT", raising=False)
    assert holds("one is one", torch.tensor(True)).startswith("✓ **Holds")
    assert holds("one is two", np.bool_(False)) == "✗ **Does not hold on this model:** one is two"
    monkeypatch.setenv("HELPERS_STRICT", "1")
    with pytest.raises(AssertionError, match="Does not hold: one is two"):
        holds("one is two", False)


def test_a_verdict_says_number_control_and_what_a_failure_may_mean(tmp_path):
    write_run(tmp_path, model="mini", second=-13.0)
    results = {path.stem: load_result(path) for path in tmp_path.glob("*.nc")}
    said = verdict(loss=results["loss"], loss_blog=results["loss_blog"])
    assert said.startswith("**Verdict for mini**")
    assert [line[4:6] for line in said.splitlines() if line.startswith("* **C")] == [
        *("C1", "C2", "C3", "C4")
    ]
    assert "C2, the post's, not shown" in said and "may mean that this model does not" in said
    assert "published for GPT2-small: -13.898" in said
    with pytest.raises(ValueError, match="No claim is decided by loss"):
        verdict(loss=results["loss"])
    other = results["loss"].assign_attrs(model="gpt2")
    with pytest.raises(ValueError, match="different models"):
        verdict(loss=results["loss"], loss_blog=other)


def test_the_last_chapter_says_what_failed_what_is_missing_and_what_was_not_shown(
    tmp_path, monkeypatch
):
    write_run(tmp_path, model="mini", second=-13.0)
    monkeypatch.setenv("HELPERS_RESULTS", str(tmp_path))
    monkeypatch.chdir(Path(__file__).parents[1] / "notebooks")
    lines = read_run("mini")
    failed = explain_failures(lines)
    assert "C2, the post's, not shown" in failed and "(Chapter [1](01_loss.ipynb))" in failed
    assert "Not run: E1 to E23; their" in failed
    assert list_own(lines).count("| not run |") == len(EVIDENCE)
    not_shown = list_not_shown()
    assert (
        not_shown.count("[Chapter ") == 8 and "[Chapter 8](08_text.ipynb): repeats in" in not_shown
    )
    monkeypatch.setenv("HELPERS_RESULTS", str(tmp_path / "nowhere"))
    for said in (list_own(read_run("mini")), list_post([]), explain_failures([])):
        assert "run chapters 1 to 8 first" in said


def test_a_run_of_another_owners_model_is_not_taken_for_this_one(tmp_path, monkeypatch):
    monkeypatch.delenv("HELPERS_RESULTS", raising=False)
    write_run(tmp_path / "mini" / "data", model="mini")
    assert read_run("mini", build=tmp_path) and read_run("auto", build=tmp_path)
    assert read_run("somebody/mini", build=tmp_path) == []
