"""Pictures and sentences of the circuit's baselines, sums and copying, from numbers by hand."""

import html

import numpy as np
import pytest
import torch
import xarray as xr
from pytest import approx
from unchecked import unchecked

from helpers.chapters.circuit import (
    describe_circuit_baselines,
    describe_copying,
    describe_summed,
    plot_circuit_baselines,
    plot_composition_and_attention,
    plot_embeddings,
    plot_summed,
    score_circuit_baselines,
    score_composition,
    score_copying,
    score_embeddings,
    score_group_copying,
    score_summed_circuit,
    tabulate_accuracy,
)
from helpers.chapters.circuit.accuracies import label_accuracies
from helpers.metrics import wilson_interval
from helpers.results import label_array, load_result, save_result
from helpers.weights import Accuracy

PAIRS = ["L4H11 > L5H5", "L2H2 > L5H5", "L4H0 > L5H1", "L4H11 > L5H1"]
KINDS = ["pair", "candidate", "random", "random"]


def accuracy(top1: float) -> Accuracy:
    """Top-5 twice, MRR half as large again; along queries half of it all."""
    return Accuracy(top1, 2 * top1, top1 / 2, top1, 1.5 * top1, 0.75 * top1, tokens=100)


def baselines_by_hand(*top1: float) -> xr.Dataset:
    """The pair and others on one embedding; on "effective" each does half as well."""
    found = {(row, 0): accuracy(value) for row, value in enumerate(top1)}
    found |= {(row, 1): accuracy(value / 2) for row, value in enumerate(top1)}
    coords = {"pair": PAIRS[: len(top1)], "embedding": ["raw", "effective"]}
    arrays = label_accuracies(found, ("pair", "embedding"), coords, tokens=100, of="tokens")
    attrs = {"model": "by hand", "tokens": 100}
    return xr.Dataset(arrays, attrs=attrs).assign_coords(kind=("pair", KINDS[: len(top1)]))


def summed_by_hand(*top1: float) -> xr.Dataset:
    found = {(row, 0): accuracy(value) for row, value in enumerate(top1)}
    coords = {"summed": list(range(1, len(top1) + 1)), "embedding": ["raw"]}
    arrays = label_accuracies(found, ("summed", "embedding"), coords, tokens=100, of="tokens")
    attrs = {"model": "by hand", "tokens": 100, "induction": "L5H5"}
    added = [f"L{4 - row}H0" for row in range(len(top1))]
    return xr.Dataset(arrays, attrs=attrs).assign_coords(added=("summed", added))


def test_tables_hold_every_measure_both_ways():
    table = tabulate_accuracy(baselines_by_hand(0.4, 0.02))
    row = table.loc["L4H11 > L5H5", "raw"]
    measures = ["top-1", "top-5", "MRR"]
    assert row["along keys"][measures].to_dict() == approx({"top-1": 0.4, "top-5": 0.8, "MRR": 0.6})
    assert row["along queries"][measures].tolist() == approx([0.2, 0.4, 0.3])
    assert row["along keys"][["low", "high"]].tolist() == approx(
        wilson_interval(0.4, 100), abs=1e-6
    )
    assert table.loc[("chance", ""), ("along keys", "top-5")] == approx(0.05)
    assert table.index.tolist()[-1] == ("chance", "")
    # H(100) / 100
    assert table.loc[("chance", ""), ("along keys", "MRR")] == approx(0.0518738, abs=1e-6)


def test_places_that_were_not_measured_stay_missing():
    arrays = label_accuracies(
        {(1,): accuracy(0.5)}, ("pair",), {"pair": ["a", "b"]}, tokens=9, of=""
    )
    assert np.isnan(arrays["accuracy"].sel(pair="a")).all() and np.isnan(arrays["mrr"][0]).all()
    assert float(arrays["mrr"].sel(pair="b", along="queries")) == approx(0.375)


def test_baselines_are_drawn_by_kind_with_chance():
    fig = plot_circuit_baselines(baselines_by_hand(0.4, 0.02, 0.01, 0.3))
    assert [trace.name for trace in fig.data] == ["pair", "candidate", "random"] * 2
    raw, effective = fig.data[:3], fig.data[3:]
    assert [list(trace.x) for trace in raw] == [approx([0.4]), approx([0.02]), approx([0.01, 0.3])]
    assert list(effective[2].x) == approx([0.005, 0.15])
    assert list(raw[2].text) == ["", "L4H11 &gt; L5H1"]  # as good as half: named
    assert [html.unescape(name) for name in raw[2].customdata] == PAIRS[2:]
    assert {shape.x0 for shape in fig.layout.shapes} == {0.01} and len(fig.layout.shapes) == 2
    assert fig.layout.xaxis.range == fig.layout.xaxis2.range
    mrr = plot_circuit_baselines(baselines_by_hand(0.4, 0.02), measure="MRR", along="queries")
    assert list(mrr.data[0].x) == approx([0.3])
    assert mrr.layout.xaxis.title.text == "MRR along queries"
    with pytest.raises(ValueError, match="No measure 'top1'"):
        unchecked(plot_circuit_baselines)(baselines_by_hand(0.4), measure="top1")


