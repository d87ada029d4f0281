"""Figures, views and sentences about text show the numbers they are given."""

import math

import numpy as np
import pytest
import xarray as xr

from helpers import Head, sample_repeated_tokens, sample_text
from helpers.chapters.scan import score_heads
from helpers.chapters.text import (
    damage_repeat,
    describe_damage,
    describe_distance,
    describe_shuffle,
    describe_text_induction,
    describe_text_repeats,
    measure_text_repeats,
    plot_damage,
    plot_distance,
    plot_shuffle,
    plot_text_repeats,
    plot_text_scores,
    score_text_induction,
    separate_repeat,
    shuffle_repeat,
    summarize_text_repeats,
)
from helpers.results import correlate, load_result, save_result

N = 12


@pytest.fixture(scope="module")
def sample(mini):
    return sample_repeated_tokens(mini, n=N, sequences=4)


@pytest.fixture(scope="module")
def text(mini):
    return sample_text(mini, length=60, sequences=4)


@pytest.fixture(scope="module")
def on_text(mini, sample, text):
    return score_text_induction(mini, text, score_heads(mini, sample))


@pytest.fixture(scope="module")
def head(on_text):
    return Head.parse(on_text.attrs["head"])


@pytest.fixture(scope="module")
def repeats(mini, text, head):
    return measure_text_repeats(mini, text, [head], n=N, draws=3)


def lines(fig) -> dict[tuple[str, str], object]:
    return {(trace.name, trace.xaxis): trace for trace in fig.data}


def test_every_head_is_a_dot(mini, on_text):
    fig = plot_text_scores(on_text)
    dots, named = fig.data
    assert len(named.text) <= 8 and len(set(named.text)) == len(named.text)
    assert np.allclose(dots.x, on_text["random"].to_numpy().ravel())
    assert np.allclose(dots.y, on_text["text"].mean("sequence").to_numpy().ravel())
    assert len(dots.x) == mini.n_layers * mini.n_heads
    r = correlate(on_text["random"], on_text["text"].mean("sequence")).pearson
    assert f"r = {r:.2f}" in fig.layout.title.text
    assert fig.layout.shapes[0].y0 == on_text["text"].attrs["chance"]


def test_scores_of_other_heads_do_not_correlate(on_text):
    with pytest.raises(ValueError, match="The sizes differ"):
        correlate(on_text["random"], on_text["random"].isel(layer=slice(1)))


def test_the_gain_is_drawn_with_its_random_draws(repeats):
    summary = summarize_text_repeats(repeats)
    fig = plot_text_repeats(repeats, summary)
    assert fig.layout.xaxis2.matches == "x"  # a gain is as long in either panel
    left = [trace for trace in fig.data if trace.xaxis == "x"]
    drawn, stroke, clean, without = left
    gains = repeats["random"].sel(kind="phrases")
    assert np.allclose(drawn.x, gains.sel(occurrence="second") - gains.sel(occurrence="first"))
    table = summary.loc["phrases"]
    assert clean.x[0] == table.loc["nothing", "gain"]
    assert without.x[0] == table.loc["induction heads", "gain"]
    # There are fewer texts than random heads are compared on: the stroke is at the top row's dot.
    assert stroke.x[0] == pytest.approx(clean.x[0], abs=1e-5)


def test_there_is_a_gap_where_the_new_token_never_stood(mini, sample, head):
    damage = damage_repeat(mini, sample, head)
    fig = plot_damage(damage)
    line = lines(fig)["one token changed", "x2"]
    assert math.isnan(line.y[list(line.x).index(0)])
    clean = lines(fig)["no damage", "x"]
    assert np.allclose(clean.y, damage["log_prob"].sel(damage="nothing").mean("sequence"))
    assert "**one token changed**" in describe_damage(damage)


def test_short_pieces_have_short_lines_side_by_side(mini, sample, head):
    shuffle = shuffle_repeat(mini, sample, head)
    drawn = lines(plot_shuffle(shuffle))
    assert len(drawn["pieces of 5", "x"].y) == 5
    assert np.isfinite([*drawn["pieces of 5", "x"].y, *drawn["pieces of 5", "x2"].y]).all()
    places = [list(drawn[name, "x"].x) for name in ("pieces of 1", "pieces of 2", "pieces of 5")]
    assert places == [[1], [5, 6], [10, 11, 12, 13, 14]]  # three free places between
    assert ("order kept", "x") in drawn
    assert "**pieces of 1** (no order left)" in describe_shuffle(shuffle)


def test_the_gap_is_the_axis(mini, sample, head):
    distance = separate_repeat(mini, sample, head)
    line = lines(plot_distance(distance))["second half", "x"]
    assert list(line.x) == [0, 10, 25, 50, 100]
    assert np.allclose(line.y, distance["log_prob"].mean("sequence"))
    assert "leaves room for 103" in describe_distance(distance)


def test_sentences_say_the_numbers(on_text, repeats, head):
    said = describe_text_induction(on_text)
    assert f"**{head}**, the best induction head on random tokens, is number **" in said
    assert "the random language that it was trained on" in said
    summary = summarize_text_repeats(repeats)
    said = describe_text_repeats(repeats, summary)
    assert f"time gains {summary.loc[('said twice', 'nothing'), 'gain']:+.2f} nats" in said
    summary.loc["phrases"] = math.nan
    assert "**phrases**: too few repeats" in describe_text_repeats(repeats, summary)


def test_results_survive_a_file(on_text, repeats, tmp_path):
    for i, result in enumerate((on_text, repeats)):
        save_result(result, tmp_path / f"{i}.nc")
        back = load_result(tmp_path / f"{i}.nc")
        xr.testing.assert_allclose(back, result)
        assert back.attrs["text"] == result.attrs["text"]
