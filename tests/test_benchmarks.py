"""The benchmark compares like with like; how long anything takes is never asserted."""

import json
import sys

import pytest
from shapes import LLAMA

from benchmarks import __main__ as bench
from benchmarks.floor import Floor
from helpers.models import untrained_model


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


def test_it_runs_and_all_ways_agree(tmp_path, monkeypatch, capsys):
    options = ["--n", "6", "--sequences", "3", "--rounds", "1", "--build", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", "mini", *options])
    monkeypatch.setattr(bench, "LENGTHS", (3, 6, 200))
    monkeypatch.setattr(bench, "BATCHES", (1, 2))
    assert bench.main() == 0
    report = json.loads((tmp_path / "mini.json").read_text())
    lines = {line["work"].split()[0]: line for line in report["works"]}
    assert set(lines) == {"scan", "top-1", "residuals", "MLP", "attribution"}
    for name, line in lines.items():
        assert line["floor"] > 0 and line["ratio"] > 0 and line["roofline_share"] > 0
        assert name == "attribution" or line["largest_difference"] < 1e-4
    assert {"post", "TransformerLens", "ours"} == set(lines["MLP"]["seconds"])
    assert lines["attribution"]["seconds"]["post"] == lines["MLP"]["seconds"]["post"]
    assert [line["n"] for line in report["growth"]["length"]] == [3, 6]
    assert [line["sequences"] for line in report["growth"]["batch"]] == [1, 2]
    assert report["machine"]["device"] and report["rate"]["before"] > 0
    said = capsys.readouterr().out
    assert "N = 200 left out: mini reads 128 tokens" in said and "share of roofline" in said
