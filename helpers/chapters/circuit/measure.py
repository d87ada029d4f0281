"""Does the product of two heads' weights match tokens with themselves?"""

from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr

from helpers.chapters.circuit.accuracies import label_accuracies, match_tokens, sample_tokens
from helpers.heads import Head
from helpers.inputs import about
from helpers.models import Model
from helpers.results import label_array
from helpers.weights import EMBEDDINGS, k_composition, random_composition


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
        k_composition(model, label="composing heads"),
        ("layer_from", "head_from", "layer_to", "head_to"),
        coords={"layer_from": layers, "head_from": heads, "layer_to": layers, "head_to": heads},
        long_name="K-composition score",
    )
    attrs = about(model, random_mean=float(mean), random_sd=float(sd))
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
        keys, the right one; "queries": what much public code computes) and `k` (1, 5), and of
        `mrr`, the mean reciprocal rank, over `pair` and `along`; in [0, 1]. The attributes
        `chance` are that of top-1, 1 / d_vocab, and that of `mrr`, H(d_vocab) / d_vocab.

    Raises:
        ValueError: If a head does not exist or a pair is the wrong way round.
    """
    parsed = list(dict.fromkeys((Head.parse(p), Head.parse(i)) for p, i in pairs))
    found = match_tokens(model, [([p], i) for p, i in parsed], ["raw"], tokens=None)
    labelled = label_accuracies(
        {(row,): accuracy for (row, _), accuracy in found.items()},
        ("pair",),
        {"pair": [f"{p} > {i}" for p, i in parsed]},
        tokens=model.d_vocab,
        of="tokens",
    )
    return xr.Dataset(labelled, attrs=about(model, tokens=model.d_vocab))


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
    columns, targets = model.parse_heads(previous), model.parse_heads(induction)
    places = [
        (row, column)
        for row, p in enumerate(columns)
        for column, i in enumerate(targets)
        if p.layer < i.layer
    ]
    circuits = [([columns[row]], targets[column]) for row, column in places]
    found = match_tokens(model, circuits, ["raw"], tokens=ids)
    labelled = label_accuracies(
        {places[row]: accuracy for (row, _), accuracy in found.items()},
        ("previous_name", "induction_name"),
        {
            "previous_name": [str(head) for head in columns],
            "induction_name": [str(head) for head in targets],
        },
        tokens=len(ids),
        of="sampled tokens",
    )
    return xr.Dataset(labelled, attrs=about(model, tokens=len(ids), seed=seed))


def score_embeddings(
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
        tokens: Size of the seeded sample of tokens on which every embedding is measured; None for
            the whole vocabulary, whose residual streams are computed once and kept on disk.
        seed: Seed of the sample.

    Returns:
        Dataset of `accuracy` over `embedding` ("raw", "normalized", "effective", "read",
        "centred"), `along` and `k`, and of `mrr`, the mean reciprocal rank, over the first two;
        in [0, 1].

    Raises:
        ValueError: If a head does not exist or the pair is the wrong way round.
    """
    ids = None if tokens is None else sample_tokens(model, tokens, seed)
    size = model.d_vocab if ids is None else len(ids)
    pair = Head.parse(previous), Head.parse(induction)
    found = match_tokens(model, [([pair[0]], pair[1])], EMBEDDINGS, tokens=ids)
    labelled = label_accuracies(
        {(column,): accuracy for (_, column), accuracy in found.items()},
        ("embedding",),
        {"embedding": list(EMBEDDINGS)},
        tokens=size,
        of="tokens" if ids is None else "sampled tokens",
    )
    attrs = about(model, pair=f"{pair[0]} > {pair[1]}", tokens=size, seed=seed)
    return xr.Dataset(labelled, attrs=attrs)
