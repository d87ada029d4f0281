import math

import pytest
import torch
from pytest import approx
from unchecked import unchecked

from helpers.metrics import PARTS, in_context_learning_score, is_top1, part_slice, token_log_probs


def test_log_probs_come_from_the_logits_one_position_earlier():
    # At position 0 token 1 has odds 3 : 1 : 1, at position 1 all are equal.
    logits = torch.tensor([[[0.0, math.log(3.0), 0.0], [0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]])
    tokens = torch.tensor([[0, 1, 2]])
    assert token_log_probs(logits, tokens)[0].tolist() == approx([math.log(3 / 5), -math.log(3)])
    assert is_top1(logits, tokens)[0].tolist() == [True, False]


def test_a_shift_of_all_logits_changes_nothing():
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
    moved = token_log_probs(logits + 100, tokens)
    assert torch.allclose(moved, token_log_probs(logits, tokens), atol=1e-4)
    assert (moved <= 0).all()


def test_parts_of_a_repeat():
    """N = 3: targets 1 2 3 | 4 | 5 6."""
    targets = list(range(1, 7))
    assert targets[part_slice("first", 3)] == [1, 2, 3]
    assert targets[part_slice("boundary", 3)] == [4]
    assert targets[part_slice("second", 3)] == [5, 6]
    assert targets[part_slice("second_blog", 3)] == [4, 5, 6]
    assert len(PARTS) == 4


def test_an_unknown_part_is_named():
    with pytest.raises(ValueError, match="'third'.*first, boundary"):
        unchecked(part_slice)("third", 3)


def test_in_context_learning_compares_the_end_with_the_first_half():
    log_prob = torch.full((2, 40), -5.0)
    log_prob[0, -2:] = -1.0  # N = 20: the last tenth is two targets
    assert in_context_learning_score(log_prob, 20).tolist() == [4.0, 0.0]
