import pytest
import torch
from shapes import LLAMA

from helpers import Head
from helpers.circuits import Readings, candidate_circuits, two_head_circuit
from helpers.models import untrained_model


@pytest.mark.parametrize("shape", ["mini", "llama"])
def test_candidates_in_one_go_are_the_circuits_one_by_one(mini, shape):
    """With keys and values shared between heads, too."""
    model = mini if shape == "mini" else untrained_model(LLAMA)
    E = model.W_E[5:45]
    none = torch.zeros(model.d_head)
    readings = Readings(E, E, none, none, none)
    previous, induction = [Head(0, 1), Head(2, 5)], [Head(1, 0), Head(3, 4)]
    found = {(p, i): circuit for p, i, circuit in candidate_circuits(model, previous, induction, E)}
    assert set(found) == {(0, 0), (0, 1), (1, 1)}  # L2H5 cannot feed L1H0
    for (p, i), circuit in found.items():
        alone = two_head_circuit(model, previous[p], induction[i], readings=readings)
        assert torch.allclose(circuit.AB, alone.AB, atol=1e-5)
