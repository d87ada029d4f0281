"""Does the product of two heads' weights match tokens with themselves?"""

from collections.abc import Iterable, Sequence

import xarray as xr

from helpers.circuits import (
    RUNGS,
    Accuracy,
    candidate_circuits,
    read_by_head,
    reading_work,
    top_k_accuracy,
    two_head_circuit,
)
from helpers.experiments.circuit.tables import label_accuracies, sample_tokens
from helpers.experiments.provenance import run_attrs
from helpers.heads import Head, parse_heads
from helpers.models import Model
from helpers.progress import track


def score_two_head_circuit(
    model: Model, pairs: Sequence[tuple[str | Head, str | Head]]
) -> xr.Dataset:
    """Exact accuracy of two-head circuits over the whole vocabulary, with raw W_E as in the post.

    Args:
        model: The model.
        pairs: Pairs (previous-token head, induction head); one named twice counts once.

    Returns:
        Dataset of `accuracy` over `pair` ("L4H11 > L5H5"), `along` ("keys": softmax runs over
        keys, the right one; "queries": what much public code computes) and `k` (1, 5), and of
        `mrr`, the mean reciprocal rank, over `pair` and `along`; in [0, 1]. The attributes
        `chance` are that of top-1, 1 / d_vocab, and that of `mrr`, H(d_vocab) / d_vocab.

    Raises:
        ValueError: If a head does not exist or a pair is the wrong way round.
    """
    parsed = list(dict.fromkeys((Head.parse(p), Head.parse(i)) for p, i in pairs))
    with track(len(parsed), "matching every token with every token") as bar:
        found: dict[tuple[int, ...], Accuracy] = {
            (row,): top_k_accuracy(two_head_circuit(model, *pair), track=bar.part(1))
            for row, pair in enumerate(parsed)
        }
    names = [f"{p} > {i}" for p, i in parsed]
    labelled = label_accuracies(
        found, ("pair",), {"pair": names}, tokens=model.d_vocab, of="tokens"
    )
    return xr.Dataset(labelled, attrs={**run_attrs(model), "tokens": model.d_vocab})


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
        Dataset of `accuracy` over `previous_name`, `induction_name`, `along`, `k` and of `mrr`,
        the mean reciprocal rank, over the first three; NaN where the previous-token head is not
        in an earlier layer.

    Raises:
        ValueError: If a head does not exist.
    """
    ids = sample_tokens(model, tokens, seed)
    columns, targets = parse_heads(previous), parse_heads(induction)
    pairs = sum(p.layer < i.layer for p in columns for i in targets)
    circuits = candidate_circuits(model, columns, targets, model.W_E[ids.to(model.device)])
    with track(pairs, "trying pairs") as bar:
        found: dict[tuple[int, ...], Accuracy] = {
            (row, column): top_k_accuracy(circuit, track=bar.part(1))
            for row, column, circuit in circuits
        }
    labelled = label_accuracies(
        found,
        ("previous_name", "induction_name"),
        {
            "previous_name": [str(head) for head in columns],
            "induction_name": [str(head) for head in targets],
        },
        tokens=len(ids),
        of="sampled tokens",
    )
    return xr.Dataset(labelled, attrs={**run_attrs(model), "tokens": len(ids), "seed": seed})


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
        and `k`, and of `mrr`, the mean reciprocal rank, over the first two; in [0, 1].

    Raises:
        ValueError: If a head does not exist or the pair is the wrong way round.
    """
    ids = None if tokens is None else sample_tokens(model, tokens, seed)
    size = model.d_vocab if ids is None else len(ids)
    pair = Head.parse(previous), Head.parse(induction)
    found: dict[tuple[int, ...], Accuracy] = {}
    matching = size * model.d_head
    reading = [reading_work(model, [head.layer for head in pair], rung) for rung in RUNGS]
    with track(sum(reading) + len(RUNGS) * matching, "climbing the ladder") as bar:
        for row, rung in enumerate(RUNGS):
            part = bar.part(reading[row])
            readings = read_by_head(model, *pair, rung=rung, tokens=ids, track=part)
            circuit = two_head_circuit(model, *pair, readings=readings)
            found[(row,)] = top_k_accuracy(circuit, track=bar.part(matching))
    labelled = label_accuracies(
        found,
        ("rung",),
        {"rung": list(RUNGS)},
        tokens=size,
        of="tokens" if ids is None else "sampled tokens",
    )
    attrs = {**run_attrs(model), "pair": f"{pair[0]} > {pair[1]}", "tokens": size, "seed": seed}
    return xr.Dataset(labelled, attrs=attrs)
