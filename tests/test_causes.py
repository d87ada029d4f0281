"""Removal, paths, direct logits and faithfulness on the compiled model: exact answers."""

import math

import pytest
import torch
from pytest import approx
from unchecked import unchecked

from helpers import Head, ablate, log_probs, rank_heads, sample_repeated_tokens, sample_text
from helpers.chapters.mlps import ablate_layers
from helpers.chapters.mlps.measure_controls import said_for_the_first_time
from helpers.chapters.paths import (
    attribute_logits,
    measure_faithfulness,
    measure_paths,
    score_without,
)
from helpers.chapters.removal import remove_groups, remove_in_order, remove_mlps
from helpers.chapters.scan import score_heads, select_groups
from helpers.models import UnsupportedModelError
from helpers.models.compiled import INDUCTION, PREVIOUS, VOCABULARY

N = 8
CLEAN = math.log(1 + 59 * math.exp(-10))
KNOWS_NOTHING = math.log(VOCABULARY)
pytestmark = pytest.mark.filterwarnings("ignore:.*run whole for each change")


@pytest.fixture(scope="module")
def sample(compiled):
    return sample_repeated_tokens(compiled, n=N, sequences=4)


@pytest.fixture(scope="module")
def text(compiled):
    return sample_text(compiled, length=2 * N, sequences=3)


def test_each_group_is_one_head_and_there_are_no_duplicate_token_heads(compiled, sample):
    groups = select_groups(score_heads(compiled, sample))
    assert groups == {"induction": [INDUCTION], "previous_token": [PREVIOUS], "duplicate_token": []}


def test_without_the_induction_head_nothing_is_known(compiled, sample, text):
    groups = {"induction": [INDUCTION], "idle": [Head(7, 3)], "duplicate_token": []}
    removed = remove_groups(compiled, sample, groups, text=text, methods=("zero", "mean"), draws=3)
    assert removed["group"].to_numpy().tolist() == ["induction", "idle"]
    effect = removed["effect"].sel(removal="zero", input="second half")
    assert effect.sel(group="induction").to_numpy() == approx([KNOWS_NOTHING - CLEAN] * 4, abs=1e-4)
    assert abs(effect.sel(group="idle")).max() == 0
    assert float(abs(removed["random"].sel(input="second half")).max()) == 0  # idle ones only
    on_text = removed["effect"].sel(input="text")
    assert on_text.isnull().sum("sequence").to_numpy().tolist() == [[1, 1], [1, 1]]
    # No more random heads than claims are held against.
    drawn = removed["random"].notnull().all("draw").sel(removal=["zero", "mean"])
    assert drawn.sel(group="induction", input="second half").all()
    assert drawn.sel(group="idle", input="second half").to_numpy().tolist() == [False, True]
    assert drawn.sel(group="induction", input="text").to_numpy().tolist() == [False, True]
    assert not drawn.sel(group="idle", input="text").any()
    assert (removed.attrs["random_sequences"], removed.attrs["model"]) == (4, "compiled")


def test_the_curve_steps_where_the_head_goes(compiled, sample):
    order = [Head(5, 0), Head(5, 1), INDUCTION]
    curve = remove_in_order(compiled, sample, order, method="zero", draws=2)
    assert curve["removed"].to_numpy().tolist() == [0, 1, 2, 3]
    loss = curve["loss"].mean("sequence").to_numpy()
    assert loss == approx([CLEAN, CLEAN, CLEAN, KNOWS_NOTHING], abs=1e-4)
    assert (curve["random_loss"].isel(removed=0) == curve["loss"].isel(removed=0).mean()).all()
    odds = curve["log_odds"].mean("sequence").to_numpy()  # log p / (1 - p), p = exp(-loss)
    sure, blind = (-math.log(math.expm1(loss)) for loss in (CLEAN, KNOWS_NOTHING))
    assert odds == approx([sure, sure, sure, blind], abs=1e-2)
    assert (curve["random_log_odds"].isel(removed=0) == odds[0]).all()


def test_what_costs_no_loss_yet_costs_log_odds(mini):
    """The loss has a floor: of a model that is sure the first heads take none of it."""
    repeats = sample_repeated_tokens(mini, n=N, sequences=4)
    order = rank_heads(score_heads(mini, repeats))["head"].head(3)
    curve = remove_in_order(mini, repeats, order, draws=2)
    loss, odds = (curve[name].mean("sequence").diff("removed") for name in ("loss", "log_odds"))
    assert (loss[:2] < 0.1).all() and (odds < -0.1).all()


def test_the_induction_head_needs_the_previous_token_head_and_no_other(compiled, sample):
    without = {"it": [PREVIOUS], "another": [Head(4, 0)]}
    data = score_without(compiled, sample, INDUCTION, without, method="zero", draws=3)
    score = data["score"].mean("sequence").sel(head_name=str(INDUCTION))
    uniform = sum(1 / (q + 1) for q in range(N + 1, 2 * N + 1)) / N
    assert score.to_numpy() == approx([1.0, uniform, 1.0], abs=1e-5)
    assert data["random"].sel(removed="it").to_numpy() == approx(1.0, abs=1e-5)
    # In the place of "another" the previous-token head itself may be drawn.
    assert data["heads"].to_numpy().tolist() == ["", str(PREVIOUS), "L4H0"]


