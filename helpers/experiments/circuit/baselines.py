"""Would any two heads do? The found pair beside other candidates and random pairs."""

from collections.abc import Iterable, Sequence

import torch
import xarray as xr

from helpers.circuits import (
    Accuracy,
    Rung,
    pick_readings,
    read_by_layer,
    reading_work,
    top_k_accuracy,
    two_head_circuit,
)
from helpers.experiments.circuit.tables import label_accuracies, sample_tokens
from helpers.experiments.provenance import run_attrs
from helpers.heads import Head
from helpers.models import Model
from helpers.progress import track

Pair = tuple[Head, Head]


def score_circuit_baselines(
    model: Model,
    previous: str | Head,
    induction: str | Head,
    *,
    candidates: Iterable[str | Head] = (),
    rungs: Sequence[Rung] = ("raw", "effective"),
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
        rungs: On which rungs of the embedding ladder; see `helpers.circuits.read_by_head`.
        draws: How many random pairs; all there are, if they are fewer.
        tokens: Size of the seeded sample of tokens; the whole vocabulary if it is smaller.
        seed: Seed of the sample and of the random pairs.

    Returns:
        Dataset of `accuracy` over `pair`, `rung`, `along`, `k` and `mrr` over `pair`, `rung`,
        `along`, both in [0, 1]. The coordinate `kind` says for each pair whether it is the
        "pair", a "candidate" or "random"; `random_pairs` of `random_possible` were drawn.

    Raises:
        ValueError: If a head or a rung does not exist or the pair is the wrong way round.
    """
    P, I = (Head.parse(head).check(model.n_layers, model.n_heads) for head in (previous, induction))  # noqa: E741
    others = dict.fromkeys(Head.parse(head) for head in candidates)
    rivals = [(head, I) for head in others if head != P and head.layer < I.layer]
    drawn, possible = _random_pairs(model, (P, I), rivals, draws, seed)
    pairs = [(P, I), *rivals, *drawn]
    ids = sample_tokens(model, tokens, seed)
    layers = sorted({head.layer for pair in pairs for head in pair})

    found: dict[tuple[int, ...], Accuracy] = {}
    matching = len(ids) * model.d_head
    reading = [reading_work(model, layers, rung) for rung in rungs]
    with track(sum(reading) + len(rungs) * len(pairs) * matching, "trying pairs") as bar:
        for column, rung in enumerate(rungs):
            part = bar.part(reading[column])
            read = read_by_layer(model, layers, rung=rung, tokens=ids, track=part)
            for row, (p, i) in enumerate(pairs):
                readings = pick_readings(model, [p], i, read, rung=rung)
                circuit = two_head_circuit(model, p, i, readings=readings)
                found[row, column] = top_k_accuracy(circuit, track=bar.part(matching))
    kinds = ["pair"] + ["candidate"] * len(rivals) + ["random"] * len(drawn)
    labelled = label_accuracies(
        found,
        ("pair", "rung"),
        {"pair": [f"{p} > {i}" for p, i in pairs], "rung": list(rungs)},
        tokens=len(ids),
        of="sampled tokens",
    )
    attrs = {
        **run_attrs(model),
        "tokens": len(ids),
        "seed": seed,
        "random_pairs": len(drawn),
        "random_possible": possible,
    }
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
