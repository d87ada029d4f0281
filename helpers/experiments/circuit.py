"""Notebook 5: do two heads make the circuit, as far as their weights can tell?"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Int
from torch import Tensor

from helpers.circuits import (
    RUNGS,
    Accuracy,
    candidate_circuits,
    copying_accuracy,
    copying_eigenvalue_score,
    k_composition,
    random_composition,
    read_by_head,
    top_k_accuracy,
    two_head_circuit,
)
from helpers.experiments.provenance import run_attrs
from helpers.heads import Head, parse_heads
from helpers.models import Model
from helpers.progress import silent, track
from helpers.results import label_array
from helpers.tokens import ordinary_tokens

_ALONG = ["keys", "queries"]
_K = [1, 5]


def score_composition(model: Model) -> xr.Dataset:
    """K-composition of every earlier head into every later head, with its random baseline.

    Args:
        model: The model.

    Returns:
        Dataset of `k_composition` over `layer_from`, `head_from`, `layer_to`, `head_to`, in
        [0, 1], NaN where the first head is not in an earlier layer. The attributes `random_mean`
        and `random_sd` are what two random heads of this size score.
    """
    mean, sd = random_composition(model)
    layers, heads = np.arange(model.n_layers), np.arange(model.n_heads)
    scores = label_array(
        k_composition(model),
        ("layer_from", "head_from", "layer_to", "head_to"),
        coords={"layer_from": layers, "head_from": heads, "layer_to": layers, "head_to": heads},
        long_name="K-composition score",
    )
    attrs = {**run_attrs(model), "random_mean": float(mean), "random_sd": float(sd)}
    return xr.Dataset({"k_composition": scores}, attrs=attrs)


def score_two_head_circuit(
    model: Model, pairs: Sequence[tuple[str | Head, str | Head]]
) -> xr.Dataset:
    """Exact accuracy of two-head circuits over the whole vocabulary, with raw W_E as in the post.

    Args:
        model: The model.
        pairs: Pairs (previous-token head, induction head); one named twice counts once.

    Returns:
        Dataset of `accuracy` over `pair` ("L4H11 > L5H5"), `along` ("keys": softmax runs over
        keys, the right one; "queries": what much public code computes) and `k` (1, 5), in
        [0, 1]. The attribute `chance` is top-1 chance, 1 / d_vocab.

    Raises:
        ValueError: If a head does not exist or a pair is the wrong way round.
    """
    parsed = list(dict.fromkeys((Head.parse(p), Head.parse(i)) for p, i in pairs))
    rows = [
        _table(top_k_accuracy(two_head_circuit(model, *pair)))
        for pair in track(parsed, total=len(parsed), label="matching every token with every token")
    ]
    accuracy = label_array(
        torch.stack(rows),
        ("pair", "along", "k"),
        coords={"pair": [f"{p} > {i}" for p, i in parsed], "along": _ALONG, "k": _K},
        long_name="share of tokens that match themselves best",
        chance=1 / model.d_vocab,
    )
    attrs = {**run_attrs(model), "tokens": model.d_vocab}
    return xr.Dataset({"accuracy": accuracy}, attrs=attrs)


def score_candidate_pairs(
    model: Model,
    previous: Iterable[str | Head],
    induction: Iterable[str | Head],
    *,
    tokens: int = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """Accuracy of every candidate pair on a seeded sample of tokens, raw W_E.

    Fewer tokens to be confused with make every number larger than over the whole vocabulary:
    compare pairs with each other and with `chance`, not with the exact number.

    Args:
        model: The model.
        previous: Candidate previous-token heads.
        induction: Candidate induction heads.
        tokens: Size of the sample; the whole vocabulary if it is smaller.
        seed: Seed of the sample.

    Returns:
        Dataset of `accuracy` over `previous_name`, `induction_name`, `along`, `k`; NaN where the
        previous-token head is not in an earlier layer.

    Raises:
        ValueError: If a head does not exist.
    """
    ids = _sample(model, tokens, seed)
    columns, targets = parse_heads(previous), parse_heads(induction)
    accuracy = torch.full((len(columns), len(targets), len(_ALONG), len(_K)), torch.nan)
    pairs = sum(p.layer < i.layer for p in columns for i in targets)
    circuits = candidate_circuits(model, columns, targets, model.W_E[ids.to(model.device)])
    for row, column, circuit in track(circuits, total=pairs, label="trying pairs"):
        accuracy[row, column] = _table(top_k_accuracy(circuit))
    labelled = label_array(
        accuracy,
        ("previous_name", "induction_name", "along", "k"),
        coords={
            "previous_name": [str(head) for head in columns],
            "induction_name": [str(head) for head in targets],
            "along": _ALONG,
            "k": _K,
        },
        long_name=f"share of {len(ids):,} sampled tokens that match themselves best",
        chance=1 / len(ids),
    )
    attrs = {**run_attrs(model), "tokens": len(ids), "seed": seed}
    return xr.Dataset({"accuracy": labelled}, attrs=attrs)


def score_embedding_ladder(
    model: Model,
    previous: str | Head,
    induction: str | Head,
    *,
    tokens: int | None = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """The same circuit fed with what really stands for a token where the heads read.

    Args:
        model: The model.
        previous: Previous-token head.
        induction: Induction head in a later layer.
        tokens: Size of the seeded sample of tokens on which every rung is measured; None for the
            whole vocabulary, whose residual streams are computed once and kept on disk.
        seed: Seed of the sample.

    Returns:
        Dataset of `accuracy` over `rung` ("raw", "normalized", "effective", "centred"), `along`
        and `k`, in [0, 1].

    Raises:
        ValueError: If a head does not exist or the pair is the wrong way round.
    """
    ids = None if tokens is None else _sample(model, tokens, seed)
    size = model.d_vocab if ids is None else len(ids)
    pair = Head.parse(previous), Head.parse(induction)
    rows = []
    for rung in track(RUNGS, total=len(RUNGS), label="climbing the ladder"):
        inner = silent if ids is not None else track
        readings = read_by_head(model, *pair, rung=rung, tokens=ids, track=inner)
        rows.append(_table(top_k_accuracy(two_head_circuit(model, *pair, readings=readings))))
    accuracy = label_array(
        torch.stack(rows),
        ("rung", "along", "k"),
        coords={"rung": list(RUNGS), "along": _ALONG, "k": _K},
        long_name=f"share of {size:,} {'tokens' if ids is None else 'sampled tokens'} "
        "that match themselves best",
        chance=1 / size,
    )
    attrs = {**run_attrs(model), "pair": f"{pair[0]} > {pair[1]}", "tokens": size, "seed": seed}
    return xr.Dataset({"accuracy": accuracy}, attrs=attrs)


def score_copying(model: Model, heads: str | Head | Iterable[str | Head]) -> xr.Dataset:
    """Whether heads, attending to a token, make the model say it.

    Args:
        model: The model.
        heads: One head or several.

    Returns:
        Dataset over `head_name` of `top1`, `top5` (share of the whole vocabulary, in [0, 1]) and
        `eigenvalue` (in [-1, 1]: 1 copies, -1 suppresses).

    Raises:
        ValueError: If a head does not exist.
    """
    chosen = parse_heads(heads)
    shares, values = [], []
    for head in track(chosen, total=len(chosen), label="reading OV circuits"):
        shares.append(copying_accuracy(model, head))
        values.append(copying_eigenvalue_score(model, head))
    coords = {"head_name": [str(head) for head in chosen]}
    chance = 1 / model.d_vocab
    return xr.Dataset(
        {
            "top1": ("head_name", [share.top1 for share in shares], {"chance": chance}),
            "top5": ("head_name", [share.top5 for share in shares], {"chance": 5 * chance}),
            "eigenvalue": ("head_name", values),
        },
        coords=coords,
        attrs={**run_attrs(model), "tokens": model.d_vocab},
    )


def _sample(model: Model, tokens: int, seed: int) -> Int[Tensor, " token"]:
    if tokens < 2:
        raise ValueError(f"A sample needs at least 2 tokens to compare, got {tokens}.")
    words = ordinary_tokens(model)
    generator = torch.Generator().manual_seed(seed)
    return words[torch.randperm(len(words), generator=generator)[:tokens]]


def _table(accuracy: Accuracy) -> Tensor:
    return torch.tensor(
        [
            [accuracy.top1_keys, accuracy.top5_keys],
            [accuracy.top1_queries, accuracy.top5_queries],
        ]
    )