def test_only_the_key_is_a_path(compiled, sample):
    data = measure_paths(compiled, sample, [PREVIOUS], [INDUCTION], method="zero")
    uniform = sum(1 / (q + 1) for q in range(N + 1, 2 * N + 1)) / N
    for effect in ("direct", "total"):
        score = data["score"].sel(effect=effect).mean("sequence")[:, 0].to_numpy()
        assert score == approx([1.0, 1.0, uniform, 1.0, uniform], abs=1e-5)
        lost = data["loss_change"].sel(effect=effect).mean("sequence").to_numpy()
        assert lost[[0, 1, 3]] == approx([0, 0, 0], abs=1e-5) and lost[2] > 1
        assert lost[2] == approx(lost[4], abs=1e-5)
    indirect = data.sel(effect="indirect")  # attention only: nothing lies in between
    assert indirect["score"].to_numpy() == approx(1.0, abs=1e-5)
    assert indirect["loss_change"].to_numpy() == approx(0.0, abs=1e-5)
    with pytest.raises(ValueError, match="No sender is in a layer before L2H0"):
        unchecked(measure_paths)(compiled, sample, [PREVIOUS], [Head(2, 0)])


def test_one_head_says_the_token(compiled, sample):
    data = attribute_logits(compiled, sample, {"induction": [INDUCTION], "empty": []}, draws=4)
    assert data["group"].to_numpy().tolist() == ["induction"]
    assert data["together"].to_numpy() == approx(10 - 10 / VOCABULARY, abs=1e-4)
    assert float(abs(data["random"]).max()) == 0
    assert data["total"].to_numpy() == approx(10 - 10 / VOCABULARY, abs=1e-4)


def test_the_two_heads_are_enough(compiled, sample):
    circuits = {"both": [PREVIOUS, INDUCTION], "one": [INDUCTION], "none": []}
    kept = measure_faithfulness(compiled, sample, circuits, method="zero", draws=3)
    assert kept["kept"].to_numpy().tolist() == ["all heads", "no heads", "both", "one"]
    loss = kept["loss"].mean("sequence").to_numpy()
    assert loss[[0, 1, 2]] == approx([CLEAN, KNOWS_NOTHING, CLEAN], abs=1e-4)
    assert loss[3] > 1  # it looks everywhere, and says a bit of everything
    assert kept["size"].to_numpy().tolist() == [144, 0, 2, 1]
    assert kept["random"][3].to_numpy() == approx(KNOWS_NOTHING, abs=1e-4)
    assert kept["random"][:3].isnull().all()  # drawn for the last circuit only
    assert kept.attrs["uniform"] == approx(math.log(VOCABULARY))


@pytest.mark.filterwarnings("ignore:.*run whole for each change")
def test_layers_with_controls(compiled, sample, text, mini):
    some = sample.first(3)
    data = ablate_layers(compiled, some, text=text, components=("attn_out",), methods=("zero",))
    lost = data["effect"].sel(component="attn_out", removal="zero", input="repeat").mean("sequence")
    assert lost.sel(layer=5).item() == approx(KNOWS_NOTHING - CLEAN, abs=1e-4)
    assert float(abs(lost.drop_sel(layer=[5]).max())) < 1e-4  # layer 4 worked in the first half
    with pytest.raises(UnsupportedModelError, match="attention-only"):
        ablate_layers(compiled, some, text=text)
    with pytest.raises(UnsupportedModelError, match="no MLPs"):
        remove_mlps(compiled, some, text=text)
    with pytest.raises(ValueError, match="length=16"):
        unchecked(ablate_layers)(compiled, sample, text=text, components=("attn_out",))
    repeats = sample_repeated_tokens(mini, n=N, sequences=3)
    words = sample_text(mini, length=2 * N, sequences=3)
    found = remove_mlps(mini, repeats, text=words)
    with ablate(mini, ["L1.mlp", "L2.mlp", "L3.mlp"], reference=repeats):
        without = -log_probs(mini, repeats)[:, N + 1 :].mean("position")
    together = without + log_probs(mini, repeats)[:, N + 1 :].mean("position")
    assert found["together"].sel(input="second half").to_numpy() == approx(together, abs=1e-4)
    mlps = found["effect"]
    assert mlps.sizes == {"layer": 4, "input": 2, "sequence": 3} and not mlps.isnull().any()


def test_the_control_says_the_same_tokens_for_the_first_time(mini):
    sample = sample_repeated_tokens(mini, n=N, sequences=9, seed=4).first(5)
    tokens = said_for_the_first_time(mini, sample)
    assert torch.equal(tokens[:, N + 1 :], sample.tokens[:, N + 1 :])
    assert torch.equal(tokens[:, 0], sample.tokens[:, 0])
    assert all(len(set(row)) == 2 * N + 1 for row in tokens.tolist())


def test_layers_on_a_few_sequences_take_from_all(mini):
    sample = sample_repeated_tokens(mini, n=N, sequences=6)
    words = sample_text(mini, length=2 * N, sequences=6)
    whole, few = (
        ablate_layers(mini, sample, text=words, methods=("mean", "resample"), first=first)["effect"]
        for first in (None, 2)
    )
    assert few.sizes["sequence"] == 2
    assert abs(few - whole.isel(sequence=slice(2))).max() < 1e-4
