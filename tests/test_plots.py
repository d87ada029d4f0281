"""Figures show the numbers they are given, all of them, on the scales they promise."""

import numpy as np
import plotly.io as pio
import pytest
import torch
import xarray as xr

from helpers import get_attention, rank_heads, sample_repeated_tokens, theme
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
from helpers.drawing.dot_names import name_dots
from helpers.drawing.frame import panels
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
    (outline,) = [trace for trace in fig.data if trace.name == "where an induction head looks"]
    corners = np.column_stack([outline.x, outline.y])
    start, along = corners[:-1], np.diff(corners, axis=0)
    for query in range(N + 1, 2 * N + 1):
        corner = np.array([(x, y) for x in (-0.5, 0.5) for y in (-0.5, 0.5)])
        entry = np.array([query - (N - 1), query]) + corner
        # All of it lies on the inner side of every edge: the line hides none of its colour.
        away = entry[:, None] - start
        side = along[:, 0] * away[..., 1] - along[:, 1] * away[..., 0]
        assert (side > -1e-9).all()
    # Its neighbours in the same row lie in the line's way or outside: it is no wider than needed.
    assert np.ptp(corners[:, 0] - corners[:, 1]) < 4
    assert fig.layout.xaxis.range == (-0.5, 2 * N + 0.5) == fig.layout.yaxis.range[::-1]


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
    assert any("blank: " in note.text for note in plot_pairs(pairs).layout.annotations)
    ladder = score_embeddings(mini, "L0H0", "L1H1", tokens=50)
    assert len(list(plot_embeddings(ladder).select_traces({"type": "bar"}))) == 2


def test_heads_that_can_be_in_no_pair_are_named_above_the_map(mini):
    pairs = score_candidate_pairs(mini, ["L0H0", "L3H0"], ["L1H1", "L0H2"], tokens=50)
    fig = plot_pairs(pairs)
    (heat,) = fig.select_traces({"type": "heatmap"})
    assert np.array(heat.z).shape == (1, 1) and np.isfinite(heat.z).all()
    (note,) = [note.text for note in fig.layout.annotations if "chance" in note.text]
    assert "left out, since no induction head here comes after them: L3H0" in note
    assert "left out, since no previous-token head here comes before them: L0H2" in note


def test_numbers_over_bars_are_in_the_figure_and_bars_of_nothing_are_seen(mini):
    fig = plot_embeddings(score_embeddings(mini, "L0H0", "L1H1", tokens=50))
    assert fig.layout.yaxis.range[1] > 1.1  # a bar of 1 has its number above
    for bar in fig.select_traces({"type": "bar"}):
        assert bar.marker.line.width > 0


def test_a_map_without_numbers_says_so(scores):
    blank = scores["induction"] * np.nan
    fig = plot_head_scores(blank.assign_attrs(scores["induction"].attrs))
    said = [note.text for note in fig.layout.annotations]
    assert "nothing was measured" in said and not any("nan" in text for text in said)
    (heat,) = plot_effect_grid(effects("layer", "position") * 0).select_traces({"type": "heatmap"})
    assert heat.zmax == 1.0
    assert "nothing" not in str(plot_head_scores(scores["induction"]).layout.annotations)


def test_what_is_empty_is_drawn_and_said(scores):
    ranking = rank_heads(scores)
    empty = effects("sequence", "layer", "target") * np.nan
    for fig in (
        plot_ranking(ranking.head(0)),
        plot_layer_effects(empty),
        plot_target_effects(empty),
        plot_estimates(*[effects("layer", "position") * np.nan] * 2),
    ):
        assert [note.text for note in fig.layout.annotations][-1] == "nothing was measured"
    assert not plot_ranking(ranking).layout.annotations


def test_dots_at_an_end_of_the_scale_are_whole(scores):
    low, high = plot_ranking(rank_heads(scores)).layout.xaxis.range
    assert low < 0 and high > 1


def test_nothing_stands_above_the_title_and_everything_below_has_room():
    for lines in (0, 1, 2):
        layout = theme.figure(title="a", lines=lines).layout
        assert layout.template.layout.title.to_plotly_json()["yanchor"] == "top"
        assert layout.template.layout.title.y == 1
        assert layout.margin.t == pytest.approx(40 + 24 * lines)
        assert (1 - layout.legend.y) * layout.height < 40


def test_maps_of_effects_say_where_their_colours_end():
    for values in (5, 0.1):
        fig = plot_effect_grid(effects("layer", "position") / 5 * values)
        assert any(f"±{values:g} nats" in note.text for note in fig.layout.annotations)


def test_figures_show_themselves_whatever_plotlys_default_is(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    before = pio.renderers.default
    for fig in (theme.figure(title="a"), panels(["one", "two"], title="a")):
        kind = "application/vnd.plotly.v1+json"
        fig.add_bar(y=[1])
        assert set(fig._repr_mimebundle_()) == {kind}
        with monkeypatch.context() as changed:
            changed.setattr(pio.renderers, "default", "browser")
            fig._ipython_display_()
        assert set(shown.pop()) == {kind}
    assert pio.renderers.default == before


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_series_are_read_on_white_and_on_dark():
    """WCAG AA: 4.5 : 1 where the ground is known; no one colour has that on white and on #111."""
    for scheme, ground in (("light", "#ffffff"), ("dark", "#14181d")):
        for colour in (theme.INK, theme.MUTED, theme.BOUNDARY):
            assert contrast(theme.SCHEMES[scheme][colour], ground) >= 4.5
        for colour in theme.SERIES:
            assert contrast(theme.SCHEMES[scheme].get(colour, colour), ground) >= 3
    for colour in (theme.INK, theme.MUTED):
        assert contrast(colour, "#ffffff") >= 4.5 and contrast(colour, "#111111") >= 4.1
    for colour in (*theme.SERIES, *theme.ORDERED):
        assert min(contrast(colour, "#ffffff"), contrast(colour, "#111111")) >= 3
    assert len(set(theme.SCHEMES["dark"])) == len(theme.SCHEMES["dark"])


def test_names_cover_no_dot_and_no_other_name():
    dots = np.array([[0.50, 0.50], [0.50, 0.53], [0.52, 0.50], [0.99, 0.5]])
    fig = theme.figure(title="a")
    name_dots(fig, dots, ["L1H1", "", "L2H2", "L3H3"], color="#000000", ends=([0, 1], [0, 1]))
    (named,) = fig.data
    assert named.text == ("L1H1", "L2H2", "L3H3")
    first, second, last = named.textposition
    assert not first.startswith("top") and "right" not in first  # dots are there
    assert second.endswith("right") and last.endswith("left") or last == "top left"


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
