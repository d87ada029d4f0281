"""Direct logits are parts of a whole, and the whole is the logit."""

import pytest
import torch
from pytest import approx
from shapes import LLAMA, NEOX

from helpers import sample_repeated_tokens
from helpers.metrics import part_slice
from helpers.models import untrained_model
from helpers.models.compiled import INDUCTION
from helpers.running import direct_logits, logit_direction

N = 8


def whole(model, tokens, targets):
    logits = model(tokens)[:, :-1][:, targets]
    right = logits.gather(-1, tokens[:, 1:][:, targets][..., None])[..., 0]
    return right - logits.mean(-1)


@pytest.mark.parametrize("name", ["mini", "compiled", "llama", "neox"])
def test_the_whole_is_the_logit_over_the_mean_logit(name, request):
    shapes = {"llama": LLAMA, "neox": NEOX}
    model = untrained_model(shapes[name]) if name in shapes else request.getfixturevalue(name)
    sample = sample_repeated_tokens(model, n=N, sequences=3)
    for targets in (slice(None), part_slice("second", N)):
        found = direct_logits(model, sample.tokens, targets=targets)
        assert torch.allclose(found.total, whole(model, sample.tokens, targets), atol=1e-3)
        assert found.heads.shape == (3, model.n_layers, model.n_heads, found.total.shape[1])


def test_in_the_compiled_model_one_head_says_it_all(compiled):
    """Logit 10 for the right token of 60: 10 - 10/60 over the mean."""
    sample = sample_repeated_tokens(compiled, n=N, sequences=3)
    heads = direct_logits(compiled, sample.tokens, targets=part_slice("second", N)).heads
    said = heads[:, INDUCTION.layer, INDUCTION.head]
    assert said.flatten().tolist() == approx([10 - 10 / 60] * said.numel(), abs=1e-4)
    rest = heads.clone()
    rest[:, INDUCTION.layer, INDUCTION.head] = 0
    assert float(rest.abs().max()) == approx(0.0, abs=1e-5)


def test_heads_mlps_embeddings_and_biases_add_up(mini):
    """What the heads do not say, the embeddings, MLPs and biases do, along the same direction."""
    sample = sample_repeated_tokens(mini, n=N, sequences=2)
    found = direct_logits(mini, sample.tokens)
    seen = {}
    bridge = mini.bridge
    names = ["blocks.0.hook_resid_pre", *(f"blocks.{i}.hook_mlp_out" for i in range(mini.n_layers))]
    final = f"blocks.{mini.n_layers - 1}.hook_resid_post"

    def keep(name):
        return name, lambda x, hook: seen.update({name: x.clone()})  # noqa: ARG005

    hooks = [keep(name) for name in (*names, final)]
    with bridge.hooks(fwd_hooks=hooks):
        mini(sample.tokens)
    direction = logit_direction(mini, seen[final][:, :-1], sample.tokens[:, 1:])
    rest = sum(seen[name] for name in names)[:, :-1]
    rest = rest + sum(block.attn.b_O for block in bridge.blocks)
    bias = bridge.b_U[sample.tokens[:, 1:]] - bridge.b_U.mean()
    total = found.heads.sum((1, 2)) + (rest * direction).sum(-1) + bias
    assert torch.allclose(total, found.total, atol=1e-3)
