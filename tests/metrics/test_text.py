import pytest
import torch
from pytest import approx

from helpers.metrics import (
    induction_targets,
    second_occurrences,
    text_induction_chance,
    text_induction_score,
)

# BOS a b a a: the second a (q = 3) has the target k = 2 (b came after a); the third (q = 4) has
# k = 2 and, after the second a, itself: k = 4.
TOKENS = torch.tensor([[0, 7, 8, 7, 7]])


def test_targets_by_hand():
    targets = induction_targets(TOKENS)[0]
    assert targets.nonzero().tolist() == [[3, 2], [4, 2], [4, 4]]


def test_bos_is_nobodys_earlier_occurrence():
    assert not induction_targets(torch.tensor([[0, 5, 0]])).any()


def test_the_repeated_half_has_one_target_each():
    tokens = torch.tensor([[0, 1, 2, 3, 1, 2, 3]])
    assert induction_targets(tokens)[0].nonzero().tolist() == [[4, 2], [5, 3], [6, 4]]


def test_score_and_chance_by_hand():
    pattern = torch.zeros(1, 2, 5, 5)
    pattern[0, 0, 3] = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.0])
    pattern[0, 0, 4] = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.4])
    pattern[0, 1, 3:, 0] = 1.0
    score = text_induction_score(pattern, TOKENS)
    assert score.shape == (1, 2, 5) and score[..., :3].isnan().all()
    assert score[0, :, 3:].tolist() == [approx([0.3, 0.6]), [0.0, 0.0]]
    chance = text_induction_chance(TOKENS)
    assert chance[0, :3].isnan().all() and chance[0, 3:].tolist() == approx([1 / 4, 2 / 5])


def test_uniform_attention_scores_chance():
    tokens = torch.randint(1, 5, (3, 12), generator=torch.Generator().manual_seed(0))
    tokens[:, 0] = 0
    uniform = torch.ones(12, 12).tril() / torch.arange(1.0, 13)[:, None]
    score = text_induction_score(uniform.expand(3, 12, 12), tokens)
    assert torch.allclose(score, text_induction_chance(tokens), equal_nan=True)


def test_patterns_must_be_of_the_tokens():
    with pytest.raises(ValueError, match="expected 1 sequences and 5 x 5"):
        text_induction_score(torch.zeros(1, 4, 4), TOKENS)


def test_pairs_that_come_twice():
    #        position 0  1  2  3  4  5  6  7
    tokens = torch.tensor([[0, 1, 2, 5, 1, 2, 1, 2], [0, 3, 3, 3, 9, 3, 3, 8]])
    row, first, second = second_occurrences(tokens)
    # Sequence 0: "1 2" ends at 2, 5 (and 7, left out); "2 1" only at 6. Sequence 1: "3 3" ends
    # at 2 and then at 3, where it shares a token with itself.
    assert (row.tolist(), first.tolist(), second.tolist()) == ([0], [2], [5])


def test_no_pair_is_no_error():
    assert [len(column) for column in second_occurrences(torch.tensor([[0, 1, 2, 3]]))] == [0] * 3
