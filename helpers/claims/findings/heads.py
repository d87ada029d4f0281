"""What heads look at and what is lost without them."""

import math

import numpy as np
import xarray as xr

from helpers.claims.findings.parts import Finding, Results, number_of
from helpers.claims.numbers import Number
from helpers.heads import Head
from helpers.stability import share_on_top


def top_head(results: Results) -> Finding:
    """E1: chosen on the first seed, measured on the others."""
    data = results["stability"]
    scores = data["induction"].transpose("seed", "sequence", "layer", "head")
    choice = scores.isel(seed=0).mean("sequence")
    layer, head = np.unravel_index(int(choice.to_numpy().argmax()), choice.shape)
    held_out = scores.isel(seed=slice(1, None)) if scores.sizes["seed"] > 1 else scores
    pooled = held_out.stack(pool=("seed", "sequence")).transpose("pool", "layer", "head")
    number = number_of(pooled.isel(layer=layer, head=head).to_numpy())
    means = pooled.mean("pool").to_numpy().copy()
    means[layer, head] = np.nan
    band = float(np.nanquantile(means, 0.975))
    still = float(data["induction_unrepeated"].isel(layer=layer, head=head).mean())
    return Finding(
        number,
        {"other heads, 97.5 %": band, "where nothing repeats": still},
        number.low > band and number.low > 3 * still,
        str(Head(int(layer), int(head))),
    )


def same_head(results: Results) -> Finding:
    """E2: how often the top head is the top head."""
    table = share_on_top(results["stability"], by="induction")
    best = table.iloc[0]
    still = float(best["unrepeated"])
    share = float(best["draws_on_top"])
    return Finding(
        Number(share),
        {
            "seeds on top": float(best["seeds_on_top"]) / results["stability"].sizes["seed"],
            "chance": 1 / len(table),
        },
        share >= 0.9 and float(best["low"]) > 3 * still,
        str(best["head"]),
    )


def layer_difference(layers: xr.Dataset, component: str, more: str, less: str) -> Finding:
    """E3, E4: mean ablation, averaged over layers from 1 on; independent samples."""
    effect = layers["effect"].sel(component=component, removal="mean").isel(layer=slice(1, None))
    per_sequence = effect.mean("layer")
    a, b = (per_sequence.sel(input=name).to_numpy() for name in (more, less))
    number = number_of(a - b)
    return Finding(
        number, {more: float(a.mean()), less: float(b.mean())}, number.low > 0.02, "layers 1 on"
    )


def removal(removed: xr.Dataset, group: str, method: str) -> Finding:
    """E10-E12, E14: second-half loss without a group."""
    if group not in removed["group"].to_numpy():
        return Finding(Number(math.nan), {}, False, "no such head stands out in this model")
    one = removed.sel(group=group, removal=method)
    number = number_of(one["effect"].sel(input="second half"))
    band = float(np.quantile(one["random"].sel(input="second half").to_numpy(), 0.975))
    return Finding(
        number,
        {"random heads, 97.5 %": band},
        number.low > band and number.low > 0.1,
        str(one["heads"].item()),
    )


def spared(results: Results) -> Finding:
    """E13: the same removal on the controls."""
    removed = results["removed_groups"]
    if "induction" not in removed["group"].to_numpy():
        return Finding(Number(math.nan), {}, False, "no such head stands out in this model")
    one = removed.sel(group="induction", removal="mean")
    number, first, text = (
        number_of(one["effect"].sel(input=name)) for name in ("second half", "first half", "text")
    )
    most = max(abs(end) for each in (first, text) for end in (each.low, each.high))
    return Finding(
        number,
        {"first half": first.value, "text": text.value},
        number.low > 0.1 and most < number.value / 10,
        str(one["heads"].item()),
    )


def direct_logits(results: Results) -> Finding:
    """E18: summed over the induction group."""
    data = results["direct_logits"]
    if "induction" not in data["group"].to_numpy():
        return Finding(Number(math.nan), {}, False, "no such head stands out in this model")
    one = data.sel(group="induction")
    number = number_of(one["together"])
    band = float(np.quantile(one["random"].to_numpy(), 0.975))
    return Finding(
        number,
        {"random heads, 97.5 %": band, "whole logit": float(data["total"].mean())},
        number.low > band and number.low > 0.1,
        str(one["heads"].item()),
    )
