"""Does a head, having looked at a token, make the model say that token?

Why the tricks are right: E W_OV W_U is a token x token matrix of rank d_head. Its diagonal is
ranked tile by tile (`helpers.weights.diagonal`). Its eigenvalues that are not 0 are those of the
small product the other way round (AB and BA share them), d_head x d_head instead of vocabulary x
vocabulary: W_O W_U E W_V. Several heads that look at one place write a sum, which is the same with
their matrices side by side.
"""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens import FactoredMatrix

from helpers.arguments import check_whole
from helpers.heads import Head
from helpers.inputs import about, bos_token, label_tokens, read_tokens
from helpers.models import Model, check_model
from helpers.weights.diagonal import diagonal_ranks, share_within
from helpers.weights.token_inputs import Embedding, read_by_layer

Heads = str | Head | Iterable[str | Head]


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
    heads: Heads,
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


def copying_accuracy(model: Model, heads: Heads) -> Copying:
    """Share of tokens that heads, attending to them, promote above all others.

    hit_k(i) = fewer than k other logits of row i of `E W_OV W_U` are as large as the own one.
    Range [0, 1]; chance is k / d_vocab.

    Args:
        model: The model.
        heads: The head, or several whose outputs are summed.

    Returns:
        Top-1 and top-5 share over the whole vocabulary.

    Raises:
        ValueError: If a head does not exist or none was given.

    Source: Olsson et al. 2022 and ARENA 1.2 (OV copying).
    """
    ranks, _ = diagonal_ranks(copying_circuit(model, heads))
    return Copying(share_within(ranks, 1), share_within(ranks, 5), len(ranks))


def copying_eigenvalue_score(
    model: Model,
    heads: Heads,
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
    model: Model, heads: Heads
) -> tuple[Float[Tensor, "d_model inner"], Float[Tensor, "inner d_model"]]:
    """W_V side by side and W_O one below the other: their product is the sum of the heads' W_OV."""
    model.need("weights", "heads", "direct")
    weights = [model.head_weights(head) for head in model.parse_heads(heads)]
    return torch.cat([w.W_V for w in weights], dim=1), torch.cat([w.W_O for w in weights])


def write_tokens(
    model: Model,
    head: str | Head,
    token: str | int,
    k: int = 5,
    *,
    embedding: Embedding = "effective",
) -> pd.DataFrame:
    """What a head makes the model say when it attends to a token: the k tokens it promotes most.

    row = x W_OV W_U, x standing for the token where the head reads; over its mean over all tokens.

    Args:
        model: The model.
        head: The head.
        token: The token, as text (one token, a leading space included if it has one) or id.
        k: How many tokens.
        embedding: What stands for the token: "raw" (W_E), "normalized", "effective" (after the
            first block), "read" (before the head's own layer); see `read_by_layer`. "centred"
            needs many tokens to be centred over and is not for a single one.

    Returns:
        A table of `token` and `logit`, the most promoted first. Its `attrs` say where the token
        itself ranks (`own_rank`, 1 being the best): a head that copies ranks it first.

    Raises:
        ValueError: If the head does not exist, the text is not one token, or k is out of range.

    Source: Elhage et al. 2021 (the OV circuit).
    """
    check_model(model)
    check_whole(k=k)
    if embedding == "centred":
        raise ValueError('"centred" takes a mean over many tokens: choose another embedding.')
    if not 1 <= k <= model.d_vocab:
        raise ValueError(f"{model.name} has {model.d_vocab} tokens: choose k from 1 to that.")
    model.need("weights", "heads", "direct")
    chosen = model.parse_head(head)
    ids = read_tokens(model, token if isinstance(token, str) else [bos_token(model), token])[0, 1:]
    if len(ids) != 1:
        pieces = ", ".join(label_tokens(model, ids))
        raise ValueError(f"{token!r} is {len(ids)} tokens here ({pieces}): give one of them.")
    x = read_by_layer(model, [chosen.layer], embedding=embedding, tokens=ids)[chosen.layer]
    weights = model.head_weights(chosen)
    bias = weights.b_V if embedding != "raw" else 0.0
    logits = ((x @ weights.W_V + bias) @ weights.W_O @ model.W_U)[0]
    logits = logits - logits.mean()
    best = logits.topk(k)
    table = pd.DataFrame(
        {"token": label_tokens(model, best.indices.cpu()), "logit": best.values.cpu().numpy()}
    )
    rank = int((logits >= logits[ids[0]]).sum())
    table.attrs.update(about(model, head=str(chosen), embedding=embedding, own_rank=rank))
    return table
