"""Rankings over seeds: what can be derived by hand, and what the compiled model must show."""

import numpy as np
import pytest
import torch
import xarray as xr
from pytest import approx

from helpers import Head, sample_repeated_tokens
from helpers.chapters.scan import (
    describe_stability,
    plot_stability,
    score_heads,
    score_stability,
    selection_frequency,
)
from helpers.inputs import ordinary_tokens, sample_unrepeated_tokens
from helpers.metrics import bootstrap_top
from helpers.models.compiled import INDUCTION, PREVIOUS
from helpers.results import label_array, load_result, save_result

N = 6


@pytest.fixture(scope="module")
def stability(compiled):
    return score_stability(compiled, n=N, sequences=3, seeds=4, seed=10)


def by_hand(*, unrepeated: float = 0.02) -> xr.Dataset:
    """2 seeds x 2 sequences, 1 layer x 2 heads: H0 leads with seed 0, H1 with seed 1 and overall.

    H0 scores 0.5 everywhere; H1 0.4, 0.4 with seed 0 and 0.5, 0.9 with seed 1.
    """
    first = torch.full((2, 2), 0.5)
    second = torch.tensor([[0.4, 0.4], [0.5, 0.9]])
    values = torch.stack([first, second], dim=-1)[:, :, None]
    dims = ("sequence", "layer", "head")
    return xr.Dataset(
        {
            "induction": label_array(values, ("seed", *dims), coords={"seed": [0, 1]}, chance=0.1),
            "induction_unrepeated": label_array(torch.full((2, 1, 2), unrepeated), dims),
        },
        attrs={"model": "by hand"},
    )


def test_top_shares_by_hand():
    """The third item always leads; the first two tie for the lead where it is left out."""
    values = torch.tensor([[[1.0, 1.0, 2.0]] * 3, [[0.0, 0.0, 5.0]] * 3])
    assert bootstrap_top(values).tolist() == [0.0, 0.0, 1.0]
    assert bootstrap_top(values[..., :2]).tolist() == [0.5, 0.5]


def test_top_shares_are_drawn_within_groups():
    """One sample of {0, 2} against 1 in two groups of two: 0 … 4 halves, against 2 halves.

    Each group's sum is 0, 2 or 4 with probability 1/4, 1/2, 1/4; both together exceed 4 with
    probability 5/16, and tie with it 6/16.
    """
    item = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    values = torch.stack([item, torch.ones(2, 2)], dim=-1)
    shares = bootstrap_top(values, draws=40_000)
    assert shares.tolist() == approx([0.5, 0.5], abs=0.01)
    values[..., 1] = 1.25
    assert bootstrap_top(values, draws=40_000)[0] == approx(5 / 16, abs=0.01)
    state = torch.random.get_rng_state()
    assert torch.equal(bootstrap_top(values, seed=2), bootstrap_top(values, seed=2))
    assert torch.equal(torch.random.get_rng_state(), state)
    with pytest.raises(ValueError, match="at least one sample"):
        bootstrap_top(torch.zeros(2, 0, 3))


def test_nothing_repeats_in_the_control(mini):
    tokens = sample_unrepeated_tokens(mini, n=20, sequences=5, seed=3)
    assert tokens.shape == (5, 41) and (tokens[:, 0] == tokens[0, 0]).all()
    assert all(len(set(row.tolist())) == 41 for row in tokens)
    assert torch.equal(tokens, sample_unrepeated_tokens(mini, n=20, sequences=5, seed=3))


def test_a_small_vocabulary_still_repeats_nothing_of_the_first_half(mini, monkeypatch):
    monkeypatch.setattr(
        "helpers.inputs.repeated_tokens.ordinary_tokens", lambda model: torch.arange(10, 24)
    )
    for row in sample_unrepeated_tokens(mini, n=10, sequences=4):
        first, second = set(row[1:11].tolist()), set(row[11:].tolist())
        assert len(first) == 10 and not first & second
    with pytest.raises(ValueError, match="Choose n < 14"):
        sample_unrepeated_tokens(mini, n=14)
    with pytest.raises(ValueError, match="choose n <= 63"):
        sample_unrepeated_tokens(mini, n=64)


