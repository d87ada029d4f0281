"""Does each token match itself best? Ranks of the diagonal of a token x token matrix in factors.

Why the trick is right: to rank a diagonal entry in its row and in its column it is enough to count
the entries that are at least as large. Counts over tiles add up, so that the matrix (2.5 billion
entries for GPT-2's vocabulary) is never stored: a tile is multiplied out of its factors, compared
with the diagonal along both directions while it lies in the cache, and forgotten. One pass serves
rows and columns; the work is that of the product itself, tokens² x inner dimension.
"""

import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens import FactoredMatrix

TILE, TILE_GPU = 512, 8192
"""Side of the square that is looked at together: 1 MB, so that it stays in a core's cache."""


def diagonal_ranks(
    circuit: FactoredMatrix, *, tile: int | None = None
) -> tuple[Int[Tensor, " token"], Int[Tensor, " token"]]:
    """Rank of every diagonal entry in its row and in its column, 1 being the best.

    rank(i) = number of entries at least as large as the diagonal, itself included: a tie counts
    against it, so that a matrix of zeros ranks last everywhere. The matrix is gone through once,
    tile by tile, for both directions, and never stored.

    Args:
        circuit: Square matrix in factors.
        tile: Side of a tile; one that suits the cache if not given.

    Returns:
        Ranks within rows and within columns, 1 … number of tokens.

    Raises:
        ValueError: If the matrix is not square.
    """
    A, B = circuit.A, circuit.B.mT
    tokens = A.shape[0]
    if B.shape[0] != tokens:
        raise ValueError(
            f"The circuit is {tokens} x {B.shape[0]}; only a square one has a diagonal to rank."
        )
    size = tile or (TILE_GPU if A.device.type == "cuda" else TILE)
    own = torch.cat(
        [(a @ b.mT).diagonal() for a, b in zip(A.split(size), B.split(size), strict=True)]
    )
    in_rows, in_columns = torch.zeros_like(own), torch.zeros_like(own)
    rows = list(zip(A.split(size), own[:, None].split(size), in_rows.split(size), strict=True))
    columns = list(zip(B.mT.split(size, 1), own.split(size), in_columns.split(size), strict=True))
    buffers = A.new_empty(2, min(size, tokens) ** 2)
    shapes = {(len(a), b.shape[1]) for a, *_ in rows for b, *_ in columns}
    views = {shape: buffers[:, : shape[0] * shape[1]].view(2, *shape).unbind() for shape in shapes}
    for j, (b, of_columns, seen_columns) in enumerate(columns):
        for i, (a, of_rows, seen_rows) in enumerate(rows):
            scores, beats = views[len(a), b.shape[1]]
            torch.mm(a, b, out=scores)
            if i == j:  # the same entry from another product can differ in its last bit
                scores.diagonal().copy_(of_columns)
            # Comparing into floats and adding them up is several times faster than booleans.
            seen_rows += torch.ge(scores, of_rows, out=beats).sum(1)
            seen_columns += torch.ge(scores, of_columns, out=beats).sum(0)
    return in_rows.long().cpu(), in_columns.long().cpu()


def share_within(ranks: Int[Tensor, " token"], k: int) -> float:
    """Share of tokens that rank k-th or better."""
    return (ranks <= k).double().mean().item()


def mean_reciprocal_rank(ranks: Int[Tensor, " token"]) -> float:
    """Mean of 1 / rank: how near to the top, where top-1 only asks whether at the top.

    MRR = mean over i of 1 / rank(i). Range (0, 1]: 1 if every rank is 1, 0.5 if every rank is 2;
    chance: see `chance_reciprocal_rank`.

    Args:
        ranks: Ranks from `diagonal_ranks`, 1 being the best.

    Source: Voorhees 1999, the TREC-8 question answering track.
    """
    return (1 / ranks.double()).mean().item()


def chance_reciprocal_rank(tokens: int) -> float:
    """Mean reciprocal rank if all ranks are equally likely.

    H(V) / V with the harmonic number H(V) = 1 + 1/2 + … + 1/V of V tokens.

    Args:
        tokens: How many tokens are ranked.
    """
    return (1 / torch.arange(1, tokens + 1, dtype=torch.float64)).mean().item()
