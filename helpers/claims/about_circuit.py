"""What the weights say, and which path carries it."""

import math

import numpy as np
import xarray as xr

from helpers.chapters.circuit import say_unread
from helpers.claims.evidence import Finding, claim, nothing
from helpers.claims.numbers import Number, mean_of, share_of, upper
from helpers.results import find_pair


@claim(
    "E5",
    "circuit",
    needs=("composition", "scores"),
    says="the previous-token head's output reaches the induction head's keys by its weights",
    number="K-composition of the found pair (exact: nothing is sampled)",
    otherwise="by their weights these two heads are no more connected than others: the message "
    "may be rewritten on its way, by the first MLP for example",
)
def composition(composed: xr.Dataset, scores: xr.Dataset) -> Finding:
    """above the random matrices' mean + 2 sd, and above 95 % of all earlier heads"""
    previous, induction = find_pair(scores)
    into = composed["k_composition"].sel(layer_to=induction.layer, head_to=induction.head)
    earlier = into.sel(layer_from=slice(0, induction.layer - 1)).to_numpy().ravel()
    own = float(into.sel(layer_from=previous.layer, head_from=previous.head))
    band = float(composed.attrs["random_mean"]) + 2 * float(composed.attrs["random_sd"])
    others = float(np.quantile(earlier, 0.95))
    return Finding(
        Number(own),
        {"random matrices, mean + 2 sd": band, "earlier heads, 95 %": others},
        own > band and own > others,
        f"{previous} > {induction}",
    )


@claim(
    "E6",
    "circuit",
    needs=("embeddings",),
    says="the effective embedding at least doubles the circuit's accuracy with raw W_E",
    number="top-1 accuracy along keys, residual after block 0; interval: Wilson, over tokens",
    otherwise="the residual stream after block 0 is not what makes this circuit match: compare the "
    "other embeddings of chapter 5",
)
def effective_embedding(embedded: xr.Dataset) -> Finding:
    """lower end at least twice the accuracy with raw W_E, and ten times chance"""
    accuracy = embedded["accuracy"].sel(k=1, along="keys")
    tokens = int(embedded.attrs["tokens"])
    raw, centred, effective = (
        float(accuracy.sel(embedding=name)) for name in ("raw", "centred", "effective")
    )
    number = share_of(effective, tokens)
    return Finding(
        number,
        {"raw W_E": raw, "centred embedding (not in the rule)": centred, "chance": 1 / tokens},
        number.low >= 2 * raw and number.low >= 10 / tokens,
        _subject(str(embedded.attrs["pair"])),
    )


@claim(
    "E7",
    "circuit",
    needs=("circuit_baselines",),
    says="it is this pair: random pairs of the same layers do not match tokens with themselves",
    number="top-1 accuracy along keys, residual after block 0; interval: Wilson, over tokens",
    otherwise="with this embedding the pair matches no better than random pairs do: compare the "
    "centred embedding, and what happens when the model runs (chapter 7)",
)
def pair_against_random(pairs: xr.Dataset) -> Finding:
    """lower end above the 97.5 % quantile of random pairs, and above ten times chance"""
    accuracy = pairs["accuracy"].sel(k=1, along="keys", embedding="effective")
    own, random, rivals = (
        accuracy[(pairs["kind"] == kind).to_numpy()] for kind in ("pair", "random", "candidate")
    )
    tokens = int(pairs.attrs["tokens"])
    number, band = share_of(float(own[0]), tokens), upper(random)
    best = float(rivals.max()) if rivals.size else math.nan
    return Finding(
        number,
        {"random pairs, 97.5 %": band, "best other candidate": best, "chance": 1 / tokens},
        number.low > band and number.low > 10 / tokens,
        _subject(str(own["pair"].to_numpy()[0])),
    )


@claim(
    "E8",
    "circuit",
    needs=("circuit_summed",),
    says="several previous-token heads feeding one key do better than one",
    number="top-1 accuracy along keys of the best sum of two or more, residual after block 0; "
    "interval: Wilson, over tokens",
    otherwise="one head does the work, or none does with this embedding: a sum of keys adds "
    "nothing",
)
def summed(sums: xr.Dataset) -> Finding:
    """lower end above the accuracy of the first head alone, and above ten times chance"""
    accuracy = sums["accuracy"].sel(k=1, along="keys", embedding="effective")
    tokens = int(sums.attrs["tokens"])
    one = float(accuracy.isel(summed=0))
    if accuracy.sizes["summed"] < 2:
        return nothing("there is one such head only", {"one head": one})
    several = accuracy.isel(summed=slice(1, None))
    best = int(several.to_numpy().argmax())
    number = share_of(float(several[best]), tokens)
    added = sums["added"].to_numpy()[: best + 2].tolist()
    return Finding(
        number,
        {"one head": one, "chance": 1 / tokens},
        number.low > one and number.low > 10 / tokens,
        _subject(f"{' + '.join(added)} > {sums.attrs['induction']}"),
    )


