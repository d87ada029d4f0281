"""The same numbers from plain transformers, without TransformerLens in between."""

from collections.abc import Callable

import pytest
import torch
from transformers import AutoModelForCausalLM

from helpers import Head, Model, get_attention, sample_repeated_tokens
from helpers.chapters.mlps import ablate_positions
from helpers.running import predict


def plain(model: Model) -> torch.nn.Module:
    loaded = AutoModelForCausalLM.from_pretrained(
        model.source.directory, dtype=torch.float32, attn_implementation="eager"
    )
    return loaded.eval()


@torch.no_grad()
def log_probs(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    distribution = model(tokens).logits.log_softmax(-1)
    return distribution[:, :-1].gather(-1, tokens[:, 1:, None])[..., 0]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("mini", lambda m: m.transformer.h),
        pytest.param("smollm2", lambda m: m.model.layers, marks=pytest.mark.pretrained),
    ],
)
def test_log_prob_pattern_and_one_ablation_cell(
    name: str, blocks: Callable, request: pytest.FixtureRequest
):
    model: Model = request.getfixturevalue(name)
    reference = plain(model)
    n = 8
    sample = sample_repeated_tokens(model, n=n, sequences=2, seed=1)
    expected = log_probs(reference, sample.tokens)
    assert torch.allclose(predict(model, sample.tokens).log_prob, expected, atol=1e-3)

    head = Head(1, 2)
    with torch.no_grad():
        patterns = reference(sample.tokens, output_attentions=True).attentions
    ours = torch.tensor(get_attention(model, sample, head, sequence=1).to_numpy()[0])
    assert torch.allclose(ours.nan_to_num(0.0), patterns[head.layer][1, head.head], atol=1e-4)

    layer, position = 1, n + 3
    mlp = blocks(reference)[layer].mlp
    outputs: list[torch.Tensor] = []
    with mlp.register_forward_hook(lambda module, args, out: outputs.append(out.clone())):
        log_probs(reference, sample.tokens[:1])

    def put(module: object, args: object, out: torch.Tensor) -> torch.Tensor:
        out = out.clone()
        out[:, position] = outputs[0][:, position - n]
        return out

    with mlp.register_forward_hook(put):
        replaced = log_probs(reference, sample.tokens[:1])
    effect = (expected[0] - replaced[0])[n:]
    grid = ablate_positions(model, sample.first(1))
    cell = grid["effect"].sel(layer=layer, position=position).isel(sequence=0)
    assert torch.allclose(torch.tensor(cell.to_numpy()), effect, atol=1e-3)
    assert effect.abs().max() > 1e-4  # the cell does something: the comparison means something
    assert abs(float(grid["grid_blog"].sel(layer=layer, position=position)) - effect.mean()) < 1e-4
    assert abs(float(grid["grid"].sel(layer=layer, position=position)) - effect[1:].mean()) < 1e-4
