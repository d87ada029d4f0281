"""Notebook 2: which heads look where an induction head would?"""

import xarray as xr

from helpers.experiments.provenance import run_attrs
from helpers.forward import reduce_patterns
from helpers.metrics import SCORES, score_pattern, uniform_pattern
from helpers.models import Model
from helpers.progress import track
from helpers.results import label_array
from helpers.tokens import RepeatedTokens

_NAMES = {
    "induction": "induction score",
    "previous_token": "previous-token score",
    "duplicate_token": "duplicate-token score",
    "bos_rest": "attention resting on BOS",
    "induction_blog": "induction score, the post's diagonal",
}


def score_heads(model: Model, sample: RepeatedTokens) -> xr.Dataset:
    """Score every head for induction, previous token, duplicate token and resting on BOS.

    Never holds more than one layer's patterns.

    Args:
        model: The model.
        sample: Repeated tokens.

    Returns:
        Dataset of one array a score (`induction`, `previous_token`, `duplicate_token`,
        `bos_rest`, `induction_blog`) over `sequence`, `layer`, `head`, in [0, 1]. The attribute
        `chance` of each is its value under uniform attention.
    """
    n = sample.n
    scores = reduce_patterns(model, sample.tokens, lambda p: score_pattern(p, n), track=track)
    uniform = uniform_pattern(2 * n + 1)
    return xr.Dataset(
        {
            name: label_array(
                values,
                ("sequence", "layer", "head"),
                long_name=_NAMES[name],
                chance=float(score(uniform, n)),
            )
            for (name, score), values in zip(SCORES.items(), scores, strict=True)
        },
        attrs=run_attrs(model, sample),
    )
