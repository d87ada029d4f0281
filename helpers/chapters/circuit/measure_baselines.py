"""Would any two heads do? The found pair beside other candidates and random pairs."""

from collections.abc import Iterable, Sequence

import torch
import xarray as xr

from helpers.chapters.circuit.accuracies import label_accuracies, match_tokens, sample_tokens
from helpers.heads import Head
from helpers.inputs import about
from helpers.models import Model
from helpers.weights import Embedding

Pair = tuple[Head, Head]


def score_circuit_baselines(
    model: Model,
    previous: str | Head,
    induction: str | Head,
    *,
    candidates: Iterable[str | Head] = (),
    embeddings: Sequence[Embedding] = ("raw", "effective"),
    draws: int = 20,
    tokens: int = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """The circuit of one pair beside other candidates for its first head and beside random pairs.

    Random pairs are drawn, each at most once, from all pairs of a head of P's layer and a head
    of I's layer, without (P, I) itself and without the candidates: same layers, same sizes, so
    that what they lack is what the pair was chosen for.

    Args:
        model: The model.
        previous: Previous-token head P of the pair.
        induction: Induction head I of the pair, in a later layer.
        candidates: Other previous-token heads to put in P's place; those that are not in an
            earlier layer than I, and P itself, are left out.
        embeddings: What stands for the tokens; see `helpers.weights.read_by_layer`.
        draws: How many random pairs; all there are, if they are fewer.
        tokens: Size of the seeded sample of tokens; the whole vocabulary if it is smaller.
        seed: Seed of the sample and of the random pairs.

    Returns:
        Dataset of `accuracy` over `pair`, `embedding`, `along`, `k` and `mrr` over `pair`,
        `embedding`, `along`, both in [0, 1]. The coordinate `kind` says for each pair whether it
        is the "pair", a "candidate" or "random"; `random_pairs` of `random_possible` were drawn.

    Raises:
        ValueError: If a head or an embedding does not exist or the pair is the wrong way round.
    """
    P, I = model.parse_heads([previous, induction])  # noqa: E741
    others = dict.fromkeys(map(Head.parse, candidates))
    rivals = [(head, I) for head in others if head != P and head.layer < I.layer]
    drawn, possible = _random_pairs(model, (P, I), rivals, draws, seed)
    pairs = [(P, I), *rivals, *drawn]
    ids = sample_tokens(model, tokens, seed)
    found = match_tokens(model, [([p], i) for p, i in pairs], embeddings, tokens=ids)
    kinds = ["pair"] + ["candidate"] * len(rivals) + ["random"] * len(drawn)
    labelled = label_accuracies(
        found,
        ("pair", "embedding"),
        {"pair": [f"{p} > {i}" for p, i in pairs], "embedding": list(embeddings)},
        tokens=len(ids),
        of="sampled tokens",
    )
    attrs = about(
        model, tokens=len(ids), seed=seed, random_pairs=len(drawn), random_possible=possible
    )
    return xr.Dataset(labelled, attrs=attrs).assign_coords(kind=("pair", kinds))


def _random_pairs(
    model: Model, pair: Pair, rivals: Sequence[Pair], draws: int, seed: int
) -> tuple[list[Pair], int]:
    """Random pairs of the same two layers, and how many there were to choose from."""
    every = range(model.n_heads)
    grid = [(Head(pair[0].layer, p), Head(pair[1].layer, i)) for p in every for i in every]
    pool = [other for other in grid if other != pair and other not in rivals]
    generator = torch.Generator().manual_seed(seed)
    picks = torch.randperm(len(pool), generator=generator)[:draws]
    return [pool[place] for place in picks.tolist()], len(pool)
