"""What the circuit experiments share: names on accuracies, samples of tokens, a table to read."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch
import xarray as xr
from jaxtyping import Int
from torch import Tensor

from helpers.heads import Head
from helpers.inputs import shuffle_tokens
from helpers.metrics import wilson_interval
from helpers.models import Model
from helpers.progress import progress
from helpers.results import label_array
from helpers.weights import (
    Accuracy,
    Embedding,
    chance_reciprocal_rank,
    pick_readings,
    read_by_layer,
    top_k_accuracy,
    two_head_circuit,
)

ALONG = ("keys", "queries")
K = (1, 5)


def match_tokens(
    model: Model,
    circuits: Sequence[tuple[Sequence[Head], Head]],
    embeddings: Sequence[Embedding],
    *,
    tokens: Int[Tensor, " token"] | None,
) -> dict[tuple[int, int], Accuracy]:
    """Accuracy of each circuit with each embedding, by their places.

    Args:
        model: The model.
        circuits: Previous-token heads whose keys are summed, and the induction head, of each.
        embeddings: What stands for the tokens; see `helpers.weights.read_by_layer`.
        tokens: Ids of the tokens; the whole vocabulary if not given.

    Raises:
        ValueError: If a head or an embedding does not exist or a circuit is the wrong way round.
    """
    layers = sorted({h.layer for senders, reader in circuits for h in (*senders, reader)})
    found = {}
    for column, embedding in enumerate(embeddings):
        read = read_by_layer(model, layers, embedding=embedding, tokens=tokens)
        steps = progress(circuits, f"matching tokens, {embedding}")
        for row, (senders, reader) in enumerate(steps):
            readings = pick_readings(model, senders, reader, read, embedding=embedding)
            circuit = two_head_circuit(model, senders, reader, readings=readings)
            found[row, column] = top_k_accuracy(circuit)
    return found


def label_accuracies(
    found: Mapping[tuple[int, ...], Accuracy],
    dims: Sequence[str],
    coords: Mapping[str, Any],
    *,
    tokens: int,
    of: str,
) -> dict[str, xr.DataArray]:
    """Accuracies by their place in a grid, as two labelled arrays.

    Args:
        found: Accuracy by place; places that are missing stay NaN.
        dims: Names of the dimensions of the grid.
        coords: Labels along them; the length of each says how large the grid is.
        tokens: How many tokens were compared, for the chance level.
        of: What they are ("tokens", "sampled tokens").

    Returns:
        `accuracy` over the grid, `along` and `k`, and `mrr` over the grid and `along`; the
        attribute `chance` of the first is that of top-1.
    """
    shape = [len(coords[dim]) for dim in dims]
    accuracy = torch.full((*shape, len(ALONG), len(K)), torch.nan, dtype=torch.float32)
    mrr = torch.full((*shape, len(ALONG)), torch.nan, dtype=torch.float32)
    for place, a in found.items():
        rows = [[a.top1_keys, a.top5_keys], [a.top1_queries, a.top5_queries]]
        accuracy[place] = torch.tensor(rows)
        mrr[place] = torch.tensor([a.mrr_keys, a.mrr_queries])
    along = {"along": list(ALONG)}
    return {
        "accuracy": label_array(
            accuracy,
            (*dims, "along", "k"),
            coords={**coords, **along, "k": list(K)},
            long_name=f"share of {of} that match themselves best",
            chance=1 / tokens,
        ),
        "mrr": label_array(
            mrr,
            (*dims, "along"),
            coords={**coords, **along},
            long_name=f"mean of 1 / rank of {of} among all that could match",
            chance=chance_reciprocal_rank(tokens),
        ),
    }


def sample_tokens(model: Model, tokens: int, seed: int) -> Int[Tensor, " token"]:
    """A seeded sample of tokens that stand for text.

    Raises:
        ValueError: If it would be too small to compare anything.
    """
    if tokens < 2:
        raise ValueError(f"A sample needs at least 2 tokens to compare, got {tokens}.")
    return shuffle_tokens(model, torch.Generator().manual_seed(seed))[:tokens]


def tabulate_accuracy(result: xr.Dataset) -> pd.DataFrame:
    """Top-1, top-5 and mean reciprocal rank, along keys and along queries, side by side.

    Args:
        result: Result of `score_two_head_circuit`, `score_embeddings`,
            `score_circuit_baselines` or `score_summed_circuit`.

    Returns:
        One row for each pair, embedding or number of heads, one column for each measure and way;
        `low` and `high` are the ends of Wilson's 95 % interval of top-1 over the tokens; the last
        row is chance.
    """
    accuracy, mrr = result["accuracy"], result["mrr"]
    lead = [str(dim) for dim in mrr.dims if dim != "along"]
    tokens = int(result.attrs["tokens"])
    columns, chance = {}, {}
    for along in ALONG:
        shares = accuracy.sel(along=along)
        measures = {f"top-{k}": (shares.sel(k=k), accuracy.attrs["chance"] * k) for k in K}
        measures["MRR"] = (mrr.sel(along=along), mrr.attrs["chance"])
        for name, (values, level) in measures.items():
            drop = [c for c in values.coords if c not in lead]
            columns[f"along {along}", name] = values.drop_vars(drop).to_series()
            chance[f"along {along}", name] = level
            if name == "top-1":
                top1 = columns[f"along {along}", name]
                for end, which in enumerate(("low", "high")):
                    columns[f"along {along}", which] = top1.map(
                        lambda share, end=end: wilson_interval(min(share, 1.0), tokens)[end],
                        na_action="ignore",
                    )
                    chance[f"along {along}", which] = math.nan
    table = pd.DataFrame(columns).astype(float)
    last = pd.DataFrame([chance], index=["chance"])
    if len(lead) > 1:
        blank = [[""]] * (len(lead) - 1)
        last.index = pd.MultiIndex.from_arrays([["chance"], *blank], names=lead)
    return pd.concat([table, last])
