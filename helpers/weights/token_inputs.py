"""What stands for a token where a head reads: five embeddings, from raw W_E to what is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.models import Model
from helpers.weights.token_residuals import token_residuals

Embedding = Literal["raw", "normalized", "effective", "read", "centred"]
EMBEDDINGS: tuple[Embedding, ...] = get_args(Embedding)


@dataclass(frozen=True)
class Readings:
    """The vectors that the heads of a circuit read for each token, and the biases with them.

    Args:
        query: What the induction head makes its query from.
        values: What each previous-token head makes its value from.
        b_Q: Bias of the query; 0 if the embedding leaves biases out.
        b_V: Bias of the value of each previous-token head, likewise.
        b_K: Bias of the key, likewise.
    """

    query: Float[Tensor, "token d_model"]
    values: tuple[Float[Tensor, "token d_model"], ...]
    b_Q: Float[Tensor, " d_head"]
    b_V: tuple[Float[Tensor, " d_head"], ...]
    b_K: Float[Tensor, " d_head"]


def read_by_layer(
    model: Model,
    layers: Sequence[int],
    *,
    embedding: Embedding = "raw",
    tokens: Int[Tensor, " token"] | None = None,
) -> dict[int, Float[Tensor, "token d_model"]]:
    """What every head of some layers reads for each token: it depends on nothing but the layer.

    | embedding  | query and value are made from                                           |
    |------------|-------------------------------------------------------------------------|
    | raw        | W_E, no biases (the post)                                               |
    | normalized | W_E through the layer's LayerNorm, with biases                           |
    | effective  | residual after block 0 of `[BOS, token]`, through LayerNorm, with       |
    |            | biases (much public code); a head in layer 0 cannot read it             |
    | read       | residual of `[BOS, token]` before the layer, through LayerNorm, with    |
    |            | biases: what the layer's heads do read                                  |
    | centred    | read, minus its mean over tokens, no biases                             |

    Args:
        model: The model.
        layers: Which layers.
        embedding: See above.
        tokens: Ids of the tokens; the whole vocabulary if not given.

    Returns:
        Vectors for each token, by layer.

    Raises:
        ValueError: If the embedding is unknown.
    """
    if embedding not in EMBEDDINGS:
        raise ValueError(f"Unknown embedding {embedding!r}; there are {', '.join(EMBEDDINGS)}.")
    if embedding in ("read", "centred"):
        before = zip(layers, token_residuals(model, layers, tokens=tokens), strict=True)
        read = {layer: model.normalize(residual, layer) for layer, residual in before}
        return read if embedding == "read" else {at: x - x.mean(0) for at, x in read.items()}
    if embedding == "effective":
        (E,) = token_residuals(model, [1], tokens=tokens)
    else:
        model.need("embedding")
        E = model.W_E if tokens is None else model.W_E[tokens.to(model.device)]
    return {layer: E if embedding == "raw" else model.normalize(E, layer) for layer in layers}


def pick_readings(
    model: Model,
    previous: Sequence[Head],
    induction: Head,
    read: Mapping[int, Float[Tensor, "token d_model"]],
    *,
    embedding: Embedding,
) -> Readings:
    """The readings of some heads out of those of their layers, with the biases of the embedding.

    Args:
        model: The model.
        previous: The heads that write the token into the place after it.
        induction: The head that looks for the token.
        read: Result of `read_by_layer`.
        embedding: The embedding it was made on: "raw" and "centred" leave biases out.
    """
    I = model.head_weights(induction)  # noqa: E741
    b_V = tuple(model.head_weights(head).b_V for head in previous)
    b_Q, b_K = I.b_Q, I.b_K
    if embedding in ("raw", "centred"):
        none = torch.zeros(model.d_head, dtype=torch.float32, device=model.device)
        b_Q, b_K, b_V = none, none, (none,) * len(previous)
    values = tuple(read[head.layer] for head in previous)
    return Readings(read[induction.layer], values, b_Q, b_V, b_K)
