"""Does a head, having looked at a token, make the model say that token?"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens import FactoredMatrix

from helpers.circuits.diagonal import diagonal_ranks, share_within
from helpers.heads import Head
from helpers.models import Model


class Copying(NamedTuple):
    """Share of tokens whose own logit is among the most promoted.

    Args:
        top1: It is the most promoted of all.
        top5: It is among the five most promoted.
        tokens: How many tokens were tried; chance is k / tokens.
    """

    top1: float
    top5: float
    tokens: int


def copying_circuit(
    model: Model, head: Head, *, embedding: Float[Tensor, "token d_model"] | None = None
) -> FactoredMatrix:
    """`E W_OV W_U`: what attending to a token adds to each token's logit, in factors.

    Args:
        model: The model.
        head: The head that attends.
        embedding: What stands for each token in the residual stream; W_E if not given.

    Returns:
        FactoredMatrix, `[source token, d_vocab]`.

    Raises:
        ValueError: If the head does not exist.

    Source: Elhage et al. 2021 (the OV circuit).
    """
    weights = model.head_weights(head)
    E = model.W_E if embedding is None else embedding
    return FactoredMatrix(E @ weights.W_V, weights.W_O @ model.W_U)


def copying_accuracy(model: Model, head: Head) -> Copying:
    """Share of tokens that the head, attending to them, promotes above all others.

    hit_k(i) = fewer than k other logits of row i of `E W_OV W_U` are as large as the own one.
    Range [0, 1]; chance is k / d_vocab.

    Args:
        model: The model.
        head: The head.

    Returns:
        Top-1 and top-5 share over the whole vocabulary.

    Raises:
        ValueError: If the head does not exist.

    Source: Olsson et al. 2022 and ARENA 1.2 (OV copying).
    """
    ranks, _ = diagonal_ranks(copying_circuit(model, head))
    return Copying(share_within(ranks, 1), share_within(ranks, 5), len(ranks))


def copying_eigenvalue_score(model: Model, head: Head) -> float:
    """Whether `E W_OV W_U` mostly stretches (copies) or mostly flips (suppresses).

    sum(λ) / sum(|λ|) over the eigenvalues of the circuit, of which at most d_head are not 0:
    they are those of the d_head x d_head product the other way round. Range [-1, 1]; 1 copies,
    -1 anti-copies, a random head is near 0. A head of zero weights scores 0.

    Args:
        model: The model.
        head: The head.

    Raises:
        ValueError: If the head does not exist.

    Source: Elhage et al. 2021 (eigenvalue summary of the OV circuit).
    """
    circuit = copying_circuit(model, head)
    values = torch.linalg.eigvals((circuit.B @ circuit.A).to("cpu", torch.float64))
    size = values.abs().sum()
    return float(values.real.sum() / size) if size > 0 else 0.0
