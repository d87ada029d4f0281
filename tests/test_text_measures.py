"""On weights written by hand everything about text and damaged repeats is known exactly."""

import math

import numpy as np
import pytest
import torch
from pytest import approx

from helpers import rank_heads, sample_repeated_tokens, sample_text
from helpers.chapters.scan import score_heads
from helpers.chapters.text import (
    damage_repeat,
    measure_text_repeats,
    score_text_induction,
    separate_repeat,
    shuffle_repeat,
    summarize_text_repeats,
    trace_text_induction,
)
from helpers.inputs import TextSample
from helpers.models.compiled import INDUCTION, PREVIOUS, VOCABULARY

N = 10
RIGHT = -math.log(1 + (VOCABULARY - 1) * math.exp(-10))  # logit 10 for it, 0 for the 59 others
WRONG = -math.log(VOCABULARY - 1 + math.exp(10))  # logit 10 for another


def new(t: int) -> float:
    """A token that never came, predicted when t different ones have: they share the logit 10."""
    return -math.log(VOCABULARY - t + t * math.exp(10 / t))


@pytest.fixture(scope="module")
def sample(compiled):
    return sample_repeated_tokens(compiled, n=N, sequences=4)


@pytest.fixture(scope="module")
def scores(compiled, sample):
    return score_heads(compiled, sample)


WHOLE = pytest.mark.filterwarnings("ignore:compiled is run whole:UserWarning")  # no plain cache


def by_hand(*rows: list[int]) -> TextSample:
    return TextSample(torch.tensor(rows), "by hand", 0)


def test_the_induction_head_leads_on_text_and_the_rest_are_at_chance(compiled, scores):
    text = sample_text(compiled, length=50, sequences=5)
    on_text = score_text_induction(compiled, text, scores)
    ranking = rank_heads(on_text, by="text")
    assert ranking["head"][0] == INDUCTION and on_text.attrs["head"] == str(INDUCTION)
    # A token with several earlier occurrences has several targets: the head shares its attention
    # out among them, and their sum is 1 all the same.
    assert ranking["text"][0] == ranking["random"][0] == approx(1.0, abs=1e-5)
    idle = ranking[~ranking["head"].isin([INDUCTION, PREVIOUS])]
    assert np.allclose(idle["text"], on_text["text"].attrs["chance"], atol=1e-5)
    assert on_text.attrs["text"] == text.source and on_text.attrs["length"] == 50


def test_the_trace_is_1_where_a_token_came_before(compiled):
    text = by_hand([0, 7, 8, 7, 9, 7])
    trace = trace_text_induction(compiled, text, INDUCTION)
    assert trace[[3, 5]].to_numpy() == approx([1.0, 1.0], abs=1e-5)
    assert np.isnan(trace[[0, 1, 2, 4]]).all()
    assert trace["chance"][[3, 5]].to_numpy() == approx([1 / 4, 2 / 6])
    assert trace["position_token"].to_numpy().tolist() == ["t0", "t7", "t8", "t7", "t9", "t7"]


def test_sequences_without_a_repeat_are_left_out(compiled, scores):
    text = by_hand([0, 1, 2, 1], [0, 1, 2, 3])
    assert score_text_induction(compiled, text, scores).attrs["sequences"] == 1
    with pytest.raises(ValueError, match="No token of this text comes twice"):
        score_text_induction(compiled, by_hand([0, 1, 2, 3]), scores)


@WHOLE
def test_said_twice_is_known_the_second_time_only_with_the_head(compiled):
    text = by_hand(list(range(N + 1)), [0, *range(20, 20 + N)])
    repeats = measure_text_repeats(compiled, text, [INDUCTION], n=N, draws=5, method="zero")
    said = repeats["log_prob"].sel(kind="said twice")
    first = np.mean([new(t) for t in range(2, N + 1)])
    for occurrence, value in (("first", first), ("second", RIGHT)):
        found = said.sel(removed="nothing", occurrence=occurrence)
        assert found.to_numpy() == approx([value, value], abs=1e-4)
    assert np.allclose(said.sel(removed="induction heads"), -math.log(VOCABULARY), atol=1e-5)
    assert np.isnan(repeats["log_prob"].sel(kind="phrases")).all()
    assert repeats["repeats"].to_numpy().tolist() == [[0, 0], [N - 1, N - 1]]
    table = summarize_text_repeats(repeats).loc["said twice"]
    gains = [RIGHT - first, 0.0, RIGHT - first]
    assert table["gain"].tolist() == approx(gains, abs=1e-4)
    assert table["share"].tolist() == approx([0.0, 1.0, 0.0], abs=1e-4)
    assert table.loc["random heads", "gain_high"] == approx(gains[0], abs=1e-4)


