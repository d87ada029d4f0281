import pytest
import torch

from helpers import ablate_mlp_positions, ablate_mlp_second_half, sample_repeated_tokens
from helpers.forward import observe, predict
from helpers.interventions import patched, replace_by_first_half, replace_whole_second_half
from helpers.models import Site, UnsupportedModelError


@pytest.fixture(scope="module")
def sample(mini):
    return sample_repeated_tokens(mini, n=6, sequences=3, seed=2)


def test_putting_back_what_was_there_changes_nothing(mini, sample):
    seen = {}
    observe(mini, sample.tokens, {Site("mlp_out", 1): lambda rows, x: seen.update(x=x.clone())})
    positions = torch.arange(13).expand(3, -1)
    clean = predict(mini, sample.tokens).log_prob
    with patched(mini, {Site("mlp_out", 1): (positions, seen["x"])}):
        assert torch.equal(predict(mini, sample.tokens).log_prob, clean)


def test_an_intervention_undoes_itself_even_after_an_error(mini, sample):
    clean = predict(mini, sample.tokens).log_prob
    site = {Site("mlp_out", 0): (torch.tensor([[3]] * 3), torch.zeros(3, 1, mini.d_model))}
    with patched(mini, site):
        assert not torch.allclose(predict(mini, sample.tokens).log_prob, clean)
    assert torch.equal(predict(mini, sample.tokens).log_prob, clean)
    with pytest.raises(RuntimeError, match="on purpose"), patched(mini, site):
        raise RuntimeError("on purpose")
    assert torch.equal(predict(mini, sample.tokens).log_prob, clean)


@pytest.mark.parametrize("component", ["mlp_out", "attn_out"])
def test_a_replacement_moves_only_later_targets(mini, sample, component):
    effect = replace_by_first_half(mini, sample.tokens, 6, component=component)
    assert effect.shape == (3, mini.n_layers, 6, 6)
    possible = torch.ones(6, 6, dtype=torch.bool).triu(1)  # target > position
    assert effect[..., ~possible].abs().max() < 1e-5
    assert effect[..., possible].abs().max() > 1e-3


@pytest.mark.parametrize("component", ["mlp_out", "attn_out"])
def test_one_position_of_the_last_target_agrees_with_the_whole_half(mini, sample, component):
    """The last layer mixes no positions any more: one output moves its own target only."""
    last = mini.n_layers - 1
    cells = replace_by_first_half(mini, sample.tokens, 6, component=component)[:, last]
    whole = replace_whole_second_half(mini, sample.tokens, 6, component=component)[:, last]
    assert torch.allclose(cells.sum(1)[:, 1:], whole[:, 1:], atol=1e-4)


def test_labels_and_means(mini, sample):
    grid = ablate_mlp_positions(mini, sample)
    assert grid["effect"].dims == ("sequence", "layer", "position", "target")
    assert grid["position"].to_numpy().tolist() == list(range(7, 13))
    by_hand = grid["effect"].to_numpy().mean((0, 3))
    assert abs(grid["grid_blog"].to_numpy() - by_hand).max() < 1e-6
    assert grid.attrs["model"] == "mini" and grid.attrs["sequences"] == 3
    whole = ablate_mlp_second_half(mini, sample)
    assert whole["effect"].dims == ("sequence", "layer", "target")


def test_a_model_without_mlps_says_so(compiled):
    sample = sample_repeated_tokens(compiled, n=4, sequences=1)
    with pytest.raises(UnsupportedModelError, match="attention-only"):
        ablate_mlp_positions(compiled, sample)


def test_a_site_that_is_not_there_is_named(compiled):
    with (
        pytest.raises(UnsupportedModelError, match=r"'mlp_out' in layer 3"),
        compiled.hooked({Site("mlp_out", 3): lambda x: None}),
    ):
        pass
