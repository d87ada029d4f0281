"""Looking into a run: attention patterns and activations, with names on them."""

from collections.abc import Iterable

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from helpers.arguments import check_whole
from helpers.heads import Head
from helpers.inputs import Input, Sample, about, label_tokens, pick_sequence, read_tokens
from helpers.models import Model, Part, check_model
from helpers.results import label_array, token_coord
from helpers.running.collect import attention_patterns, collect


def get_attention(
    model: Model,
    source: Input,
    heads: str | Head | Iterable[str | Head],
    *,
    sequence: int = 0,
) -> xr.DataArray:
    """Attention patterns of chosen heads on one sequence.

    Args:
        model: The model.
        source: A text, token ids or a sample.
        heads: One head or several, as `Head` or "L5H1".
        sequence: Which sequence, if there are several.

    Returns:
        Array over `head_name`, `query`, `key`; entries in [0, 1], NaN above the diagonal, where
        a causal model cannot look. Coordinates `query_token` and `key_token`; with repeated
        tokens the attribute `n` says where the stripe is.

    Raises:
        ValueError: If a head does not exist, or the input cannot be read.
    """
    check_model(model)
    chosen = model.parse_heads(heads)
    tokens = read_tokens(model, source)
    several = {"sequence": sequence} if isinstance(source, Sample) else {}
    patterns = attention_patterns(model, pick_sequence(tokens, sequence), chosen)[:, 0]
    labels = label_tokens(model, tokens[sequence])
    positions = np.arange(len(labels))
    return label_array(
        _blank(patterns),
        ("head_name", "query", "key"),
        coords={
            "head_name": [str(head) for head in chosen],
            "query": positions,
            "key": positions,
            **token_coord("query", labels),
            **token_coord("key", labels),
        },
        long_name="attention",
        **about(model, source),
        **several,
    )


def get_all_attention(model: Model, source: Input, *, sequences: int = 1) -> xr.DataArray:
    """Attention patterns of every head, on the first few sequences.

    Args:
        model: The model.
        source: A text, token ids or a sample.
        sequences: How many of its sequences; 144 heads on 101 tokens are 6 MB each.

    Returns:
        Array over `sequence`, `layer`, `head`, `query`, `key`; entries in [0, 1], NaN above the
        diagonal. Coordinates `query_token` and `key_token` over `sequence` and position; with
        repeated tokens the attribute `n` says where the stripe is.

    Raises:
        ValueError: If there are fewer sequences, or the input cannot be read.
    """
    every = read_tokens(model, source)
    check_whole(sequences=sequences)
    if not 1 <= sequences <= len(every):
        raise ValueError(f"Asked for {sequences} sequences of {len(every)}.")
    tokens = every[:sequences]
    grid = (model.n_layers, model.n_heads)
    patterns = attention_patterns(model, tokens, model.heads()).unflatten(0, grid)
    labels = [label_tokens(model, line) for line in tokens]
    positions = np.arange(tokens.shape[1])
    return label_array(
        _blank(patterns).movedim(2, 0),
        ("sequence", "layer", "head", "query", "key"),
        coords={
            "query": positions,
            "key": positions,
            "query_token": (("sequence", "query"), labels),
            "key_token": (("sequence", "key"), labels),
        },
        long_name="attention",
        **{**about(model, source), "sequences": sequences},
    )


def activations(model: Model, source: Input, part: str | Part) -> xr.DataArray:
    """What a part of the model writes, or any other activation, at every position.

    Args:
        model: The model.
        source: A text, token ids or a sample.
        part: "L5H1" (what the head gathered, before W_O), "L3.mlp", "L3.attn", or a `Site`.

    Returns:
        Array over `sequence`, `position` and `d` (d_head for a head, d_model for what a layer
        writes and the residual stream); queries, keys, values and z of all heads over `sequence`,
        `position`, `d` (the head), `e`; a pattern over `sequence`, `head`, `query`, `key`.

    Raises:
        ValueError: If the part does not exist, or the input cannot be read.
    """
    tokens = read_tokens(model, source)
    chosen, site = model.parse_activation(part)
    value = collect(model, tokens, {site: lambda found, _rows: found.clone()})[site]
    if isinstance(chosen, Head):
        value = value[:, :, chosen.head]
    dims = ("sequence", "position", "d", "e")[: value.ndim]
    coords = {"position": np.arange(tokens.shape[1])}
    if site.kind == "pattern":
        dims, coords = ("sequence", "head", "query", "key"), {}
    return label_array(
        value, dims, coords=coords, long_name=f"activation of {chosen}", **about(model, source)
    )


def _blank(patterns: Tensor) -> Tensor:
    """NaN above the diagonal."""
    possible = torch.ones(patterns.shape[-2:], dtype=torch.bool).tril()
    return patterns.masked_fill(~possible, torch.nan)
