"""Notebook 1: does the model predict the second half of a repeat?"""

import math

import numpy as np
import pandas as pd
import xarray as xr

from helpers.inputs import Input, about, label_tokens, read_repeated
from helpers.metrics import PARTS, in_context_learning_score, part_slice
from helpers.models import Model
from helpers.results import label_array, summarize, token_coord
from helpers.running import predict


def measure_loss(model: Model, sample: Input) -> xr.Dataset:
    """Log-probability of every token of `[BOS, r, r]`, and whether it was the first choice.

    Args:
        model: The model.
        sample: Repeated tokens, or a text or ids that are said twice.

    Returns:
        Dataset over `sequence` and `position` (1 … 2N):
        `log_prob`: log p(token | those before), nats, at most 0;
        `top1`: 1.0 where the token was the model's first choice, else 0.0;
        `in_context_learning` over `sequence`: end of the second half minus first half, nats.
        Coordinates `part` ("first", "boundary", "second") and `position_token` (of sequence 0).
        The attribute `uniform` is the log-probability of a model that knows nothing.
    """
    sample = read_repeated(model, sample)
    log_prob, top1 = predict(model, sample.tokens, label="predicting")
    n = sample.n
    part = np.empty(2 * n, dtype=object)
    for name in ("first", "boundary", "second"):
        part[part_slice(name, n)] = name
    coords = {
        "position": np.arange(1, 2 * n + 1),
        "part": ("position", part.astype(str)),
        **token_coord("position", label_tokens(model, sample.tokens[0, 1:])),
    }
    dims = ("sequence", "position")
    return xr.Dataset(
        {
            "log_prob": label_array(
                log_prob,
                dims,
                coords=coords,
                long_name="log-probability of the target token",
                units="nats",
            ),
            "top1": label_array(
                top1.float(), dims, coords=coords, long_name="token was the first choice"
            ),
            "in_context_learning": label_array(
                in_context_learning_score(log_prob, n),
                ("sequence",),
                long_name="in-context-learning score",
                units="nats",
            ),
        },
        attrs=about(model, sample, uniform=-math.log(model.d_vocab)),
    )


def summarize_loss(loss: xr.Dataset) -> pd.DataFrame:
    """Mean log-probability and accuracy of each part, with intervals over sequences.

    Args:
        loss: Result of `measure_loss`.

    Returns:
        One row a part ("first", "boundary", "second", "second_blog"): number of targets, `log_prob`
        and `accuracy` with `_low` and `_high` of a 95 % bootstrap interval. With one sequence
        there is no interval: NaN.
    """
    n = int(loss.attrs["n"])
    rows = []
    for part in PARTS:
        cut = loss.isel(position=part_slice(part, n))
        row: dict[str, object] = {"part": part, "targets": cut.sizes["position"]}
        for column, name in (("log_prob", "log_prob"), ("accuracy", "top1")):
            per_sequence = cut[name].mean("position")
            interval = summarize(per_sequence)
            row[column] = float(per_sequence.mean())
            several = per_sequence.sizes["sequence"] > 1
            for end in ("low", "high"):
                row[f"{column}_{end}"] = float(interval[end]) if several else math.nan
        rows.append(row)
    return pd.DataFrame(rows).set_index("part")
