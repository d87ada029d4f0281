"""Would other random tokens have found the same heads?"""

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from helpers.inputs import about, sample_repeated_tokens, sample_unrepeated_tokens
from helpers.metrics import (
    induction_score,
    previous_token_score,
    uniform_pattern,
)
from helpers.models import Model
from helpers.results import label_array
from helpers.running import reduce_patterns


def score_stability(
    model: Model, *, n: int = 50, sequences: int = 32, seeds: int = 5, seed: int = 0
) -> xr.Dataset:
    """Scan all heads again with other random tokens, and with tokens that do not repeat.

    The induction score on `[BOS, r, r']`, where r' repeats nothing of r, is the control for
    content: a head that always looks N - 1 places back scores there what it scores on
    `[BOS, r, r]`, one that looks for a repeat does not.

    Args:
        model: The model.
        n: Length N of the repeated half.
        sequences: How many sequences to draw with each seed.
        seeds: How many seeds: seed, seed + 1, …
        seed: The first seed; the control is drawn with seed + seeds.

    Returns:
        Dataset of `induction` and `previous_token` over `seed`, `sequence`, `layer`, `head` and
        `induction_unrepeated` over `sequence`, `layer`, `head`, in [0, 1]. The attribute `chance`
        of each is its value under uniform attention.

    Raises:
        ValueError: If there are no seeds, or N does not fit the model.
    """
    if seeds < 1:
        raise ValueError(f"Need at least one seed, got seeds={seeds}.")
    numbers = range(seed, seed + seeds)
    samples = [
        sample_repeated_tokens(model, n=n, sequences=sequences, seed=number) for number in numbers
    ]
    control = sample_unrepeated_tokens(model, n=n, sequences=sequences, seed=seed + seeds)

    def score(pattern: Float[Tensor, "*lead query key"]) -> Float[Tensor, "*lead score"]:
        return torch.stack([induction_score(pattern, n), previous_token_score(pattern, n)], dim=-1)

    tokens = torch.cat([*(sample.tokens for sample in samples), control])
    scores = reduce_patterns(
        model, tokens, lambda pattern, _rows: score(pattern), label="scanning heads again"
    )
    induction, previous = scores.unflatten(0, (seeds + 1, sequences)).unbind(-1)
    chance = score(uniform_pattern(2 * n + 1)).tolist()
    over, of_seeds = ("sequence", "layer", "head"), {"seed": np.array(numbers)}
    return xr.Dataset(
        {
            "induction": label_array(
                induction[:-1],
                ("seed", *over),
                coords=of_seeds,
                long_name="induction score",
                chance=chance[0],
            ),
            "previous_token": label_array(
                previous[:-1],
                ("seed", *over),
                coords=of_seeds,
                long_name="previous-token score",
                chance=chance[1],
            ),
            "induction_unrepeated": label_array(
                induction[-1],
                over,
                long_name="induction score where nothing repeats",
                chance=chance[0],
            ),
        },
        attrs=about(
            model,
            n=n,
            sequences=sequences,
            seeds=seeds,
            first_seed=seed,
            unrepeated_seed=seed + seeds,
        ),
    )
