"""What the weights say, and which path carries it."""

import math

import numpy as np
import xarray as xr

from helpers.claims.findings.parts import Finding, Results, number_of, share_of
from helpers.claims.numbers import COMPOSITION, SCORES, Number
from helpers.results import find_pair


def composition(results: Results) -> Finding:
    """E5: the found pair among all earlier heads."""
    data = results[COMPOSITION]
    previous, induction = find_pair(results[SCORES])
    into = data["k_composition"].sel(layer_to=induction.layer, head_to=induction.head)
    earlier = into.sel(layer_from=slice(0, induction.layer - 1)).to_numpy().ravel()
    own = float(into.sel(layer_from=previous.layer, head_from=previous.head))
    band = float(data.attrs["random_mean"]) + 2 * float(data.attrs["random_sd"])
    others = float(np.quantile(earlier, 0.95))
    return Finding(
        Number(own),
        {"random matrices, mean + 2 sd": band, "earlier heads, 95 %": others},
        own > band and own > others,
        f"{previous} > {induction}",
    )


def ladder(results: Results) -> Finding:
    """E6: effective against raw."""
    data = results["ladder"]
    accuracy = data["accuracy"].sel(k=1, along="keys")
    tokens = int(data.attrs["tokens"])
    raw = float(accuracy.sel(rung="raw"))
    number = share_of(float(accuracy.sel(rung="effective")), tokens)
    return Finding(
        number,
        {
            "raw W_E": raw,
            "centred rung (not in the rule)": float(accuracy.sel(rung="centred")),
            "chance": 1 / tokens,
        },
        number.low >= 2 * raw and number.low >= 10 / tokens,
        str(data.attrs["pair"]),
    )


def pair_against_random(results: Results) -> Finding:
    """E7: the pair beside random pairs of the same layers."""
    data = results["circuit_baselines"]
    accuracy = data["accuracy"].sel(k=1, along="keys", rung="effective")
    kinds = data["kind"].to_numpy()
    tokens = int(data.attrs["tokens"])
    values = accuracy.to_numpy()
    number = share_of(float(values[kinds == "pair"][0]), tokens)
    band = float(np.quantile(values[kinds == "random"], 0.975))
    rivals = values[kinds == "candidate"]
    best = float(rivals.max()) if len(rivals) else math.nan
    return Finding(
        number,
        {"random pairs, 97.5 %": band, "best other candidate": best, "chance": 1 / tokens},
        number.low > band and number.low > 10 / tokens,
        str(data["pair"].to_numpy()[kinds == "pair"][0]),
    )


def summed(results: Results) -> Finding:
    """E8: keys summed over several previous-token heads."""
    data = results["circuit_summed"]
    accuracy = data["accuracy"].sel(k=1, along="keys", rung="effective")
    tokens = int(data.attrs["tokens"])
    one = float(accuracy.isel(summed=0))
    if accuracy.sizes["summed"] < 2:
        return Finding(Number(math.nan), {"one head": one}, False, "there is one such head only")
    several = accuracy.isel(summed=slice(1, None))
    best = int(several.to_numpy().argmax())
    number = share_of(float(several[best]), tokens)
    added = data["added"].to_numpy()[: best + 2].tolist()
    return Finding(
        number,
        {"one head": one, "chance": 1 / tokens},
        number.low > one and number.low > 10 / tokens,
        f"{' + '.join(added)} > {data.attrs['induction']}",
    )


def copying(results: Results) -> Finding:
    """E9: the group's summed OV circuit."""
    data = results["copying_group"]
    value, top1 = float(data["eigenvalue"]), float(data["top1"])
    band = float(data["random"].quantile(0.975))
    chance = float(data["top1"].attrs["chance"])
    return Finding(
        Number(value),
        {"random groups, 97.5 %": band, "top-1 share": top1, "its chance": chance},
        value > band and top1 > 10 * chance,
        str(data.attrs["heads"]),
    )


def dependence(results: Results) -> Finding:
    """E15: induction score of the first watched head without the previous-token head."""
    data = results["dependence"].isel(head_name=0)
    clean = data["score"].sel(removed="nothing")
    number = number_of(((clean - data["score"].isel(removed=1)) / clean.mean()).to_numpy())
    few = data["random"].sel(removed="nothing")
    lost = 1 - data["random"].isel(removed=1) / few
    most = float(np.quantile(lost.to_numpy(), 0.975))
    return Finding(
        number,
        {"random heads, 97.5 %": most},
        number.low >= 0.5 and most < 0.5,
        f"{data['removed'].to_numpy()[1]} > {data['head_name'].item()}",
    )


def key_path(cuts: xr.Dataset, way: str) -> Finding:
    """E16, E17: which input of the first watched head carries the score."""
    data = cuts["score"].sel(way=way).isel(head_name=0)
    clean = data.sel(cut="nothing")
    lost = {
        cut: ((clean - data.sel(cut=cut)) / clean.mean()).to_numpy() for cut in ("key", "query")
    }
    number, query = number_of(lost["key"]), number_of(lost["query"])
    return Finding(
        number,
        {"query cut": query.value},
        number.low >= 0.5 and query.high < 0.25,
        f"{cuts.attrs['senders']} > {data['head_name'].item()}",
    )


def faithfulness(results: Results) -> Finding:
    """E19: the last circuit that was kept."""
    data = results["faithfulness"].transpose("kept", ...)
    loss = data["loss"].transpose("kept", "sequence")
    whole, none = (float(loss.sel(kept=name).mean()) for name in ("all heads", "no heads"))
    gain = none - whole
    if gain < 0.5:
        return Finding(Number(math.nan), {"gain of the whole model": gain}, False, "no gain")
    number = number_of(((none - loss.isel(kept=-1)) / gain).to_numpy())
    random = (none - data["random"].isel(kept=-1).to_numpy()) / gain
    band = float(np.quantile(random, 0.975))
    size, every = int(data["size"][-1]), int(data["size"].sel(kept="all heads"))
    return Finding(
        number,
        {"random heads, 97.5 %": band, "gain of the whole model": gain},
        number.low >= 0.5 and number.low > band,
        f"{size} of {every} heads",
    )
