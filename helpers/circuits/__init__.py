"""What the weights alone say: composition, the two-head circuit, copying."""

from helpers.circuits.composition import k_composition, random_composition
from helpers.circuits.copying import copying_accuracy, copying_eigenvalue_score
from helpers.circuits.diagonal import chance_reciprocal_rank, mean_reciprocal_rank
from helpers.circuits.embeddings import (
    RUNGS,
    Readings,
    Rung,
    pick_readings,
    read_by_head,
    read_by_layer,
    reading_work,
)
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
    "chance_reciprocal_rank",
    "copying_accuracy",
    "copying_eigenvalue_score",
    "k_composition",
    "mean_reciprocal_rank",
    "pick_readings",
    "random_composition",
    "read_by_head",
    "read_by_layer",
    "reading_work",
    "token_residuals",
    "top_k_accuracy",
    "two_head_circuit",
]