def test_baselines_in_words():
    text = describe_circuit_baselines(baselines_by_hand(0.4, 0.02, 0.01, 0.3))
    assert "raw: **40.0%**, the best of 1 other candidates 2.0% (L2H2 > L5H5)" in text
    assert "the best of 2 random pairs 30.0% (L4H11 > L5H1); effective: **20.0%**" in text
    assert "Chance is 1.00%. On its best embedding at least half as far: L4H11 > L5H1." in text
    alone = describe_circuit_baselines(baselines_by_hand(0.4, 0.02, 0.01, 0.03))
    assert "On its best embedding no other pair comes half as far." in alone
    weak = describe_circuit_baselines(baselines_by_hand(0.02, 0.02))
    assert "On no embedding does the pair do much better than chance." in weak


def test_sums_are_drawn_and_told():
    summed = summed_by_hand(0.2, 0.5, 0.3)
    fig = plot_summed(summed, measure="top-5")
    (line,) = fig.data
    assert list(line.y) == approx([0.4, 1.0, 0.6])
    assert list(fig.layout.xaxis.ticktext) == ["L4H0", "+ L3H0", "+ L2H0"]
    assert fig.layout.shapes[0].y0 == approx(0.05)
    text = describe_summed(summed)
    assert "L4H0 alone gives 20.0%; 50.0% with L4H0 + L3H0, the most" in text
    assert "all 3 together give 30.0%" in text
    assert "no further head adds to that" in describe_summed(summed_by_hand(0.2, 0.1))


def test_composition_against_looking_back(compiled):
    """The one head that does both stands where the two measures say."""
    composition = score_composition(compiled)
    looks = torch.full((2, 12, 12), 0.1)
    looks[:, 4, 11] = 0.9
    looks[:, 3, 0] = 0.8  # looks back, but feeds nothing
    dims = ("sequence", "layer", "head")
    scores = xr.Dataset({"previous_token": label_array(looks, dims, chance=0.07)})
    fig = plot_composition_and_attention(composition, scores, "L5H5", mark="L4H11")
    dots, mark, named = fig.data
    assert len(dots.x) == 5 * 12
    place = list(dots.text).index("L4H11")
    assert (dots.x[place], dots.y[place]) == (approx(0.9), approx(60**-0.5, rel=1e-4))
    assert mark.x[0] == approx(0.9)
    idle = list(dots.text).index("L3H0")
    assert (dots.x[idle], dots.y[idle]) == (approx(0.8), 0.0)
    assert {"L3H0", "L4H11"} <= set(named.text)
    assert fig.layout.yaxis.range[0] < 0  # dots at 0 are whole
    band, uniform = fig.layout.shapes
    mean, sd = composition.attrs["random_mean"], composition.attrs["random_sd"]
    assert (band.y0, band.y1) == (approx(mean - 2 * sd), approx(mean + 2 * sd))
    assert uniform.x0 == 0.07
    with pytest.raises(ValueError, match="first layer"):
        plot_composition_and_attention(composition, scores, "L0H1")


def test_the_ladder_shows_both_ways_and_chance(compiled):
    ladder = score_embeddings(compiled, "L4H11", "L5H5", tokens=20)
    fig = plot_embeddings(ladder)
    assert [bar.name for bar in fig.data if bar.name] == ["along keys", "along queries"]
    low, _ = wilson_interval(1.0, 20)
    assert list(fig.data[0].error_y.arrayminus) == approx([1 - low] * 5)
    assert any("chance: 0.0500" in note.text for note in fig.layout.annotations)


def test_copying_in_words(compiled):
    heads = ["L5H5", "L4H11"]
    group = score_group_copying(compiled, heads)
    text = describe_copying(score_copying(compiled, heads), group)
    assert "eigenvalue scores from +0.00 to +1.00 (-1 suppresses, 1 copies)." in text
    assert "L5H5, L4H11 summed score **+1.00**" in text
    assert "20 of 20 random groups of the same layers score less" in text
    assert "promote 100.00% of 60 tokens" in text and "L5H5, 100.00%; chance is 1.667%" in text


def test_results_survive_the_disk(mini, tmp_path):
    results = {
        "baselines": score_circuit_baselines(mini, "L0H1", "L1H1", candidates=["L0H2"], tokens=30),
        "summed": score_summed_circuit(mini, ["L0H1", "L0H2"], "L1H1", tokens=30),
        "group": score_group_copying(mini, ["L1H1", "L2H2"], draws=3),
    }
    for name, result in results.items():
        save_result(result, tmp_path / f"{name}.nc")
        xr.testing.assert_identical(load_result(tmp_path / f"{name}.nc"), result)
