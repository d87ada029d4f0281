"""How firmly a head stands at the top of a ranking."""

import pandas as pd
import torch
import xarray as xr

from helpers.heads import Head
from helpers.metrics import bootstrap_top
from helpers.results import label_array, summarize


def share_on_top(stability: xr.Dataset, by: str = "induction") -> pd.DataFrame:
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
