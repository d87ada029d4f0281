"""Does a head, having looked at a token, make the model say that token?"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens import FactoredMatrix

from helpers.circuits.diagonal import diagonal_ranks, share_within
from helpers.heads import Head, parse_heads
from helpers.models import Model
from helpers.progress import Track, silent


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
    model: Model,
    heads: Head | Sequence[Head],
    *,
    embedding: Float[Tensor, "token d_model"] | None = None,
) -> FactoredMatrix:
    """`E W_OV W_U`: what attending to a token adds to each token's logit, in factors.

    Several heads that attend to the same place add up: E (sum over h of W_OV^h) W_U, a product
    of inner dimension heads x d_head.

    Args:
        model: The model.
        heads: The head that attends, or several that do together.
        embedding: What stands for each token in the residual stream; W_E if not given.

    Returns:
        FactoredMatrix, `[source token, d_vocab]`.

    Raises:
        ValueError: If a head does not exist or none was given.

    Source: Elhage et al. 2021 (the OV circuit).
    """
    W_V, W_O = _stacked(model, heads)
    E = model.W_E if embedding is None else embedding
    return FactoredMatrix(E @ W_V, W_O @ model.W_U)


def copying_accuracy(
    model: Model, heads: Head | Sequence[Head], *, track: Track = silent
) -> Copying:
    """Share of tokens that heads, attending to them, promote above all others.

    hit_k(i) = fewer than k other logits of row i of `E W_OV W_U` are as large as the own one.
    Range [0, 1]; chance is k / d_vocab.

    Args:
        model: The model.
        heads: The head, or several whose outputs are summed.
        track: Shows how far the vocabulary has come.

    Returns:
        Top-1 and top-5 share over the whole vocabulary.

    Raises:
        ValueError: If a head does not exist or none was given.

    Source: Olsson et al. 2022 and ARENA 1.2 (OV copying).
    """
    ranks, _ = diagonal_ranks(copying_circuit(model, heads), track=track)
    return Copying(share_within(ranks, 1), share_within(ranks, 5), len(ranks))


def copying_eigenvalue_score(
    model: Model,
    heads: Head | Sequence[Head],
    *,
    said: Float[Tensor, "d_model d_model"] | None = None,
) -> float:
    """Whether `E W_OV W_U` mostly stretches (copies) or mostly flips (suppresses).

    sum(λ) / sum(|λ|) over the eigenvalues of the circuit, of which at most heads x d_head are not
    0: they are those of the small product the other way round, W_O W_U E W_V. Range [-1, 1]; 1
    copies, -1 anti-copies, a random head is near 0. Heads of zero weights score 0.

    Args:
        model: The model.
        heads: The head, or several whose outputs are summed.
        said: `W_U W_E`, if it is at hand: it is the same for all heads.

    Raises:
        ValueError: If a head does not exist or none was given.

    Source: Elhage et al. 2021 (eigenvalue summary of the OV circuit).
    """
    if said is None:
        circuit = copying_circuit(model, heads)
        small = circuit.B @ circuit.A
    else:
        W_V, W_O = _stacked(model, heads)
        small = W_O @ said @ W_V
    values = torch.linalg.eigvals(small.to("cpu", torch.float64))
    size = values.abs().sum()
    return float(values.real.sum() / size) if size > 0 else 0.0


def _stacked(
    model: Model, heads: Head | Sequence[Head]
) -> tuple[Float[Tensor, "d_model inner"], Float[Tensor, "inner d_model"]]:
    """W_V side by side and W_O one below the other: their product is the sum of the heads' W_OV."""
    weights = [model.head_weights(head) for head in parse_heads(heads)]
    return torch.cat([w.W_V for w in weights], dim=1), torch.cat([w.W_O for w in weights])
