"""How much of what an earlier head writes reaches the keys of a later head."""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from helpers.models import Model
from helpers.progress import progress


def k_composition(
    model: Model, *, label: str = ""
) -> Float[Tensor, "layer_from head_from layer_to head_to"]:
    """K-composition score of every earlier head into every later head.

    C[P, I] = ||W_OV^P W_K^I W_Q^I^T||_F / (||W_OV^P||_F ||W_K^I W_Q^I^T||_F). Range [0, 1];
    two unrelated heads score about 1 / sqrt(d_model): see `random_composition`. NaN where P is not
    in an earlier layer. A head of zero weights scores 0. Rank within one target head: norms
    differ too much between targets.

    Only products of d_head x d_head matrices are formed. With rotated positions (RoPE) the
    rotation between query and key is left out.

    Args:
        model: The model.
        label: What it is for, in a few words, if it shall show a bar.

    Returns:
        Scores, `[layer_from, head_from, layer_to, head_to]`.

    Raises:
        UnsupportedModelError: If the model's heads are more than their matrices.

    Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
    """
    model.need("weights", "heads", "scores")
    W_Q, W_K = model.stacked("W_Q"), model.stacked("W_K")
    W_V, W_O = model.stacked("W_V"), model.stacked("W_O")
    written, read = _gram(W_V), _gram(W_Q)
    norm_OV = _product_norm(written, _gram(W_O.mT))
    norm_QK = _product_norm(_gram(W_K), read)
    shape = (model.n_layers, model.n_heads)
    scores = torch.full((*shape, *shape), torch.nan, dtype=torch.float32)
    later = [head for head in model.heads() if head.layer]
    for to in progress(later, label):
        layer, head = to.layer, to.head
        between = einsum(W_O[:layer], W_K[layer, head], "layer head v m, m k -> layer head v k")
        through = einsum(between, read[layer, head], "layer head v k, k q -> layer head v q")
        squared = (written[:layer] @ through * between).sum((-2, -1)).clamp(min=0)
        scale = norm_OV[:layer] * norm_QK[layer, head]
        scores[:layer, :, layer, head] = (squared.sqrt() / scale).nan_to_num(0.0).cpu()
    return scores


def random_composition(
    model: Model, *, draws: int = 64, seed: int = 0
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Mean and standard deviation of the composition score of two random heads of this size.

    The four matrices have independent normal entries; the score does not depend on their scale.

    Args:
        model: Only its d_model and d_head are used.
        draws: Pairs of random heads.
        seed: Seed of a generator of its own.

    Returns:
        Mean and standard deviation over the draws, about 1 / sqrt(d_model) and far less.
    """
    generator = torch.Generator().manual_seed(seed)
    scores = []
    for _ in range(draws):
        W_V, W_O, W_K, W_Q = torch.randn(
            4, model.d_model, model.d_head, generator=generator, dtype=torch.float32
        )
        between = W_O.T @ W_K
        squared = (_gram(W_V) @ between @ _gram(W_Q) * between).sum()
        norms = _product_norm(_gram(W_V), _gram(W_O)) * _product_norm(_gram(W_K), _gram(W_Q))
        scores.append(squared.sqrt() / norms)
    drawn = torch.stack(scores)
    return drawn.mean(), drawn.std()


def _gram(W: Float[Tensor, "*lead rows cols"]) -> Float[Tensor, "*lead cols cols"]:
    return W.mT @ W


def _product_norm(
    left: Float[Tensor, "*lead d d"], right: Float[Tensor, "*lead d d"]
) -> Float[Tensor, "*lead"]:
    """||A B^T||_F from the Gram matrices A^T A and B^T B."""
    return (left * right.mT).sum((-2, -1)).clamp(min=0).sqrt()
