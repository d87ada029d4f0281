"""The benchmark compares like with like; how long anything takes is never asserted."""

import json
import math
import sys
import threading
import time

import nbformat
import numpy as np
import pytest
import xarray as xr
from nbformat.v4 import new_code_cell, new_notebook
from shapes import LLAMA

from benchmarks import __main__ as bench
from benchmarks.floor import Floor
from benchmarks.sizes import pilot_sizes, size
from benchmarks.work import feeds
from helpers.models import untrained_model
from helpers.results import save_result


@pytest.fixture(scope="module", params=["mini", "llama"])
def floor(request) -> Floor:
    if request.param == "mini":
        return Floor(request.getfixturevalue("mini"))
    return Floor(untrained_model(LLAMA))


def test_a_block_by_hand(mini):
    """mini: width 192, MLP 768, 588 words; LLAMA: width 96, 2 of 6 heads' keys, MLP 160, gated."""
    floor = Floor(mini)
    assert floor.block == 2 * (4 * 192 * 192 + 2 * 192 * 768)
    assert floor.unembed == 2 * 192 * 588
    shared = Floor(untrained_model(LLAMA))
    assert shared.qkv == 2 * 96 * (96 + 32 + 32)
    assert shared.block == shared.qkv + 2 * (96 * 96 + 3 * 96 * 160)


def test_the_grid_cell_by_cell(floor):
    """Every cell's own count, added up one by one."""
    n, layers = 5, floor.model.n_layers

    def run(positions: range, blocks: int) -> int:
        looks = sum(2 * (p + 1) * floor.per_key for p in positions)
        return blocks * (len(positions) * floor.block + looks)

    total = run(range(2 * n), layers) + n * floor.unembed
    for p in range(n + 1, 2 * n):
        for layer in range(layers):
            changed = range(p, 2 * n)
            if layer == layers - 1:
                total += floor.unembed
                continue
            total += run(changed, layers - 1 - layer) - (len(changed) - 1) * floor.qkv
            total += len(changed) * floor.unembed
    assert floor.grid(n) == total
    assert floor.grid(n, 3) == 3 * total


def test_the_removal_of_every_head_position_by_position(floor):
    """Of the last block only what the targets of the second half need."""
    n, model = 5, floor.model
    layers, d, shared = model.n_layers, model.d_model, model.n_kv_heads * model.d_head
    mlp = floor.block - floor.qkv - 2 * model.n_heads * model.d_head * d
    write = 2 * model.d_head * d
    whole = sum(layers * (floor.block + 2 * (p + 1) * floor.per_key) for p in range(2 * n))
    for layer in range(layers):
        one = n * floor.unembed
        for p in range(1, 2 * n):
            predicts = p >= n
            if layer < layers - 1 or predicts:
                one += write + mlp
            for later in range(layer + 1, layers):
                if later < layers - 1 or predicts:
                    one += floor.block + 2 * (p + 1) * floor.per_key
                else:
                    one += 2 * d * 2 * shared  # its key and its value
        whole += model.n_heads * one
    assert floor.removal(n, 1) == whole
    assert floor.removal(n, 3) == 3 * whole
    # a path changes less than a removal: only from the receiver's layer on
    assert floor.paths(n, 1, 0) < floor.removal(n, 1)


def test_a_long_work_says_that_it_still_runs(monkeypatch, capsys):
    real = threading.Event.wait
    monkeypatch.setattr(threading.Event, "wait", lambda self, _seconds=None: real(self, 0.01))
    with bench._every_minute("a grid"):
        time.sleep(0.2)
    assert "a grid: still running after" in capsys.readouterr().out


