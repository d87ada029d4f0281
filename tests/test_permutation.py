"""The number of a head within its layer is a label: renumbering changes labels, nothing else."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from without import predict_without

from helpers import Head, Model, find_pair, load_model, sample_repeated_tokens
from helpers.chapters.circuit import score_composition, score_two_head_circuit
from helpers.chapters.loss import measure_loss
from helpers.chapters.paths import attribute_logits, score_without
from helpers.chapters.scan import score_heads, select_groups

N = 10
SHIPPED = Path(__file__).parents[1] / "helpers/mini/model"


def renumber(network, orders: list[list[int]]) -> None:
    """Head j of a layer becomes what head order[j] was."""
    for block, order in zip(network.transformer.h, orders, strict=True):
        heads = len(order)
        attention = block.attn
        with torch.no_grad():
            for parameter in (attention.c_attn.weight, attention.c_attn.bias):
                size = parameter.shape[-1] // (3 * heads)
                view = parameter.view(*parameter.shape[:-1], 3, heads, size)
                view.copy_(view[..., order, :].clone())
            rows = attention.c_proj.weight.view(heads, -1, attention.c_proj.weight.shape[1])
            rows.copy_(rows[order].clone())


@pytest.fixture(scope="module")
def orders(mini) -> list[list[int]]:
    generator = torch.Generator().manual_seed(3)
    return [
        torch.randperm(mini.n_heads, generator=generator).tolist() for _ in range(mini.n_layers)
    ]


@pytest.fixture(scope="module")
def renumbered(tmp_path_factory, orders) -> Model:
    folder = tmp_path_factory.mktemp("renumbered")
    network = AutoModelForCausalLM.from_pretrained(SHIPPED)
    renumber(network, orders)
    network.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(SHIPPED / name, folder / name)
    return load_model(str(folder))


def test_scores_and_groups_move_with_the_labels(mini, renumbered, orders):
    old, new = (
        score_heads(model, sample_repeated_tokens(model, n=N, sequences=6))
        for model in (mini, renumbered)
    )
    assert any(order != sorted(order) for order in orders)
    for name in old:
        for layer, order in enumerate(orders):
            moved = old[name].sel(layer=layer).isel(head=order).to_numpy()
            assert np.allclose(new[name].sel(layer=layer).to_numpy(), moved, atol=1e-5)

    def old_name(head: Head) -> Head:
        return Head(head.layer, orders[head.layer][head.head])

    assert tuple(map(old_name, find_pair(new))) == find_pair(old)
    for habit, heads in select_groups(new).items():
        assert [old_name(head) for head in heads] == select_groups(old)[habit]


def test_loss_weights_and_removals_do_not_know_the_labels(mini, renumbered, orders):
    sample = sample_repeated_tokens(mini, n=N, sequences=6)
    assert np.allclose(
        measure_loss(mini, sample)["log_prob"], measure_loss(renumbered, sample)["log_prob"],
        atol=1e-4,
    )  # fmt: skip
    pair = find_pair(score_heads(mini, sample))
    moved = tuple(Head(h.layer, orders[h.layer].index(h.head)) for h in pair)
    accuracy = [
        score_two_head_circuit(model, [heads])["accuracy"].to_numpy()
        for model, heads in ((mini, pair), (renumbered, moved))
    ]
    assert np.array_equal(*accuracy)
    composition = [
        score_composition(model)["k_composition"].sel(
            layer_from=p.layer, head_from=p.head, layer_to=i.layer, head_to=i.head
        )
        for model, (p, i) in ((mini, pair), (renumbered, moved))
    ]
    assert float(composition[0]) == pytest.approx(float(composition[1]), rel=1e-4)
    without = [
        predict_without(model, sample.tokens, [list(heads)])
        for model, heads in ((mini, pair), (renumbered, moved))
    ]
    assert torch.allclose(*without, atol=1e-3)
    kept = [
        score_without(model, sample, heads[1], {"first": [heads[0]]}, draws=1)["score"].to_numpy()
        for model, heads in ((mini, pair), (renumbered, moved))
    ]
    assert np.allclose(*kept, atol=1e-4)
    direct = [
        attribute_logits(model, sample, {"pair": heads}, draws=1)["together"].to_numpy()
        for model, heads in ((mini, pair), (renumbered, moved))
    ]
    assert np.allclose(*direct, atol=1e-3)
