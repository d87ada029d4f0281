"""The estimate is the slope of the exact effect: for a small step they are the same."""

import pytest
import torch
from shapes import LLAMA

from helpers import ablate_positions, attribute_positions, sample_repeated_tokens
from helpers import interventions as raw
from helpers.models import untrained_model
from helpers.results import correlate_cells

N = 6


@pytest.mark.parametrize("component", raw.COMPONENTS)
@pytest.mark.parametrize("shape", ["mini", "llama"])
def test_a_small_step_is_estimated_exactly(mini, shape, component):
    model = mini if shape == "mini" else untrained_model(LLAMA)
    tokens = sample_repeated_tokens(model, n=N, sequences=3, seed=4).tokens
    whole = raw.make_replacement(model, tokens, N, component=component, method="resample")
    part = 3e-3
    ahead, back = (
        raw.replace_positions(
            model,
            tokens,
            N,
            raw.Replacement(component, whole.clean, whole.clean.lerp(whole.value, step)),
        ).mean(-1)
        for step in (part, -part)
    )
    exact = (ahead - back) / (2 * part)
    estimate = raw.attribute_positions(model, tokens, N, whole)
    # In the last place of the second half nothing can change.
    assert estimate[..., -1].abs().max() < 1e-6
    assert (exact - estimate).abs().max() < 0.02 * exact.abs().max() + 1e-3
    assert exact.abs().max() > 0.02


def test_the_seam_can_be_left_out(mini):
    tokens = sample_repeated_tokens(mini, n=N, sequences=2, seed=4).tokens
    step = raw.make_replacement(mini, tokens, N, component="mlp_out", method="zero")
    blog = raw.attribute_positions(mini, tokens, N, step)
    without = raw.attribute_positions(mini, tokens, N, step, part="second")
    # The seam is predicted before anything is replaced: only the number of targets changes.
    assert torch.allclose(blog * N, without * (N - 1), rtol=1e-3, atol=1e-5)


def test_labels_and_no_gradients_left_on(mini):
    sample = sample_repeated_tokens(mini, n=N, sequences=2, seed=4)
    estimate = attribute_positions(mini, sample)
    assert estimate["effect"].dims == ("sequence", "layer", "position")
    assert estimate["grid_blog"].sizes == {"layer": mini.n_layers, "position": N}
    assert not mini(sample.tokens).requires_grad
    assert all(weight.grad is None for weight in mini.bridge.original_model.parameters())
    agreement = correlate_cells(ablate_positions(mini, sample)["grid_blog"], estimate["grid_blog"])
    assert agreement["cells"] == mini.n_layers * (N - 1)
    assert -1 <= agreement["pearson"] <= 1 and -1 <= agreement["spearman"] <= 1
