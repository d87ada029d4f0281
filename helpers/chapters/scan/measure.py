"""Notebook 2: which heads look where an induction head would?"""

from typing import Literal, get_args

import xarray as xr

from helpers.heads import Head
from helpers.inputs import Input, about, fitting_n, read_repeated, sample_repeated_tokens
from helpers.metrics import SCORES, score_pattern, uniform_pattern
from helpers.models import Model
from helpers.results import find_pair, label_array, rank_heads
from helpers.running import reduce_patterns

_NAMES = {
    "induction": "induction score",
    "previous_token": "previous-token score",
    "duplicate_token": "duplicate-token score",
    "attention_sink": "attention resting on BOS",
    "induction_blog": "induction score, the post's diagonal",
}

HeadType = Literal["induction", "previous_token", "duplicate_token"]
HEAD_TYPES: tuple[HeadType, ...] = get_args(HeadType)

SHARE, TIMES_CHANCE = 0.5, 5.0
"""A member of a group scores at least this share of the best head, and this many times chance."""


def score_heads(model: Model, sample: Input) -> xr.Dataset:
    """Score every head for induction, previous token, duplicate token and resting on BOS.

    Never holds more than one layer's patterns.

    Args:
        model: The model.
        sample: Repeated tokens, or a text or ids that are said twice.

    Returns:
        Dataset of one array a score (`induction`, `previous_token`, `duplicate_token`,
        `attention_sink`, `induction_blog`) over `sequence`, `layer`, `head`, in [0, 1]. The
        attribute `chance` of each is its value under uniform attention.
    """
    sample = read_repeated(model, sample)
    n = sample.n
    scores = reduce_patterns(
        model,
        sample.tokens,
        lambda pattern, _rows: score_pattern(pattern, n).movedim(0, -1),
        label="scanning heads",
    )
    uniform = uniform_pattern(2 * n + 1)
    return xr.Dataset(
        {
            name: label_array(
                values,
                ("sequence", "layer", "head"),
                long_name=_NAMES[name],
                chance=float(score(uniform, n)),
            )
            for (name, score), values in zip(SCORES.items(), scores.unbind(-1), strict=True)
        },
        attrs=about(model, sample),
    )


def select_heads(source: Model | xr.Dataset, kind: HeadType = "induction") -> list[Head]:
    """All heads of one type, the best first.

    A head is of a type if it scores at least half of what the best head scores, and at least five
    times what uniform attention would. If no head comes that far the model has none.

    Args:
        source: Result of `score_heads`, or a model: then it is scored on 32 repeated sequences.
        kind: "induction", "previous_token" or "duplicate_token".

    Returns:
        The heads; an empty list if none stands out.

    Raises:
        ValueError: If there is no such type.
    """
    if kind not in HEAD_TYPES:
        raise ValueError(f"Unknown type {kind!r}; there are {', '.join(HEAD_TYPES)}.")
    if isinstance(source, Model):
        n = fitting_n(source)
        scores = score_heads(source, sample_repeated_tokens(source, n=n))
    else:
        scores = source
    ranking = rank_heads(scores, by=kind)
    if "chance" not in scores[kind].attrs:
        raise ValueError(
            "These scores no longer say what chance is: give them as scan.score_heads(model, "
            "sample) returned them, or calculate under xr.set_options(keep_attrs=True)."
        )
    least = max(SHARE * ranking[kind][0], TIMES_CHANCE * scores[kind].attrs["chance"])
    return ranking["head"][ranking[kind] >= least].tolist()


def select_groups(scores: xr.Dataset, *, stand_in: bool = False) -> dict[HeadType, list[Head]]:
    """The induction, previous-token and duplicate-token heads of a model; see `select_heads`.

    Args:
        scores: Result of `score_heads`.
        stand_in: Where no induction or previous-token head stands out, take the one of `find_pair`,
            so that there is something to measure.
    """
    groups: dict[HeadType, list[Head]] = {kind: select_heads(scores, kind) for kind in HEAD_TYPES}
    if stand_in:
        previous, induction = find_pair(scores)
        groups["induction"] = groups["induction"] or [induction]
        groups["previous_token"] = groups["previous_token"] or [previous]
    return groups
