"""Notebook 8: do the heads found on random tokens do the same on text?"""

import numpy as np
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from helpers.heads import Head
from helpers.inputs import Input, about, label_tokens, pick_sequence, read_text
from helpers.metrics import (
    induction_targets,
    text_induction_chance,
    text_induction_score,
)
from helpers.models import Model
from helpers.results import label_array, rank_heads, token_coord
from helpers.running import attention_patterns, reduce_patterns


def score_text_induction(model: Model, text: Input, scores: xr.Dataset) -> xr.Dataset:
    """Score every head for induction on text, beside its score on random tokens.

    text = mean over the tokens that occurred before of the attention to what came after their
    earlier occurrences; see `helpers.metrics.text_induction_score`.

    Args:
        model: The model.
        text: Ordinary text. Sequences in which no token comes twice are left out.
        scores: Result of `score_heads`: what the heads do on random tokens.

    Returns:
        Dataset of `text` over `sequence`, `layer`, `head` and `random` over `layer`, `head`, both
        in [0, 1] with their `chance` as an attribute. Attributes: `repeated`, the share of tokens
        that occurred before, and `head`, the best head on random tokens.

    Raises:
        ValueError: If no token of the text comes twice.
    """
    text = read_text(model, text)
    repeats = induction_targets(text.tokens).any(-1)
    tokens = text.tokens[repeats.any(-1)]
    if not len(tokens):
        raise ValueError("No token of this text comes twice: take longer sequences.")

    def score(pattern: Tensor, rows: slice) -> Float[Tensor, "batch head"]:
        return text_induction_score(pattern, tokens[rows].to(pattern.device)).nanmean(-1)

    result = reduce_patterns(model, tokens, score, label="scanning heads on text")
    random = scores["induction"].mean("sequence", keep_attrs=True)
    return xr.Dataset(
        {
            "text": label_array(
                result,
                ("sequence", "layer", "head"),
                long_name="induction score on text",
                chance=float(text_induction_chance(tokens).nanmean(-1).mean()),
            ),
            "random": random.assign_attrs(long_name="induction score on random tokens"),
        },
        attrs=about(
            model,
            text,
            sequences=len(tokens),
            repeated=float(repeats.float().mean()),
            head=str(rank_heads(scores)["head"][0]),
        ),
    )


def trace_text_induction(
    model: Model, text: Input, head: str | Head, *, sequence: int = 0
) -> xr.DataArray:
    """What one head does at each token of one text.

    Args:
        model: The model.
        text: Ordinary text.
        head: The head.
        sequence: Which sequence.

    Returns:
        Induction score over `position`, in [0, 1], NaN where the token is new; coordinates
        `position_token` and `chance` (what uniform attention would score there).

    Raises:
        ValueError: If the head does not exist.
    """
    text, chosen = read_text(model, text), model.parse_head(head)
    tokens = pick_sequence(text.tokens, sequence)
    (pattern,) = attention_patterns(model, tokens, [chosen])
    score = text_induction_score(pattern, tokens)[0]
    return label_array(
        score,
        ("position",),
        coords={
            "position": np.arange(len(score)),
            "chance": ("position", text_induction_chance(tokens)[0].numpy()),
            **token_coord("position", label_tokens(model, tokens[0])),
        },
        long_name="attention to what came after earlier occurrences",
        **about(
            model,
            text,
            head=str(chosen),
            title=text.titles[sequence] if text.titles else text.source,
        ),
    )
