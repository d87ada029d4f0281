"""What stands for a token where a head reads: a ladder from raw W_E to what is really there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.circuits.residuals import token_residuals
from helpers.heads import Head, parse_heads
from helpers.models import Model
from helpers.progress import Track, silent

Rung = Literal["raw", "normalized", "effective", "centred"]
RUNGS: tuple[Rung, ...] = get_args(Rung)


@dataclass(frozen=True)
class Readings:
    """The vectors that the heads of a circuit read for each token, and the biases with them.

    Args:
        query: What the induction head makes its query from.
        values: What each previous-token head makes its value from.
        b_Q: Bias of the query; 0 if the rung leaves biases out.
        b_V: Bias of the value of each previous-token head, likewise.
        b_K: Bias of the key, likewise.
    """

    query: Float[Tensor, "token d_model"]
    values: tuple[Float[Tensor, "token d_model"], ...]
    b_Q: Float[Tensor, " d_head"]
    b_V: tuple[Float[Tensor, " d_head"], ...]
    b_K: Float[Tensor, " d_head"]


def read_by_head(
    model: Model,
    previous: Head | Sequence[Head],
    induction: Head,
    *,
    rung: Rung = "raw",
    tokens: Int[Tensor, " token"] | None = None,
    track: Track = silent,
) -> Readings:
    """What the heads of the circuit read for each token, on one rung of the ladder.

    | rung       | query and value are made from                                           |
    |------------|-------------------------------------------------------------------------|
    | raw        | W_E, no biases (the post)                                               |
    | normalized | W_E through each head's LayerNorm, with biases                          |
    | effective  | residual after block 0 of `[BOS, token]`, through LayerNorm, with biases|
    | centred    | residual of `[BOS, token]` where each head reads, through LayerNorm,    |
    |            | minus its mean over tokens, no biases                                   |

    Args:
        model: The model.
        previous: The head that writes the token into the place after it, or several that do.
        induction: The head that looks for the token.
        rung: See above.
        tokens: Ids of the tokens; the whole vocabulary if not given.
        track: Shows how far the runs have come, on the rungs that need any.

    Returns:
        Vectors for each token, in the order of `tokens`.

    Raises:
        ValueError: If the rung is unknown, a head does not exist or no previous head was given.
    """
    senders = tuple(parse_heads(previous))
    every = [head.check(model.n_layers, model.n_heads) for head in (*senders, induction)]
    layers = sorted({head.layer for head in every})
    read = read_by_layer(model, layers, rung=rung, tokens=tokens, track=track)
    return pick_readings(model, senders, induction, read, rung=rung)


def read_by_layer(
    model: Model,
    layers: Sequence[int],
    *,
    rung: Rung = "raw",
    tokens: Int[Tensor, " token"] | None = None,
    track: Track = silent,
) -> dict[int, Float[Tensor, "token d_model"]]:
    """What every head of some layers reads for each token: it depends on nothing but the layer.

    Args:
        model: The model.
        layers: Which layers.
        rung: See `read_by_head`.
        tokens: Ids of the tokens; the whole vocabulary if not given.
        track: Shows how far the runs have come, on the rungs that need any.

    Returns:
        Vectors for each token, by layer.

    Raises:
        ValueError: If the rung is unknown.
    """
    if rung not in RUNGS:
        raise ValueError(f"Unknown rung {rung!r}; the ladder is {', '.join(RUNGS)}.")
    before = token_residuals(model, _needed(layers, rung), tokens=tokens, track=track)
    if rung == "centred":
        return {
            layer: _centred(model.normalize(residual, layer))
            for layer, residual in zip(layers, before, strict=True)
        }
    if rung == "effective":
        (E,) = before
    else:
        E = model.W_E if tokens is None else model.W_E[tokens.to(model.device)]
    return {layer: E if rung == "raw" else model.normalize(E, layer) for layer in layers}


def reading_work(model: Model, layers: Sequence[int], rung: Rung) -> float:
    """What `read_by_layer` does, in multiplications for each token: for a bar's total.

    Args:
        model: The model.
        layers: Which layers.
        rung: See `read_by_head`.
    """
    return max(_needed(layers, rung), default=0) * model.weights_in_blocks / model.n_layers


def _needed(layers: Sequence[int], rung: Rung) -> Sequence[int]:
    """Before which layers residual streams are needed."""
    return {"effective": [1], "centred": layers}.get(rung, [])


def pick_readings(
    model: Model,
    previous: Sequence[Head],
    induction: Head,
    read: Mapping[int, Float[Tensor, "token d_model"]],
    *,
    rung: Rung,
) -> Readings:
    """The readings of some heads out of those of their layers, with the biases of the rung.

    Args:
        model: The model.
        previous: The heads that write the token into the place after it.
        induction: The head that looks for the token.
        read: Result of `read_by_layer`.
        rung: The rung it was made on: "raw" and "centred" leave biases out.
    """
    I = model.head_weights(induction)  # noqa: E741
    b_V = tuple(model.head_weights(head).b_V for head in previous)
    b_Q, b_K = I.b_Q, I.b_K
    if rung in ("raw", "centred"):
        none = torch.zeros(model.d_head, device=model.device)
        b_Q, b_K, b_V = none, none, (none,) * len(previous)
    values = tuple(read[head.layer] for head in previous)
    return Readings(read[induction.layer], values, b_Q, b_V, b_K)


def _centred(x: Float[Tensor, "token d_model"]) -> Float[Tensor, "token d_model"]:
    return x - x.mean(0)