def _subject(circuit: str) -> str:
    """The heads, and which of them cannot read what E6 to E8 feed them."""
    unread = say_unread(circuit)
    return f"{circuit}; {unread}" if unread else circuit


@claim(
    "E9",
    "circuit",
    needs=("copying_group",),
    says="the four best induction heads together copy what they look at, from raw W_E",
    number="eigenvalue score of the summed OV circuit (exact: nothing is sampled)",
    otherwise="by their weights, and from raw W_E, they copy no more than other heads do: later "
    "layers may read what they write before it becomes a prediction",
)
def copying(group: xr.Dataset) -> Finding:
    """above the 97.5 % quantile of random groups of the same layers, and the share of tokens copied
    best above ten times chance
    """
    value, top1 = float(group["eigenvalue"]), float(group["top1"])
    band, chance = upper(group["random"]), float(group["top1"].attrs["chance"])
    return Finding(
        Number(value),
        {"random groups, 97.5 %": band, "top-1 share": top1, "its chance": chance},
        value > band and top1 > 10 * chance,
        str(group.attrs["heads"]),
    )


@claim(
    "E15",
    "paths",
    needs=("dependence",),
    says="removing the previous-token head costs the induction head at least half its score",
    number="share of the induction score that is lost (mean ablation)",
    otherwise="the induction head finds its place without this head: others tell it as well",
)
def dependence(scores: xr.Dataset) -> Finding:
    """lower end at least 0.5, and random heads of the same layer cost less than 0.5"""
    watched = scores.isel(head_name=0)
    score, random = watched["score"], watched["random"]
    clean = score.sel(removed="nothing")
    number = mean_of((clean - score.isel(removed=1)) / clean.mean())
    most = upper(1 - random.isel(removed=1) / random.sel(removed="nothing"))
    return Finding(
        number,
        {"random heads, 97.5 %": most},
        number.low >= 0.5 and most < 0.5,
        f"{watched['removed'].to_numpy()[1]} > {watched['head_name'].item()}",
    )


@claim(
    "E16",
    "paths",
    needs=("cuts",),
    says="the path into the best induction head is its key, by the direct effect: what the "
    "previous-token heads themselves write",
    number="share of the induction score that is lost with the key cut (direct effect)",
    otherwise="the key does not need what these heads write directly; if E17 holds, something in "
    "between passes it on",
    effect="direct",
)
@claim(
    "E17",
    "paths",
    needs=("cuts",),
    says="the path into the best induction head is its key, by the total effect: heads and MLPs in "
    "between may pass it on",
    number="share of the induction score that is lost with the key cut (total effect)",
    otherwise="the message goes in by another input as well, or the head does not depend on these "
    "senders",
    effect="total",
)
def key_path(cuts: xr.Dataset, *, effect: str) -> Finding:
    """lower end at least 0.5, and with the query cut the upper end below 0.25 (a value cannot move
    a pattern)
    """
    score = cuts["score"].sel(effect=effect).isel(head_name=0)
    clean = score.sel(cut="nothing")
    number, query = (
        mean_of((clean - score.sel(cut=cut)) / clean.mean()) for cut in ("key", "query")
    )
    return Finding(
        number,
        {"query cut": query.value},
        number.low >= 0.5 and query.high < 0.25,
        f"{cuts.attrs['senders']} > {score['head_name'].item()}",
    )


@claim(
    "E19",
    "paths",
    needs=("faithfulness",),
    says="the circuit's heads are enough for half of the repeat",
    number="faithfulness of all groups together: share of the gain over no heads that is left when "
    "all other heads are mean-ablated",
    otherwise="more heads than the three groups are needed for half of the repeat",
)
def faithfulness(circuits: xr.Dataset) -> Finding:
    """lower end at least 0.5 and above the 97.5 % quantile of as many random heads, where the whole
    model gains at least 0.5 nats over no heads
    """
    loss = circuits["loss"]
    whole, none = (float(loss.sel(kept=name).mean()) for name in ("all heads", "no heads"))
    gain = none - whole
    if gain < 0.5:
        return nothing("no gain", {"gain of the whole model": gain})
    number = mean_of((none - loss.isel(kept=-1)) / gain)
    band = upper((none - circuits["random"].isel(kept=-1)) / gain)
    size, every = int(circuits["size"][-1]), int(circuits["size"].sel(kept="all heads"))
    return Finding(
        number,
        {"random heads, 97.5 %": band, "gain of the whole model": gain},
        number.low >= 0.5 and number.low > band,
        f"{size} of {every} heads",
    )