def test_it_runs_and_all_ways_agree(tmp_path, monkeypatch, capsys):
    options = ["--n", "6", "--sequences", "3", "--rounds", "1", "--build", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", "mini", *options])
    monkeypatch.setattr(bench, "LENGTHS", (3, 6, 200))
    monkeypatch.setattr(bench, "BATCHES", (1, 2))
    assert bench.main() == 0
    report = json.loads((tmp_path / "mini.json").read_text())
    lines = {line["work"].split()[0]: line for line in report["works"]}
    assert set(lines) == {"scan", "top-1", "residuals", "MLP", "attribution", "removal", "path"}
    for name, line in lines.items():
        assert line["floor"] > 0 and line["ratio"] > 0 and line["roofline_share"] > 0
        assert name == "attribution" or line["largest_difference"] < 1e-4
    assert {"post", "TransformerLens", "ours"} == set(lines["MLP"]["seconds"])
    for name in ("removal", "path"):
        assert {"ARENA", "TransformerLens", "ours"} == set(lines[name]["seconds"])
    assert lines["attribution"]["seconds"]["post"] == lines["MLP"]["seconds"]["post"]
    assert [line["n"] for line in report["growth"]["length"]] == [3, 6]
    assert [line["sequences"] for line in report["growth"]["batch"]] == [1, 2]
    assert report["machine"]["device"] and report["rate"]["before"] > 0
    said = capsys.readouterr().out
    assert "N = 200 left out: mini reads 128 tokens" in said and "share of roofline" in said


def test_the_work_of_the_walkthrough_is_counted_by_hand(tmp_path, monkeypatch, capsys):
    """A scan by hand: blocks on all positions, and the patterns of the last layer."""
    notebook = new_notebook(
        cells=[
            new_code_cell("from helpers import load_model, sample_repeated_tokens, scan"),
            new_code_cell("MODEL, SEQUENCES = 'auto', 9", metadata={"tags": ["parameters"]}),
            new_code_cell("model = load_model(MODEL)"),
            new_code_cell("sample = sample_repeated_tokens(model, n=6, sequences=SEQUENCES)"),
            new_code_cell("scores = scan.score_heads(model, sample)"),
            new_code_cell("scan.plot_head_scores(scores['induction'])"),
        ]
    )
    for name in ("01_one.ipynb", "02_two.ipynb"):
        nbformat.write(notebook, tmp_path / name)
    options = ["--notebooks", str(tmp_path), "--sequences", "2", "--build", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", "work", "mini", *options])
    assert bench.main() == 0
    report = json.loads((tmp_path / "work-mini.json").read_text())
    one, two = (call for call in report["calls"] if call["call"] == "score_heads")
    assert (one["chapter"], one["before"], one["feeds"]) == ("01_one", "", "figure")
    assert (two["chapter"], two["before"], two["flop"]) == ("02_two", "01_one", one["flop"])
    # 2 sequences of 13 positions; 3 whole blocks with all keys of the square; of the last layer
    # queries, keys and their products.
    width, pos = 192, 13
    block = 2 * pos * (4 * width**2 + 2 * width * 768) + 4 * pos**2 * width
    last = 2 * pos * 2 * width**2 + 2 * pos**2 * width
    assert one["flop"] == pytest.approx(2 * (3 * block + last), rel=0.1)
    said = capsys.readouterr().out
    assert "50.0% of it computed before" in said


def test_what_becomes_of_a_result_is_read_from_the_cells():
    fed = feeds(
        [
            "a = measure_a(model)\nb = measure_b(model)\nc = measure_c(model)",
            "d = measure_d(model)",
            "e = summarize(a)\nassert check(d)",
            "claims.verdict(e=e)",
            "plot_b(b)",
            "describe_c(c)",
        ]
    )
    assert (fed["measure_a"], fed["measure_b"], fed["measure_d"]) == ("claim", "figure", "check")
    assert not fed.get("measure_c")


def test_a_size_by_hand():
    """Spread 1, distance 1: 2 x 1.96 / sqrt(n) <= 1/2 from n = 61.5 on."""
    assert size(2.0, 1.0, 1.0) == (62, 32)
    assert size(2.0, 1.0, 0.5) == (16, 16)
    assert size(2.0, 1.0, 0.1) == (1, 8)
    assert size(1.0, 1.0, 0.1) == (math.inf, 32)


def test_the_spread_of_a_pilot_is_read_off_its_interval(tmp_path):
    """Two groups of four sequences whose spread is known, and rules that turn at 0.1 and below."""
    rng = np.random.default_rng(0)
    effect = 2 + rng.normal(0, 0.3, (1, 3, 3, 4))
    removed = xr.Dataset(
        {
            "effect": (("group", "removal", "input", "sequence"), effect),
            "random": (("group", "removal", "input", "draw"), np.full((1, 3, 3, 20), 0.5)),
            "heads": ("group", ["L1H0"]),
        },
        coords={
            "group": ["induction"],
            "removal": ["mean", "zero", "resample"],
            "input": ["second half", "first half", "text"],
        },
        attrs={"model": "mini", "revision": "none"},
    )
    save_result(removed, tmp_path / "removed_groups.nc")
    found = {one.claim: one for one in pilot_sizes(tmp_path)}
    assert {"E10", "E13", "E13, text", "E13, first half"} <= {*found}
    assert found["E10"].turns == 0.5 and found["E13"].turns == 0.1
    assert found["E13, text"].turns == pytest.approx(effect[0, 0, 0].mean() / 10)
    assert found["E10"].spread == pytest.approx(effect[0, 0, 0].std(ddof=1), rel=0.25)