@WHOLE
def test_a_phrase_is_compared_at_its_two_places(compiled):
    text = by_hand([0, 1, 2, 3, 4, 1, 2], [0, 1, 2, 3, 4, 5, 6])
    repeats = measure_text_repeats(compiled, text, [INDUCTION], n=3, draws=2, method="zero")
    clean = repeats["log_prob"].sel(kind="phrases", removed="nothing")
    assert clean.isel(sequence=0).to_numpy() == approx([new(2), RIGHT], abs=1e-4)
    assert np.isnan(clean.isel(sequence=1)).all()


def test_what_does_not_fit_is_named(compiled):
    text = by_hand([0, 1, 2, 3, 4], [0, 5, 6, 7, 8])
    with pytest.raises(ValueError, match="n=5 cannot be said twice: choose 2 <= n <= 4"):
        measure_text_repeats(compiled, text, [INDUCTION], n=5)
    with pytest.raises(ValueError, match="at least one, for example"):
        measure_text_repeats(compiled, text, [])


def test_a_changed_token_costs_two_targets_and_a_swap_three(compiled, sample):
    damage = damage_repeat(compiled, sample, INDUCTION)
    assert damage.attrs["place"] == 5
    assert damage["offset"].to_numpy().tolist() == list(range(-3, 6))
    log_prob = damage["log_prob"].mean("sequence")
    clean, changed, swapped = log_prob.to_numpy()
    assert clean == approx([RIGHT] * 9, abs=1e-4)
    # d = 1 follows a token that never came: all 16 positions get the same attention. Of the
    # tokens there 4 stand twice, the other 8 (BOS and the new one among them) once.
    keys = N + 5 + 1
    logits = torch.tensor([20 / keys] * 4 + [10 / keys] * 8 + [0.0] * (VOCABULARY - 12))
    lost = 10 / keys - float(logits.logsumexp(0))
    assert changed == approx([RIGHT] * 3 + [WRONG, lost] + [RIGHT] * 4, abs=1e-4)
    assert swapped == approx([RIGHT] * 3 + [WRONG] * 3 + [RIGHT] * 3, abs=1e-4)
    attention = damage["attention"].mean("sequence").to_numpy()
    assert attention[0] == approx([1.0] * 9, abs=1e-5)
    expected = [1.0] * 3 + [math.nan, 1 / keys] + [1.0] * 4
    assert attention[1] == approx(expected, abs=1e-5, nan_ok=True)
    assert attention[2] == approx([1.0] * 3 + [0.0] * 3 + [1.0] * 3, abs=1e-5)


def test_one_known_token_of_a_piece_is_enough(compiled, sample):
    shuffle = shuffle_repeat(compiled, sample, INDUCTION)
    assert shuffle["piece"].to_numpy().tolist() == [1, 2, 5, 10]  # the last is N: order kept
    inside = shuffle.sel(since=slice(2, None))
    values = inside["log_prob"].to_numpy()
    assert np.allclose(values[~np.isnan(values)], RIGHT, atol=1e-4)
    looks = inside["attention"].to_numpy()
    assert np.allclose(looks[~np.isnan(looks)], 1.0, atol=1e-5)
    known = (~inside["log_prob"].isnull()).any("sequence").sum("since")
    assert known.to_numpy().tolist() == [0, 1, 4, 9]
    assert (shuffle["log_prob"].sel(since=1) < -2).all()
    first = np.mean([new(t) for t in range(1, N + 1)])
    assert np.allclose(shuffle["first"], first, atol=1e-4)


def test_distance_does_not_matter(compiled, sample):
    distance = separate_repeat(compiled, sample, INDUCTION)
    assert distance["gap"].to_numpy().tolist() == [0, 10, 25]
    assert distance.attrs["longest"] == 64 - (2 * N + 1)
    assert np.allclose(distance["log_prob"], RIGHT, atol=1e-4)
    assert np.allclose(distance["attention"], 1.0, atol=1e-5)
    with pytest.raises(ValueError, match="leaves room for 43"):
        separate_repeat(compiled, sample, INDUCTION, gaps=[50])


def test_a_short_repeat_has_no_room_for_damage(compiled):
    with pytest.raises(ValueError, match="choose N >= 6"):
        damage_repeat(compiled, sample_repeated_tokens(compiled, n=5, sequences=2), INDUCTION)
