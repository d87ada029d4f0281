"""What takes an activation's place, method by method."""

import pytest
import torch
from unchecked import unchecked

from helpers import Head, sample_repeated_tokens
from helpers.interventions import AblationValues, another_sequence
from helpers.models import Site
from helpers.running import activations

N = 6
SITE = Site("z", 1)


@pytest.fixture(scope="module")
def sample(mini):
    return sample_repeated_tokens(mini, n=N, sequences=4, seed=2)


@pytest.fixture(scope="module")
def z(mini, sample):
    return torch.tensor(activations(mini, sample, Site("z", 1)).values)


def expected(z, method):
    return {
        "zero": 0 * z,
        "mean": z.mean(0, keepdim=True).expand_as(z),
        "resample": z[another_sequence(4, seed=0)],
        "first_half": torch.cat([z[:, : N + 1], z[:, 1 : N + 1]], 1),
    }[method]


@pytest.mark.parametrize("method", ["zero", "mean", "resample", "first_half"])
def test_each_method_puts_what_it_says(mini, sample, z, method):
    values = AblationValues(mini, sample.tokens, [SITE], method=method)
    (edit,) = values.hooks(mini, [Head(1, 2)]).values()
    edited = edit(z)
    others = [h for h in range(8) if h != 2]
    assert torch.equal(edited[:, :, others], z[:, :, others])
    assert torch.equal(edited[:, 0], z[:, 0])  # BOS keeps its own
    assert torch.equal(edited[:, 1:, 2], expected(z, method)[:, 1:, 2])
    with mini.from_row(1):
        assert torch.equal(edit(z[1:3]), edited[1:3])
    assert torch.equal(
        values.at(SITE, slice(2, 4), slice(3, 5)).expand(2, 2, 8, -1),
        expected(z, method)[2:4, 3:5],
    )


def test_whole_layers_are_taken_out_too(mini, sample):
    site = Site("mlp_out", 2)
    values = AblationValues(mini, sample.tokens, [site], method="zero")
    out = torch.randn(4, 2 * N + 1, mini.d_model)
    edited = values.hooks(mini, [site])[site](out)
    assert edited[:, 1:].abs().max() == 0 and torch.equal(edited[:, 0], out[:, 0])


def test_resampling_takes_every_other_sequence_once_and_never_its_own():
    other = another_sequence(7, seed=5).tolist()
    assert sorted(other) == list(range(7))
    assert all(a != b for a, b in enumerate(other))


def test_inputs_of_another_length_get_the_average_over_positions(mini, sample, z):
    mean = AblationValues(mini, sample.tokens, [SITE], method="mean")
    fitted = mean.fitted(SITE, 0, 3, 5)
    assert torch.allclose(fitted, z[:, 1:].mean((0, 1)).expand(1, 5, -1, -1), atol=1e-6)
    assert torch.equal(mean.fitted(SITE, 0, 3, 2 * N + 1), mean.at(SITE, slice(0, 3), slice(None)))
    resampled = AblationValues(mini, sample.tokens, [SITE], method="resample")
    longer = resampled.fitted(SITE, 3, 2, 2 * N + 4)  # rows 3 and 4: the latter is row 0 again
    rows = expected(z, "resample")[[3, 0]]
    assert torch.equal(longer, torch.cat([rows, rows[:, 1:4]], 1))


def test_of_a_few_sequences_no_more_is_held_than_they_take(mini, sample):
    whole, few = (
        AblationValues.take(mini, sample.tokens, {"mean": [SITE], "resample": [SITE]}, first=first)
        for first in (None, 2)
    )
    for method in ("mean", "resample"):
        wanted = whole[method].at(SITE, slice(0, 2), slice(None))
        assert torch.allclose(few[method].at(SITE, slice(0, 2), slice(None)), wanted, atol=1e-6)
    with pytest.raises(IndexError):  # what was not held is not made up
        few["resample"].at(SITE, slice(2, 4), slice(None))
    one = AblationValues.take(mini, sample.tokens, {"resample": [SITE]}, first=1)["resample"]
    with pytest.raises(IndexError):
        one.at(SITE, slice(1, 4), slice(None))
    held = [len(values["resample"]._values[SITE]) for values in (whole, few)]
    assert held == [4, 2] and len(few["mean"]._values[SITE]) == 1


def test_bad_requests_name_the_way_out(mini, sample):
    with pytest.raises(ValueError, match="Unknown method 'none'; there are zero, mean"):
        unchecked(AblationValues.__init__)(None, mini, sample.tokens, [SITE], method="none")
    with pytest.raises(ValueError, match="at least 2, got 1"):
        AblationValues(mini, sample.tokens[:1], [SITE], method="mean")
