"""What stands for a token where a head reads: a ladder from raw W_E to what is really there."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.circuits.residuals import token_residuals
from helpers.heads import Head
from helpers.models import Model
from helpers.progress import Track, silent

Rung = Literal["raw", "normalized", "effective", "centred"]
RUNGS: tuple[Rung, ...] = get_args(Rung)


@dataclass(frozen=True)
class Readings:
    """The vectors that two heads read for each token, and the biases that go with them.

    Args:
        query: What the induction head makes its query from.
        value: What the previous-token head makes its value from.
        b_Q: Bias of the query; 0 if the rung leaves biases out.
        b_V: Bias of the value, likewise.
        b_K: Bias of the key, likewise.
    """

    query: Float[Tensor, "token d_model"]
    value: Float[Tensor, "token d_model"]
    b_Q: Float[Tensor, " d_head"]
    b_V: Float[Tensor, " d_head"]
    b_K: Float[Tensor, " d_head"]


def read_by_head(
    model: Model,
    previous: Head,
    induction: Head,
    *,
    rung: Rung = "raw",
    tokens: Int[Tensor, " token"] | None = None,
    track: Track = silent,
) -> Readings:
    """What the two heads of the circuit read for each token, on one rung of the ladder.

    | rung       | query and value are made from                                           |
    |------------|-------------------------------------------------------------------------|
    | raw        | W_E, no biases (the post)                                               |
    | normalized | W_E through each head's LayerNorm, with biases                          |
    | effective  | residual after block 0 of `[BOS, token]`, through LayerNorm, with biases|
    | centred    | residual of `[BOS, token]` where each head reads, through LayerNorm,    |
    |            | minus its mean over tokens, no biases                                   |

    Args:
        model: The model.
        previous: The head that writes the token into the place after it.
        induction: The head that looks for the token.
        rung: See above.
        tokens: Ids of the tokens; the whole vocabulary if not given.
        track: Shows how far the runs have come, on the rungs that need any.

    Returns:
        Vectors for each token, in the order of `tokens`.

    Raises:
        ValueError: If the rung is unknown or a head does not exist.
    """
    if rung not in RUNGS:
        raise ValueError(f"Unknown rung {rung!r}; the ladder is {', '.join(RUNGS)}.")
    P, I = model.head_weights(previous), model.head_weights(induction)  # noqa: E741
    none = torch.zeros(model.d_head, device=model.device)
    if rung == "centred":
        before = token_residuals(
            model, [induction.layer, previous.layer], tokens=tokens, track=track
        )
        query, value = (
            _centred(model.normalize(residual, head.layer))
            for residual, head in zip(before, (induction, previous), strict=True)
        )
        return Readings(query, value, none, none, none)
    if rung == "effective":
        (E,) = token_residuals(model, [1], tokens=tokens, track=track)
    else:
        E = model.W_E if tokens is None else model.W_E[tokens.to(model.device)]
    if rung == "raw":
        return Readings(E, E, none, none, none)
    return Readings(
        model.normalize(E, induction.layer), model.normalize(E, previous.layer), I.b_Q, P.b_V, I.b_K
    )


def _centred(x: Float[Tensor, "token d_model"]) -> Float[Tensor, "token d_model"]:
    return x - x.mean(0)
