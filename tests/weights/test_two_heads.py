import pytest
import torch
from pytest import approx
from shapes import LLAMA
from transformer_lens import FactoredMatrix

from helpers import Head, two_head_circuit
from helpers.models import untrained_model
from helpers.weights import EMBEDDINGS, pick_readings, read_by_layer, top_k_accuracy


def read(model, writers, induction, embedding, tokens):
    layers = sorted({head.layer for head in (*writers, induction)})
    by_layer = read_by_layer(model, layers, embedding=embedding, tokens=tokens)
    return pick_readings(model, writers, induction, by_layer, embedding=embedding)


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("shape", ["mini", "llama"])
def test_keys_of_several_writers_add_up(mini, shape, embedding):
    """Once each writer's key, once the key's own bias: the sum of circuits has it twice."""
    model = mini if shape == "mini" else untrained_model(LLAMA)
    tokens, induction = torch.arange(5, 25), Head(3, 4)
    writers = [Head(0, 1), Head(2, 5)]
    both = read(model, writers, induction, embedding, tokens)
    summed = two_head_circuit(model, writers, induction, readings=both).AB
    alone = [read(model, [head], induction, embedding, tokens) for head in writers]
    apart = [
        two_head_circuit(model, head, induction, readings=reading).AB
        for head, reading in zip(writers, alone, strict=True)
    ]
    queries = both.query @ model.head_weights(induction).W_Q + both.b_Q
    twice = (queries @ both.b_K)[:, None]
    assert torch.allclose(summed, apart[0] + apart[1] - twice, atol=1e-3, rtol=1e-4)


def test_writers_are_checked(mini):
    with pytest.raises(ValueError, match="L2H5 cannot feed L1H0"):
        two_head_circuit(mini, [Head(0, 1), Head(2, 5)], Head(1, 0))
    with pytest.raises(ValueError, match="names one twice"):
        two_head_circuit(mini, [Head(0, 1), Head(0, 1)], Head(1, 0))
    with pytest.raises(ValueError, match="No head was given"):
        two_head_circuit(mini, [], Head(1, 0))


def test_accuracy_by_hand():
    """Ranks in rows 1, 2, 4, 1; in columns 1, 2, 2, 1: MRR 2.75 / 4 and 3 / 4."""
    matrix = torch.tensor(
        [
            [9.0, 0.0, 0.0, 0.0],
            [5.0, 4.0, 0.0, 0.0],
            [3.0, 7.0, 1.0, 5.0],
            [1.0, 2.0, 6.0, 8.0],
        ]
    )
    accuracy = top_k_accuracy(FactoredMatrix(torch.eye(4), matrix))
    assert (accuracy.top1_keys, accuracy.top1_queries) == (0.5, 0.5)
    assert accuracy.mrr_keys == approx((1 + 1 / 2 + 1 / 4 + 1) / 4)
    assert accuracy.mrr_queries == approx((1 + 1 / 2 + 1 / 2 + 1) / 4)
