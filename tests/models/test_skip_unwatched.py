"""What is left out of a run changes no number and hides nothing that somebody watches."""

import pytest
import torch
from shapes import LLAMA, NEOX

from helpers import sample_repeated_tokens
from helpers.models import Model, Site, untrained_model
from helpers.models.skip_unwatched import skip_unwatched


@pytest.fixture(scope="module", params=["mini", "llama", "neox", "compiled"])
def model(request) -> Model:
    if request.param in {"mini", "compiled"}:
        return request.getfixturevalue(request.param)
    return untrained_model({"llama": LLAMA, "neox": NEOX}[request.param])


@pytest.fixture(scope="module")
def tokens(model):
    return sample_repeated_tokens(model, n=7, sequences=3).tokens


def test_logits_and_patterns_are_those_of_the_bridge(model, tokens):
    seen = []
    with model.hooked({Site("pattern", 1): lambda pattern: seen.append(pattern.clone())}):
        ours, theirs = model(tokens), model.bridge(tokens)
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert torch.allclose(*seen, atol=1e-6)


def test_everything_is_put_back_even_after_an_error(model):
    blocks = model.bridge.blocks
    before = [block.attn.compatibility_mode for block in blocks]
    with pytest.raises(RuntimeError, match="on purpose"), skip_unwatched(blocks):
        raise RuntimeError("on purpose")
    assert [block.attn.compatibility_mode for block in blocks] == before
    assert not any("forward" in part.__dict__ for block in blocks for part in block.modules())


def test_a_norm_that_is_watched_stays_whole(mini, tokens):
    tokens = sample_repeated_tokens(mini, n=7, sequences=1).tokens
    seen = []
    names = ["blocks.1.ln1.hook_normalized", "blocks.2.hook_resid_mid"]
    hooks = [(name, lambda tensor, hook: seen.append(hook.name)) for name in names]
    with mini.bridge.hooks(fwd_hooks=hooks):
        mini(tokens)
    assert len(seen) == 2
