"""Figures show the numbers they are given, all of them, on the scales they promise."""

import numpy as np
import pytest
import torch
import xarray as xr

from helpers import get_attention, rank_heads, sample_repeated_tokens
from helpers.chapters.attention import plot_attention
from helpers.chapters.circuit import (
    plot_embeddings,
    plot_pairs,
    score_candidate_pairs,
    score_embeddings,
)
from helpers.chapters.loss import measure_loss, plot_loss
from helpers.chapters.mlps import (
    plot_effect_grid,
    plot_estimates,
    plot_layer_effects,
    plot_target_effects,
)
from helpers.chapters.scan import plot_head_scores, plot_ranking, score_heads
from helpers.results import label_array

N = 5


@pytest.fixture(scope="module")
def sample(mini):
    return sample_repeated_tokens(mini, n=N, sequences=3)


@pytest.fixture(scope="module")
def scores(mini, sample):
    return score_heads(mini, sample)


def effects(*dims: str) -> xr.DataArray:
    sizes = {"sequence": 3, "layer": 2, "position": 4, "target": 4}
    shape = [sizes[dim] for dim in dims]
    values = torch.arange(float(np.prod(shape))).reshape(shape) - 5
    tokens = ["the", "the", "<b>", "a"]  # equal labels, and one that is HTML
    coords = {}
    for dim in {"position", "target"} & set(dims):
        coords |= {dim: [5, 6, 7, 8], f"{dim}_token": (dim, tokens)}
    return label_array(values, dims, coords=coords)


def test_attention_maps_run_from_0_to_1(mini, sample, scores):
    for fig in (
        plot_head_scores(scores["induction"]),
        plot_attention(get_attention(mini, sample, "L0H0")),
    ):
        (heat,) = fig.select_traces({"type": "heatmap"})
        assert (heat.zmin, heat.zmax) == (0.0, 1.0)


def test_the_score_map_shows_the_means(scores):
    (heat,) = plot_head_scores(scores["induction"]).select_traces({"type": "heatmap"})
    assert np.allclose(heat.z, scores["induction"].mean("sequence"))
    assert any(
        "uniform attention" in note.text
        for note in plot_head_scores(scores["induction"]).layout.annotations
    )


def test_above_the_diagonal_is_blank_and_the_stripe_is_marked(mini, sample):
    pattern = get_attention(mini, sample, "L1H1")
    fig = plot_attention(pattern)
    (heat,) = fig.select_traces({"type": "heatmap"})
    assert np.isnan(np.array(heat.z)[np.triu_indices(2 * N + 1, 1)]).all()
    outline = [trace for trace in fig.data if trace.name == "where an induction head looks"]
    # In the middle of each row q = N + 1 … 2N it holds exactly the entry q - (N - 1).
    (left_top, left_bottom, right_bottom, right_top, _), (top, bottom, *_) = (
        outline[0].x,
        outline[0].y,
    )
    assert (top, bottom) == (N + 0.5, 2 * N + 0.5)
    for query in range(N + 1, 2 * N + 1):
        down = (query - top) / (bottom - top)
        left = left_top + down * (left_bottom - left_top)
        right = right_top + down * (right_bottom - right_top)
        assert (left, right) == pytest.approx((query - N + 0.5, query - N + 1.5))


def test_signed_effects_are_centred_at_zero():
    (heat,) = plot_effect_grid(effects("layer", "position")).select_traces({"type": "heatmap"})
    assert heat.zmin == -heat.zmax and heat.zmax == 5.0


def test_equal_tokens_are_not_merged_and_html_is_text():
    fig = plot_target_effects(effects("sequence", "layer", "target"))
    (heat,) = fig.select_traces({"type": "heatmap"})
    assert np.array(heat.z).shape == (2, 4)
    assert list(heat.x) == [0, 1, 2, 3]
    assert heat.customdata[0][2][1] == "7 &lt;b&gt;"


def test_estimates_are_drawn_against_what_is_exact():
    exact = effects("layer", "position")
    estimate = exact * 2
    fig = plot_estimates(exact, estimate.transpose("position", "layer"))
    dots = [trace for trace in fig.data if trace.mode == "markers"][0]
    assert list(dots.x) == exact.to_numpy()[:, :-1].ravel().tolist()
    assert list(dots.y) == [2 * x for x in dots.x]
    assert list(dots.marker.color) == [0, 0, 0, 1, 1, 1]
    assert "r = 1.00, of ranks 1.00" in fig.layout.title.text


def test_layer_effects_leave_the_seam_out():
    data = effects("sequence", "layer", "target")
    (bars,) = plot_layer_effects(data).select_traces({"type": "bar"})
    by_hand = data.to_numpy()[:, :, 1:].mean((0, 2))
    assert np.allclose(bars.y, by_hand)


def test_the_loss_plot_shows_both_halves_and_the_boundary(mini, sample):
    loss = measure_loss(mini, sample)
    fig = plot_loss(loss)
    line = next(trace for trace in fig.data if trace.name == "mean over sequences")
    assert np.allclose(line.y, loss["log_prob"].mean("sequence"))
    names = [trace.name for trace in fig.data]
    assert any(name.startswith("first half") for name in names)
    assert any(name.startswith("second half") for name in names)
    assert fig.layout.shapes[0].x0 == N + 1


def test_the_ranking_has_whiskers_and_the_best_on_top(scores):
    ranking = rank_heads(scores)
    fig = plot_ranking(ranking, top=4, chance=0.1)
    (dots,) = fig.select_traces({"type": "scatter"})
    assert list(dots.y) == [str(head) for head in ranking["head"][:4]][::-1]
    assert dots.error_x.array is not None
    with pytest.raises(ValueError, match="not ranked by 'attention_sink'"):
        plot_ranking(ranking, by="attention_sink")
    with pytest.raises(ValueError, match="no score 'x'"):
        plot_ranking(ranking, by="x")


def test_circuit_plots(mini):
    pairs = score_candidate_pairs(mini, ["L0H0", "L1H0"], ["L1H1", "L2H0"], tokens=50)
    (heat,) = plot_pairs(pairs).select_traces({"type": "heatmap"})
    assert np.isnan(heat.z[1][0]) and not np.isnan(heat.z[1][1])
    ladder = score_embeddings(mini, "L0H0", "L1H1", tokens=50)
    assert len(list(plot_embeddings(ladder).select_traces({"type": "bar"}))) == 2


def test_wrong_dimensions_are_named(scores):
    with pytest.raises(ValueError, match=r"Expected the dimensions .*'query', 'key'"):
        plot_attention(scores["induction"])
    with pytest.raises(ValueError, match="Select or average"):
        plot_head_scores(scores["induction"].expand_dims("seed"))


def test_plots_do_not_touch_the_data(scores):
    before = scores.copy(deep=True)
    plot_head_scores(scores["induction"])
    plot_ranking(rank_heads(scores))
    xr.testing.assert_identical(scores, before)
