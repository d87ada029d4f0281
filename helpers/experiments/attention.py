"""Notebook 3: what does a head look at?"""

from collections.abc import Iterable

import numpy as np
import torch
import xarray as xr

from helpers.experiments.provenance import run_attrs
from helpers.forward import attention_patterns
from helpers.heads import Head, parse_heads
from helpers.models import Model
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
    patterns = attention_patterns(model, tokens, chosen)[:, 0]
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
