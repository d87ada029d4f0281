import pytest
import torch
from pytest import approx

from helpers.metrics import bootstrap_interval


def test_equal_samples_leave_no_doubt():
    low, high = bootstrap_interval(torch.full((10, 3), 2.5))
    assert low.tolist() == approx([2.5] * 3)
    assert high.tolist() == approx([2.5] * 3)


def test_two_samples_give_the_range_of_their_means():
    """Means of two draws from {0, 1}: 0, 0.5, 1 with probability 1/4, 1/2, 1/4."""
    low, high = bootstrap_interval(torch.tensor([0.0, 1.0]))
    assert (low.item(), high.item()) == (0.0, 1.0)
    low, high = bootstrap_interval(torch.tensor([0.0, 1.0]), level=0.4)
    assert (low.item(), high.item()) == (0.5, 0.5)


def test_the_width_is_that_of_a_mean():
    """Standard error of the mean of 400 normal samples is 1/20: the interval is about ± 2 of it."""
    values = torch.randn(400, generator=torch.Generator().manual_seed(1))
    low, high = bootstrap_interval(values)
    assert low < values.mean() < high
    assert (high - low).item() == approx(2 * 1.96 / 20, rel=0.15)


def test_seeded_and_blind_to_the_global_generator():
    values = torch.arange(5.0)
    state = torch.random.get_rng_state()
    first = bootstrap_interval(values, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(7)
    assert first == bootstrap_interval(values, seed=3)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="at least one sample"):
        bootstrap_interval(torch.zeros(0, 2))
    with pytest.raises(ValueError, match="between 0 and 1"):
        bootstrap_interval(torch.zeros(3), level=95.0)
