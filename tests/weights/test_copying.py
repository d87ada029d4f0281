import pytest
import torch
from pytest import approx
from shapes import LLAMA

from helpers import Head
from helpers.models import untrained_model
from helpers.weights import copying_accuracy, copying_eigenvalue_score
from helpers.weights.copying import copying_circuit


@pytest.mark.parametrize("shape", ["mini", "llama"])
def test_a_group_is_the_sum_of_its_heads(mini, shape):
    """With values shared between heads, too."""
    model = mini if shape == "mini" else untrained_model(LLAMA)
    group = [Head(1, 0), Head(1, 1), Head(2, 3)]
    E = model.W_E[5:45]
    together = copying_circuit(model, group, embedding=E)
    apart = [copying_circuit(model, head, embedding=E).AB for head in group]
    assert torch.allclose(together.AB, apart[0] + apart[1] + apart[2], atol=1e-4, rtol=1e-4)
    assert together.A.shape == (40, 3 * model.d_head)
    own = (sum(copying_circuit(model, head).AB for head in group)).double()
    logit = own.diagonal()
    assert copying_accuracy(model, group).top1 == approx(
        ((own >= logit[:, None]).sum(1) == 1).double().mean().item(), abs=0.01
    )


def test_eigenvalues_are_the_same_by_either_product(mini):
    group = [Head(2, 0), Head(1, 3)]
    values = torch.linalg.eigvals(copying_circuit(mini, group).AB.double())
    by_hand = float(values.real.sum() / values.abs().sum())
    said = mini.W_U @ mini.W_E
    assert copying_eigenvalue_score(mini, group) == approx(by_hand, abs=1e-3)
    assert copying_eigenvalue_score(mini, group, said=said) == approx(by_hand, abs=1e-3)
    with pytest.raises(ValueError, match="No head was given"):
        copying_eigenvalue_score(mini, [])
