"""Scores on 5 x 5 patterns (N = 2: BOS a b a b), where every entry can be counted by hand."""

import pytest
import torch
from pytest import approx

from helpers.metrics import (
    SCORES,
    attention_sink_score,
    duplicate_token_score,
    induction_score,
    induction_score_blog,
    previous_token_score,
    score_pattern,
    uniform_pattern,
)

# Rows are queries BOS a b a b. The second a (q = 3) looks at the first b (k = 2), the second b
# (q = 4) at the second a (k = 3): that is one step back and what an induction head does at N = 2.
INDUCTION = torch.tensor(
    [
        [1.0, 0, 0, 0, 0],
        [1.0, 0, 0, 0, 0],
        [1.0, 0, 0, 0, 0],
        [0, 0, 1.0, 0, 0],
        [0, 0, 0, 1.0, 0],
    ]
)
# Entry (q, k) = 10 q + k (not a distribution: it shows which entries are averaged).
NUMBERED = (10 * torch.arange(7)[:, None] + torch.arange(7)).float()


def test_entries_at_n_3():
    """[BOS, 1 2 3, 1 2 3]: t = 0 … 6."""
    assert induction_score(NUMBERED, 3) == approx((42 + 53 + 64) / 3)
    assert induction_score_blog(NUMBERED, 3) == approx((20 + 31 + 42 + 53 + 64) / 5)
    assert previous_token_score(NUMBERED, 3) == approx((21 + 32 + 43 + 54 + 65) / 5)
    assert duplicate_token_score(NUMBERED, 3) == approx((41 + 52 + 63) / 3)
    assert attention_sink_score(NUMBERED, 3) == approx((10 + 20 + 30 + 40 + 50 + 60) / 6)


def test_a_perfect_head_scores_one():
    assert induction_score(INDUCTION, 2) == 1.0
    assert duplicate_token_score(INDUCTION, 2) == 0.0
    assert attention_sink_score(INDUCTION, 2) == 0.5


def test_the_blog_diagonal_misjudges_at_n_50():
    n, length = 50, 101
    resting = torch.zeros(length, length)
    resting[:, 0] = 1
    perfect = resting.clone()
    q = torch.arange(n + 1, length)
    perfect[q] = 0
    perfect[q, q - (n - 1)] = 1
    assert induction_score(perfect, n) == 1.0
    assert induction_score_blog(perfect, n) == approx(51 / 52)
    assert induction_score(resting, n) == 0.0
    assert induction_score_blog(resting, n) == approx(1 / 52)


def test_uniform_attention_by_hand():
    """Row q has q + 1 equal entries; at N = 2 the repeated queries are 3 and 4."""
    uniform = uniform_pattern(5)
    assert torch.equal(uniform[1], torch.tensor([0.5, 0.5, 0, 0, 0]))
    assert induction_score(uniform, 2) == approx((1 / 4 + 1 / 5) / 2)
    assert previous_token_score(uniform, 2) == approx((1 / 3 + 1 / 4 + 1 / 5) / 3)
    assert attention_sink_score(uniform, 2) == approx((1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 4)


def test_leading_dimensions_are_kept():
    batch = torch.stack([INDUCTION, uniform_pattern(5)])[:, None].expand(2, 3, 5, 5)
    assert induction_score(batch, 2).shape == (2, 3)
    stacked = score_pattern(batch, 2)
    assert stacked.shape == (len(SCORES), 2, 3)
    assert torch.equal(stacked[0], induction_score(batch, 2))


@pytest.mark.parametrize("score", SCORES.values())
def test_wrong_shapes_are_named(score):
    with pytest.raises(ValueError, match=r"\(5, 5\) does not fit N = 3.*2N \+ 1 = 7"):
        score(INDUCTION, 3)


@pytest.mark.parametrize("score", SCORES.values())
def test_arguments_are_not_written_into(score):
    before = INDUCTION.clone()
    score(INDUCTION, 2)
    assert torch.equal(INDUCTION, before)
