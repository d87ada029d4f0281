"""Notebook 3: what does a head look at?"""

from collections.abc import Iterable

import numpy as np
import torch
import xarray as xr

from helpers.experiments.provenance import run_attrs
from helpers.forward import attention_patterns
from helpers.heads import Head, parse_heads
from helpers.models import Model
from helpers.progress import track
from helpers.results import label_array, token_coord
from helpers.tokens import RepeatedTokens, encode_text, label_tokens


def get_attention(
    model: Model,
    source: RepeatedTokens | str,
    heads: str | Head | Iterable[str | Head],
    *,
    sequence: int = 0,
) -> xr.DataArray:
    """Attention patterns of chosen heads on one sequence or one line of text.

    Args:
        model: The model.
        source: Repeated tokens, or a text.
        heads: One head or several, as `Head` or "L5H1".
        sequence: Which sequence of the sample.

    Returns:
        Array over `head_name`, `query`, `key`; entries in [0, 1], NaN above the diagonal, where
        a causal model cannot look. Coordinates `query_token` and `key_token`; with repeated
        tokens the attribute `n` says where the stripe is.

    Raises:
        ValueError: If a head does not exist, or the text is empty or too long.
    """
    chosen = parse_heads(heads)
    if isinstance(source, str):
        tokens, attrs = encode_text(model, source), run_attrs(model)
    else:
        tokens = source.tokens[sequence : sequence + 1]
        attrs = {**run_attrs(model, source), "sequence": sequence}
    patterns = attention_patterns(model, tokens, chosen, track=track)[:, 0]
    possible = torch.ones(patterns.shape[-2:], dtype=torch.bool).tril()
    labels = label_tokens(model, tokens[0])
    positions = np.arange(len(labels))
    return label_array(
        patterns.masked_fill(~possible, torch.nan),
        ("head_name", "query", "key"),
        coords={
            "head_name": [str(head) for head in chosen],
            "query": positions,
            "key": positions,
            **token_coord("query", labels),
            **token_coord("key", labels),
        },
        long_name="attention",
        **attrs,
    )


def get_all_attention(
    model: Model, source: RepeatedTokens | str, *, sequences: int = 1
) -> xr.DataArray:
    """Attention patterns of every head, on the first few sequences or one line of text.

    Args:
        model: The model.
        source: Repeated tokens, or a text.
        sequences: How many sequences of the sample; 144 heads on 101 tokens are 6 MB each.

    Returns:
        Array over `sequence`, `layer`, `head`, `query`, `key`; entries in [0, 1], NaN above the
        diagonal. Coordinates `query_token` and `key_token` over `sequence` and position; with
        repeated tokens the attribute `n` says where the stripe is.

    Raises:
        ValueError: If the sample has fewer sequences, or the text is empty or too long.
    """
    if isinstance(source, str):
        tokens, attrs = encode_text(model, source), run_attrs(model)
    else:
        some = source.first(sequences)
        tokens, attrs = some.tokens, run_attrs(model, some)
    grid = (model.n_layers, model.n_heads)
    heads = [Head(layer, head) for layer in range(grid[0]) for head in range(grid[1])]
    patterns = attention_patterns(model, tokens, heads, track=track).unflatten(0, grid)
    possible = torch.ones(patterns.shape[-2:], dtype=torch.bool).tril()
    labels = [label_tokens(model, line) for line in tokens]
    positions = np.arange(tokens.shape[1])
    return label_array(
        patterns.masked_fill(~possible, torch.nan).movedim(2, 0),
        ("sequence", "layer", "head", "query", "key"),
        coords={
            "query": positions,
            "key": positions,
            "query_token": (("sequence", "query"), labels),
            "key_token": (("sequence", "key"), labels),
        },
        long_name="attention",
        **attrs,
    )
