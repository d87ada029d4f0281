import pytest
import torch
from unchecked import unchecked

from helpers import sample_repeated_tokens
from helpers.forward import activations
from helpers.interventions import make_replacement

N = 6


@pytest.fixture(scope="module")
def sample(mini):
    return sample_repeated_tokens(mini, n=N, sequences=4, seed=2)


def make(model, sample, **options):
    return make_replacement(model, sample.tokens, sample.n, **options)


def test_each_method_puts_what_it_says(mini, sample):
    outputs = activations(mini, sample.tokens, "mlp_out", range(mini.n_layers))
    second = outputs[:, :, N + 1 :]
    by_method = {
        method: make(mini, sample, component="mlp_out", method=method)
        for method in ("first_half", "zero", "mean", "resample")
    }
    for replacement in by_method.values():
        assert torch.equal(replacement.clean, second)
    assert torch.equal(by_method["first_half"].value, outputs[:, :, 1 : N + 1])
    assert by_method["zero"].value.abs().max() == 0
    assert torch.allclose(by_method["mean"].value[:, 0], second.mean(1))
    assert torch.equal(by_method["mean"].value[:, 0], by_method["mean"].value[:, 3])


def test_resampling_takes_every_other_sequence_once_and_never_its_own(mini, sample):
    replacement = make(mini, sample, component="attn_out", method="resample", seed=5)
    first = replacement.clean[0, :, 0]
    taken = [int((first == row).all(1).nonzero()) for row in replacement.value[0, :, 0]]
    assert sorted(taken) == [0, 1, 2, 3]
    assert all(other != own for own, other in enumerate(taken))


def test_one_head_is_replaced_and_the_others_keep_what_they_had(mini, sample):
    replacement = make(mini, sample, component="z", method="zero")
    assert replacement.units == mini.n_heads
    outputs = replacement.of_units(2, slice(1, 3), units=slice(3, 5))
    assert outputs.shape == (2, 2, N, mini.n_heads, mini.d_head)
    for i, head in enumerate((3, 4)):
        assert outputs[:, i, :, head].abs().max() == 0
        others = [h for h in range(mini.n_heads) if h != head]
        assert torch.equal(outputs[:, i][:, :, others], replacement.clean[2, 1:3][:, :, others])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"component": "mlp", "method": "zero"}, "Unknown component 'mlp'; there are mlp_out"),
        ({"component": "z", "method": "none"}, "Unknown method 'none'; there are first_half"),
    ],
)
def test_unknown_choices_are_named_with_the_known_ones(mini, sample, options, said):
    with pytest.raises(ValueError, match=said):
        unchecked(make_replacement)(mini, sample.tokens, N, **options)


def test_what_does_not_fit_is_refused(mini, sample):
    with pytest.raises(ValueError, match="N = 7 needs 15 tokens"):
        make_replacement(mini, sample.tokens, 7, component="z", method="zero")
    with pytest.raises(ValueError, match="at least 2, got 1"):
        make_replacement(mini, sample.tokens[:1], N, component="z", method="mean")
