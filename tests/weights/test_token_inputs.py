"""What stands for a token, on weights written by hand."""

import pytest
import torch

from helpers import Head
from helpers.inputs import bos_token
from helpers.models.compiled import OUTPUT, POSITION, TOKEN, compile_model
from helpers.weights import pick_readings, read_by_layer


def test_a_head_reads_what_is_there_before_its_layer():
    """L0H0 adds half of BOS and half of the token: a head in layer 0 reads the stream without."""
    model = compile_model(also=Head(0, 0))
    tokens = torch.tensor([7, 30, 11])
    before = torch.zeros(3, model.d_model)
    before[range(3), TOKEN.start + tokens] = 1.0
    before[:, POSITION.start + 1] = 1.0
    after = before.clone()
    after[:, OUTPUT.start + bos_token(model)] += 0.5
    after[range(3), OUTPUT.start + tokens] += 0.5
    with pytest.warns(UserWarning, match="compiled is run whole"):
        effective = read_by_layer(model, [0, 1], embedding="effective", tokens=tokens)
    read = read_by_layer(model, [0, 1], embedding="read", tokens=tokens)
    centred = read_by_layer(model, [0, 1], embedding="centred", tokens=tokens)
    assert torch.allclose(read[0], before) and torch.allclose(effective[0], after)
    assert torch.allclose(read[1], after) and torch.allclose(effective[1], after)
    for layer in (0, 1):
        assert torch.allclose(read[layer], centred[layer] + read[layer].mean(0))


def test_read_has_the_biases_that_centred_leaves_out(mini):
    previous, induction = Head(0, 1), Head(1, 1)
    read = read_by_layer(mini, [0, 1], embedding="read", tokens=torch.tensor([7, 30, 11]))
    whole = pick_readings(mini, [previous], induction, read, embedding="read")
    assert torch.equal(whole.b_Q, mini.head_weights(induction).b_Q) and whole.b_Q.any()
    assert torch.equal(whole.b_V[0], mini.head_weights(previous).b_V)
    assert not pick_readings(mini, [previous], induction, read, embedding="centred").b_Q.any()
