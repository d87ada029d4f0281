"""Does each token match itself best? Ranks of the diagonal of a token x token matrix in factors."""

import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens import FactoredMatrix

CHUNK = 1024
"""Rows of the token x token matrix that are looked at together."""


def diagonal_ranks(
    circuit: FactoredMatrix, *, chunk: int = CHUNK
) -> tuple[Int[Tensor, " token"], Int[Tensor, " token"]]:
    """Rank of every diagonal entry in its row and in its column, 1 being the best.

    rank(i) = number of entries at least as large as the diagonal, itself included: a tie counts
    against it, so that a matrix of zeros ranks last everywhere. The matrix is looked at `chunk`
    rows at a time and never stored.

    Args:
        circuit: Square matrix in factors.
        chunk: Rows that are looked at together.

    Returns:
        Ranks within rows and within columns, 1 … number of tokens.

    Raises:
        ValueError: If the matrix is not square.
    """
    A, B = circuit.A, circuit.B
    tokens = A.shape[0]
    if B.shape[1] != tokens:
        raise ValueError(
            f"The circuit is {tokens} x {B.shape[1]}; only a square one has a diagonal to rank."
        )
    diagonal = torch.cat(
        [(A[i : i + chunk] @ B[:, i : i + chunk]).diagonal() for i in range(0, tokens, chunk)]
    )
    in_rows = torch.zeros(tokens, dtype=torch.long)
    in_columns = torch.zeros(tokens, dtype=torch.long)
    for i in range(0, tokens, chunk):
        own = diagonal[i : i + chunk]
        scores = A[i : i + chunk] @ B
        # The same entry from two products can differ in its last bit: compare it with itself.
        scores.diagonal(i).copy_(own)
        in_rows[i : i + chunk] = (scores >= own[:, None]).sum(1).cpu()
        in_columns += (scores >= diagonal).sum(0).cpu()
    return in_rows, in_columns


def share_within(ranks: Int[Tensor, " token"], k: int) -> float:
    """Share of tokens that rank k-th or better."""
    return (ranks <= k).double().mean().item()
