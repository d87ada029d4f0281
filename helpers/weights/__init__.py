"""What the weights alone say: composition, the two-head circuit, copying."""

from helpers.weights.composition import k_composition, random_composition
from helpers.weights.copying import (
    copying_accuracy,
    copying_circuit,
    copying_eigenvalue_score,
    write_tokens,
)
from helpers.weights.diagonal import chance_reciprocal_rank, mean_reciprocal_rank
from helpers.weights.token_inputs import (
    EMBEDDINGS,
    Embedding,
    Readings,
    pick_readings,
    read_by_layer,
)
from helpers.weights.token_residuals import token_residuals
from helpers.weights.two_heads import (
    Accuracy,
    top_k_accuracy,
    two_head_circuit,
)
