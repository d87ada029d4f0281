"""What the weights alone say: composition, the two-head circuit, copying."""

from helpers.circuits.composition import k_composition, random_composition
from helpers.circuits.copying import copying_accuracy, copying_eigenvalue_score
from helpers.circuits.embeddings import RUNGS, Readings, Rung, read_by_head
from helpers.circuits.residuals import token_residuals
from helpers.circuits.two_heads import (
    Accuracy,
    candidate_circuits,
    top_k_accuracy,
    two_head_circuit,
)

__all__ = [
    "RUNGS",
    "Readings",
    "Accuracy",
    "Rung",
    "candidate_circuits",
    "copying_accuracy",
    "copying_eigenvalue_score",
    "k_composition",
    "random_composition",
    "read_by_head",
    "token_residuals",
    "top_k_accuracy",
    "two_head_circuit",
]
