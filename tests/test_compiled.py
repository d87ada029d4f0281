"""On weights written by hand every analysis must find L4H11 and L5H5, and nothing else."""

import math

import numpy as np
import pytest
from compiled import INDUCTION, PREVIOUS, VOCABULARY
from pytest import approx

from helpers import (
    Head,
    find_pair,
    get_attention,
    measure_loss,
    rank_heads,
    sample_repeated_tokens,
    score_candidate_pairs,
    score_composition,
    score_copying,
    score_embedding_ladder,
    score_heads,
    score_two_head_circuit,
    summarize_loss,
)

N = 10
PAIR = f"{PREVIOUS} > {INDUCTION}"


@pytest.fixture(scope="module")
def sample(compiled):
    return sample_repeated_tokens(compiled, n=N, sequences=4)


@pytest.fixture(scope="module")
def scores(compiled, sample):
    return score_heads(compiled, sample)


def test_it_predicts_the_second_half_only(compiled, sample):
    loss = measure_loss(compiled, sample)
    summary = summarize_loss(loss)
    assert summary["accuracy"].to_dict() == approx(
        {
            "first": 0.0,
            "seam": 0.0,
            "second": 1.0,
            "second_blog": 0.9,
        }
    )
    # Logit 10 for the right token against 59 zeros.
    assert summary.loc["second", "log_prob"] == approx(-math.log(1 + 59 * math.exp(-10)), abs=1e-5)
    assert loss.attrs["uniform"] == approx(-math.log(VOCABULARY))


@pytest.mark.parametrize(
    ("score", "head"), [("induction", INDUCTION), ("previous_token", PREVIOUS)]
)
def test_the_scan_finds_one_head_and_the_rest_at_chance(scores, score, head):
    ranking = rank_heads(scores, by=score)
    assert ranking["head"][0] == head
    assert ranking[score][0] == approx(1.0, abs=1e-5)
    idle = ranking[~ranking["head"].isin([INDUCTION, PREVIOUS])]
    assert len(idle) == 142
    assert np.allclose(idle[score], scores[score].attrs["chance"], atol=1e-5)
    assert (ranking["low"] <= ranking[score] + 1e-6).all()
    assert (ranking["high"] >= ranking[score] - 1e-6).all()


def test_the_pair_is_found(scores):
    assert find_pair(scores) == (PREVIOUS, INDUCTION)


def test_no_head_is_a_duplicate_token_head(scores):
    chance = scores["duplicate_token"].attrs["chance"]
    assert float(scores["duplicate_token"].mean("sequence").max()) == approx(chance, abs=1e-5)


def test_patterns_are_one_hot_where_they_must_be(compiled, sample):
    patterns = get_attention(compiled, sample, [INDUCTION, PREVIOUS]).to_numpy()
    for q in range(N + 1, 2 * N + 1):
        assert patterns[0, q, q - (N - 1)] == approx(1.0, abs=1e-5)
    for q in range(1, 2 * N + 1):
        assert patterns[1, q, q - 1] == approx(1.0, abs=1e-5)
    assert np.isnan(patterns[:, 0, 1:]).all()


def test_composition_is_where_it_was_written(compiled):
    """W_OV, W_K and W_Q are identities between subspaces: the score is 1 / sqrt(60)."""
    composition = score_composition(compiled)["k_composition"]
    one = composition.sel(layer_from=4, head_from=11, layer_to=5, head_to=5)
    assert float(one) == approx(1 / math.sqrt(VOCABULARY), rel=1e-4)
    others = composition.copy()
    others.loc[{"layer_from": 4, "head_from": 11, "layer_to": 5, "head_to": 5}] = 0
    assert float(others.max()) == 0.0
    missing = composition.isnull()
    assert (missing == (composition["layer_from"] >= composition["layer_to"])).all()


def test_the_circuit_matches_every_token_with_itself(compiled):
    twice = [(PREVIOUS, INDUCTION), (PREVIOUS, "L6H0"), (str(PREVIOUS), str(INDUCTION))]
    circuit = score_two_head_circuit(compiled, twice)
    assert circuit["pair"].to_numpy().tolist() == [PAIR, f"{PREVIOUS} > L6H0"]
    assert (circuit["accuracy"].sel(pair=PAIR) == 1.0).all()
    # A head of zeros ties everywhere: a tie is a miss.
    assert (circuit["accuracy"].sel(pair=f"{PREVIOUS} > L6H0") == 0.0).all()


def test_no_other_pair_matches(compiled):
    earlier = [PREVIOUS, "L4H10", "L0H0", "L6H1"]
    later = [INDUCTION, "L5H4", "L11H11"]
    table = score_candidate_pairs(compiled, earlier, later)["accuracy"].sel(along="keys", k=1)
    assert float(table.sel(previous_name=str(PREVIOUS), induction_name=str(INDUCTION))) == 1.0
    assert float(table.sum()) == 1.0
    assert np.isnan(table.sel(previous_name="L6H1", induction_name=str(INDUCTION)))


def test_every_rung_is_perfect_without_noise(compiled):
    """No other layer writes, so all stand-ins for a token are its embedding."""
    ladder = score_embedding_ladder(compiled, PREVIOUS, INDUCTION, tokens=40)
    assert (ladder["accuracy"] == 1.0).all()
    assert ladder.attrs["tokens"] == 40


def test_only_the_induction_head_copies(compiled):
    copying = score_copying(compiled, [INDUCTION, PREVIOUS, Head(0, 0)])
    assert copying["top1"].to_numpy().tolist() == [1.0, 0.0, 0.0]
    assert copying["eigenvalue"].to_numpy() == approx([1.0, 0.0, 0.0], abs=1e-6)


def test_pairs_run_from_earlier_to_later(compiled):
    with pytest.raises(ValueError, match="L5H5 cannot feed L4H11"):
        score_two_head_circuit(compiled, [(INDUCTION, PREVIOUS)])