def test_every_seed_is_a_scan_of_its_own(compiled, stability):
    assert stability["seed"].to_numpy().tolist() == [10, 11, 12, 13]
    assert stability.attrs["unrepeated_seed"] == 14
    sample = sample_repeated_tokens(compiled, n=N, sequences=3, seed=12)
    alone = score_heads(compiled, sample)
    for score in ("induction", "previous_token"):
        found = stability[score].sel(seed=12)
        assert np.allclose(found, alone[score], atol=1e-6)
        assert stability[score].attrs["chance"] == approx(alone[score].attrs["chance"])
    with pytest.raises(ValueError, match="at least one seed"):
        score_stability(compiled, n=N, seeds=0)


@pytest.mark.parametrize(
    ("score", "head"), [("induction", INDUCTION), ("previous_token", PREVIOUS)]
)
def test_one_head_is_always_on_top(stability, score, head):
    table = selection_frequency(stability, score)
    assert table["head"][0] == head
    assert table[score][0] == approx(1.0, abs=1e-5)
    assert table["seeds_on_top"].tolist() == [4] + [0] * 143
    assert table["draws_on_top"].tolist() == [1.0] + [0.0] * 143


def test_where_nothing_repeats_the_induction_head_is_lost(compiled, stability):
    """No place matches its query, so it attends evenly; the previous-token head is unmoved."""
    chance = stability["induction"].attrs["chance"]
    control = stability["induction_unrepeated"].copy()
    control[:, PREVIOUS.layer, PREVIOUS.head] = chance  # looks one place back: elsewhere
    assert np.allclose(control, chance, atol=1e-5)
    assert selection_frequency(stability)["unrepeated"][0] == approx(chance, abs=1e-5)
    assert len(ordinary_tokens(compiled)) >= 2 * N
    assert "unrepeated" not in selection_frequency(stability, "previous_token")


def test_the_table_by_hand():
    table = selection_frequency(by_hand())
    assert table["head"].tolist() == [Head(0, 1), Head(0, 0)]
    assert table["induction"].tolist() == approx([0.55, 0.5])
    assert table["seeds_on_top"].tolist() == [1, 1]
    # Seed 1 gives H1 0.5, 0.7 or 0.9 with probability 1/4, 1/2, 1/4; it leads from 0.7 on.
    assert table["draws_on_top"].tolist() == approx([0.75, 0.25], abs=0.03)
    assert (table["low"][1], table["high"][1]) == (approx(0.5), approx(0.5))
    assert table["low"][0] < 0.55 < table["high"][0]
    assert table["unrepeated"].tolist() == approx([0.02, 0.02])
    with pytest.raises(ValueError, match="'attention_sink' over seeds; there are induction"):
        selection_frequency(by_hand(), "attention_sink")


def test_the_picture_has_one_dot_for_each_seed():
    fig = plot_stability(by_hand())
    seeds, pooled, control = fig.data
    assert list(seeds.y) == ["L0H0"] * 2 + ["L0H1"] * 2  # the best on top
    assert list(seeds.x) == approx([0.5, 0.5, 0.4, 0.7])
    assert list(pooled.x) == approx([0.5, 0.55]) and pooled.error_x.array is not None
    assert list(control.x) == approx([0.02, 0.02])
    assert any("uniform attention" in note.text for note in fig.layout.annotations)
    assert (fig.layout.shapes[0].x0, tuple(fig.layout.xaxis.range)) == (0.1, (-0.03, 1.03))


def test_sentences_follow_the_numbers():
    text = describe_stability(by_hand())
    assert "**L0H1** with 0.550" in text and "comes first with 1 of 2 seeds" in text
    assert (
        "L0H1 gives the same entries 0.020 of its attention" in text
        and "because of what repeats" in text
    )
    assert "even if nothing repeats" in describe_stability(by_hand(unrepeated=0.5))


def test_it_survives_the_disk(stability, tmp_path):
    save_result(stability, tmp_path / "stability.nc")
    xr.testing.assert_identical(load_result(tmp_path / "stability.nc"), stability)
