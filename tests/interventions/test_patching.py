import pytest
import torch

from helpers import sample_repeated_tokens
from helpers.forward import observe, predict
from helpers.interventions import patched
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


def test_a_site_that_is_not_there_is_named(compiled):
    with (
        pytest.raises(UnsupportedModelError, match=r"'mlp_out' in layer 3"),
        compiled.hooked({Site("mlp_out", 3): lambda x: None}),
    ):
        pass
