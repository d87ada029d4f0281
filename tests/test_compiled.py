"""On weights written by hand every analysis must find L4H11 and L5H5, and nothing else."""

import math

import numpy as np
import pytest
from pytest import approx

from helpers import Head, find_pair, get_attention, rank_heads, sample_repeated_tokens
from helpers.chapters.circuit import (
    score_candidate_pairs,
    score_circuit_baselines,
    score_composition,
    score_copying,
    score_embeddings,
    score_group_copying,
    score_summed_circuit,
    score_two_head_circuit,
    tabulate_accuracy,
)
from helpers.chapters.loss import measure_loss, summarize_loss
from helpers.chapters.scan import score_heads
from helpers.models.compiled import INDUCTION, PREVIOUS, VOCABULARY
from helpers.weights import EMBEDDINGS, chance_reciprocal_rank

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
            "boundary": 0.0,
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
    assert circuit["mrr"].sel(pair=PAIR).to_numpy().tolist() == [1.0, 1.0]
    assert circuit["mrr"].sel(pair=f"{PREVIOUS} > L6H0").to_numpy() == approx(1 / VOCABULARY)
    assert circuit["mrr"].attrs["chance"] == approx(chance_reciprocal_rank(VOCABULARY))


def test_no_other_pair_matches(compiled):
    earlier = [PREVIOUS, "L4H10", "L0H0", "L6H1"]
    later = [INDUCTION, "L5H4", "L11H11"]
    table = score_candidate_pairs(compiled, earlier, later)["accuracy"].sel(along="keys", k=1)
    assert float(table.sel(previous_name=str(PREVIOUS), induction_name=str(INDUCTION))) == 1.0
    assert float(table.sum()) == 1.0
    assert np.isnan(table.sel(previous_name="L6H1", induction_name=str(INDUCTION)))


def test_every_rung_is_perfect_without_noise(compiled):
    """No other layer writes, so all stand-ins for a token are its embedding."""
    ladder = score_embeddings(compiled, PREVIOUS, INDUCTION, tokens=40)
    assert (ladder["accuracy"] == 1.0).all()
    assert ladder.attrs["tokens"] == 40
    table = tabulate_accuracy(ladder)
    assert table.index.tolist() == [*EMBEDDINGS, "chance"]
    shares = table.drop(columns=["low", "high"], level=1).loc[["raw", "centred"]]
    assert (shares == 1.0).all(axis=None)
    assert table.loc["chance", ("along keys", "top-5")] == approx(5 / 40)
    assert table.loc["chance", ("along queries", "MRR")] == approx(chance_reciprocal_rank(40))


def test_only_the_pair_matches_beside_candidates_and_random_pairs(compiled):
    candidates = [PREVIOUS, "L4H10", "L3H0", "L7H0"]  # itself and a later head are left out
    baselines = score_circuit_baselines(
        compiled, PREVIOUS, INDUCTION, candidates=candidates, draws=25, tokens=40
    )
    kinds = baselines["kind"].to_numpy().tolist()
    assert kinds == ["pair"] + ["candidate"] * 2 + ["random"] * 25
    names = baselines["pair"].to_numpy().tolist()
    assert names[:3] == [PAIR, "L4H10 > L5H5", "L3H0 > L5H5"]
    assert len(set(names)) == len(names)
    assert all(name.startswith("L4H") and " > L5H" in name for name in names[3:])
    assert baselines["embedding"].to_numpy().tolist() == ["raw", "effective"]
    assert (baselines["accuracy"].isel(pair=0) == 1.0).all()
    assert (baselines["mrr"].isel(pair=0) == 1.0).all()
    assert (baselines["accuracy"].isel(pair=slice(1, None)) == 0.0).all()
    assert np.allclose(baselines["mrr"].isel(pair=slice(1, None)), 1 / 40)
    # 12 x 12 pairs, without the pair itself and the candidate of the same layer.
    assert baselines.attrs["random_possible"] == 142 and baselines.attrs["random_pairs"] == 25


def test_all_random_pairs_are_taken_where_there_are_few(compiled):
    few = score_circuit_baselines(
        compiled, PREVIOUS, INDUCTION, embeddings=["raw"], draws=500, tokens=9
    )
    assert few.attrs["random_pairs"] == few.attrs["random_possible"] == 143


def test_idle_heads_do_not_spoil_the_sum(compiled):
    summed = score_summed_circuit(
        compiled, [PREVIOUS, "L4H10", "L6H0", "L0H0"], INDUCTION, tokens=40
    )
    assert summed["added"].to_numpy().tolist() == [str(PREVIOUS), "L4H10", "L0H0"]
    assert (summed["accuracy"] == 1.0).all() and (summed["mrr"] == 1.0).all()
    assert tabulate_accuracy(summed).index.tolist()[-1] == ("chance", "")
    with pytest.raises(ValueError, match="nothing to sum"):
        score_summed_circuit(compiled, ["L6H0"], INDUCTION)


def test_only_the_induction_head_copies(compiled):
    copying = score_copying(compiled, [INDUCTION, PREVIOUS, Head(0, 0)])
    assert copying["top1"].to_numpy().tolist() == [1.0, 0.0, 0.0]
    assert copying["eigenvalue"].to_numpy() == approx([1.0, 0.0, 0.0], abs=1e-6)


def test_a_group_copies_as_its_copying_head_does(compiled):
    copying = score_group_copying(compiled, [INDUCTION, "L5H6", PREVIOUS], draws=30)
    assert float(copying["top1"]) == float(copying["top5"]) == 1.0
    assert float(copying["eigenvalue"]) == approx(1.0, abs=1e-6)
    # L4H11 and L5H5 are in the group, so no random group has them.
    assert copying["random"].to_numpy().tolist() == [0.0] * 30
    assert copying.attrs["heads"] == "L5H5, L5H6, L4H11"


def test_pairs_run_from_earlier_to_later(compiled):
    with pytest.raises(ValueError, match="L5H5 cannot feed L4H11"):
        score_two_head_circuit(compiled, [(INDUCTION, PREVIOUS)])
