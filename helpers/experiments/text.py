"""Notebook 8: do the heads found on random tokens do the same on text?"""

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from helpers.experiments.provenance import text_attrs
from helpers.forward import Observer, attention_patterns, observe
from helpers.heads import Head
from helpers.metrics import (
    induction_targets,
    text_induction_chance,
    text_induction_score,
)
from helpers.models import Model, Site
from helpers.progress import track
from helpers.results import label_array, rank_heads, token_coord
from helpers.texts import TextSample
from helpers.tokens import label_tokens


def score_text_induction(model: Model, text: TextSample, scores: xr.Dataset) -> xr.Dataset:
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
    repeats = induction_targets(text.tokens).any(-1)
    tokens = text.tokens[repeats.any(-1)]
    if not len(tokens):
        raise ValueError("No token of this text comes twice: take longer sequences.")
    result = torch.zeros(len(tokens), model.n_layers, model.n_heads)

    def observer(layer: int) -> Observer:
        def keep(rows: slice, pattern: Tensor) -> None:
            score = text_induction_score(pattern, tokens[rows].to(pattern.device))
            result[rows, layer] = score.nanmean(-1).cpu()

        return keep

    sites = {Site("pattern", layer): observer(layer) for layer in range(model.n_layers)}
    observe(model, tokens, sites, track=track, label="scanning heads on text")
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
        attrs={
            **text_attrs(model, text),
            "sequences": len(tokens),
            "repeated": float(repeats.float().mean()),
            "head": str(rank_heads(scores)["head"][0]),
        },
    )


def trace_text_induction(
    model: Model, text: TextSample, head: Head, *, sequence: int = 0
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
    tokens = text.tokens[sequence : sequence + 1]
    (pattern,) = attention_patterns(model, tokens, [head], track=track)
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
        **{
            **text_attrs(model, text),
            "head": str(head),
            "title": text.titles[sequence] if text.titles else text.source,
        },
    )
