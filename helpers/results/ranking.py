"""Heads in order of a score, and how firmly they stand there."""

import pandas as pd
import torch
import xarray as xr

from helpers.heads import Head
from helpers.metrics import bootstrap_top
from helpers.results.labels import label_array, summarize
from helpers.results.not_measurable import NotMeasurableError


def rank_heads(scores: xr.Dataset, *, by: str = "induction") -> pd.DataFrame:
    """All heads as a table, the highest score first, with an interval over sequences.

    Args:
        scores: Result of `score_heads`.
        by: Which score to rank by.

    Returns:
        One row a head: `head` (a `Head`), the score, `low` and `high` of its 95 % bootstrap
        interval, then the other scores.

    Raises:
        ValueError: If there is no such score, or it is over other dimensions or all NaN.
    """
    if not isinstance(scores, xr.Dataset):
        raise ValueError("Give the scores: scan.score_heads(model, sample).")
    known = [str(name) for name in scores.data_vars]
    if by not in known:
        raise ValueError(f"No score {by!r}; there are {', '.join(known)}.")
    if not {"sequence", "layer", "head"} <= set(scores[by].dims):
        raise ValueError(
            f"Scores are over sequence, layer and head, these over {scores[by].dims}: give all "
            "that scan.score_heads(model, sample) returned."
        )
    if scores[by].isnull().all():
        raise ValueError(f"There is nothing to rank: every {by} score is NaN.")
    summary = summarize(scores[by])
    means = scores.mean("sequence").stack(flat=("layer", "head"))
    places = means["flat"].to_numpy()
    table = pd.DataFrame(
        {
            "head": [Head(int(layer), int(head)) for layer, head in places],
            by: means[by].to_numpy(),
            "low": summary["low"].stack(flat=("layer", "head")).to_numpy(),
            "high": summary["high"].stack(flat=("layer", "head")).to_numpy(),
            **{str(other): means[other].to_numpy() for other in scores.data_vars if other != by},
        }
    )
    return table.sort_values(by, ascending=False, kind="stable", ignore_index=True)


def find_pair(scores: xr.Dataset) -> tuple[Head, Head]:
    """The candidate circuit: best induction head, best previous-token head in a layer before it.

    Args:
        scores: Result of `score_heads`.

    Returns:
        Previous-token head and induction head.

    Raises:
        NotMeasurableError: If no head past layer 0 is left to be the induction head.
    """
    by_induction = [head for head in rank_heads(scores, by="induction")["head"] if head.layer > 0]
    if not by_induction:
        raise NotMeasurableError("a circuit of two heads takes two layers, the model has one")
    induction = by_induction[0]
    by_previous = rank_heads(scores, by="previous_token")["head"]
    return next(head for head in by_previous if head.layer < induction.layer), induction


def selection_frequency(stability: xr.Dataset, by: str = "induction") -> pd.DataFrame:
    """Every head's score over all seeds, and how often it is the best of all.

    Args:
        stability: Result of `score_stability`.
        by: "induction" or "previous_token".

    Returns:
        One row a head, the highest score first: `head` (a `Head`), the score averaged over all
        seeds and sequences, `low` and `high` of its 95 % bootstrap interval over the pooled
        sequences, `seeds_on_top` (in how many seeds its mean is the largest), `draws_on_top`
        (in what share of bootstrap draws, sequences drawn again within every seed) and, for
        induction, `unrepeated`: the same entries where nothing repeats.

    Raises:
        ValueError: If there is no such score.
    """
    known = [str(name) for name, values in stability.items() if "seed" in values.dims]
    if by not in known:
        raise ValueError(f"No score {by!r} over seeds; there are {', '.join(known)}.")
    scores = stability[by].transpose("seed", "sequence", "layer", "head")
    values = torch.tensor(scores.to_numpy(), dtype=torch.float32)
    pooled = summarize(label_array(values.flatten(0, 1), ("sequence", "layer", "head")))
    by_seed = scores.mean("sequence")
    leads = (by_seed == by_seed.max(("layer", "head"))).sum("seed")
    table = pd.DataFrame(
        {
            "head": [
                Head(int(layer), int(head))
                for layer in scores["layer"].to_numpy()
                for head in scores["head"].to_numpy()
            ],
            by: pooled["mean"].to_numpy().ravel(),
            "low": pooled["low"].to_numpy().ravel(),
            "high": pooled["high"].to_numpy().ravel(),
            "seeds_on_top": leads.to_numpy().ravel(),
            "draws_on_top": bootstrap_top(values).flatten().numpy(),
        }
    )
    control = f"{by}_unrepeated"
    if control in stability:
        still = stability[control].mean("sequence").transpose("layer", "head")
        table["unrepeated"] = still.to_numpy().ravel()
    return table.sort_values(by, ascending=False, kind="stable", ignore_index=True)
