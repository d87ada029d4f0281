"""The estimate is the slope of the exact effect: for a small step they are the same."""

import pytest
import torch
from shapes import LLAMA

from helpers import sample_repeated_tokens
from helpers.chapters.mlps import ablate_positions, attribute_positions
from helpers.interventions import AblationValues
from helpers.interventions.fast import COMPONENTS, estimate_positions, replace_positions
from helpers.models import Site, untrained_model
from helpers.results import correlate
from helpers.running import activations

N = 6


def take(model, tokens, component, method):
    sites = [Site(component, layer) for layer in range(model.n_layers)]
    return AblationValues(model, tokens, sites, method=method)


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("shape", ["mini", "llama"])
def test_a_small_step_is_estimated_exactly(mini, shape, component):
    model = mini if shape == "mini" else untrained_model(LLAMA)
    tokens = sample_repeated_tokens(model, n=N, sequences=3, seed=4).tokens
    whole = take(model, tokens, component, "resample")
    sites = [Site(component, layer) for layer in range(model.n_layers)]
    clean = [torch.tensor(activations(model, tokens, site).values) for site in sites]
    part = 3e-3

    def a_step(size):
        """The values a small way from the clean ones."""
        values = take(model, tokens, component, "first_half")  # each sequence has its own
        for layer, out in enumerate(clean):
            site = Site(component, layer)
            values._values[site] = out.lerp(whole.at(site, slice(None), slice(None)), size)
        return replace_positions(model, tokens, N, values, component).mean(-1)

    exact = (a_step(part) - a_step(-part)) / (2 * part)
    estimate = estimate_positions(model, tokens, N, whole, component)
    # In the last place of the second half nothing can change.
    assert estimate[..., -1].abs().max() < 1e-6
    assert (exact - estimate).abs().max() < 0.02 * exact.abs().max() + 1e-3
    assert exact.abs().max() > 0.02


def test_the_boundary_can_be_left_out(mini):
    tokens = sample_repeated_tokens(mini, n=N, sequences=2, seed=4).tokens
    step = take(mini, tokens, "mlp_out", "zero")
    blog = estimate_positions(mini, tokens, N, step, "mlp_out")
    without = estimate_positions(mini, tokens, N, step, "mlp_out", part="second")
    # The boundary is predicted before anything is replaced: only the number of targets changes.
    assert torch.allclose(blog * N, without * (N - 1), rtol=1e-3, atol=1e-5)


def test_labels_and_no_gradients_left_on(mini):
    sample = sample_repeated_tokens(mini, n=N, sequences=2, seed=4)
    estimate = attribute_positions(mini, sample)
    assert estimate["effect"].dims == ("sequence", "layer", "position")
    assert estimate["grid_blog"].sizes == {"layer": mini.n_layers, "position": N}
    assert not mini(sample.tokens).requires_grad
    assert all(weight.grad is None for weight in mini.bridge.original_model.parameters())
    agreement = correlate(ablate_positions(mini, sample)["grid_blog"], estimate["grid_blog"])
    assert -1 <= agreement.pearson <= 1 and -1 <= agreement.spearman <= 1
