"""What is left of it on text and on damaged repeats."""

import math

import numpy as np

from helpers.claims.findings.parts import Finding, Results, number_of
from helpers.claims.numbers import Number
from helpers.experiments import summarize_text_repeats
from helpers.heads import Head


def on_text(results: Results) -> Finding:
    """E20: the head that leads on random tokens, on text."""
    data = results["text_induction"]
    head = Head.parse(str(data.attrs["head"]))
    text = data["text"].transpose("sequence", "layer", "head")
    number = number_of(text.sel(layer=head.layer, head=head.head))
    means = text.mean("sequence").to_numpy().copy()
    means[head.layer, head.head] = np.nan
    band, chance = float(np.nanquantile(means, 0.975)), float(data["text"].attrs["chance"])
    return Finding(
        number,
        {"other heads, 97.5 %": band, "chance": chance},
        number.low > band and number.low > 3 * chance,
        str(head),
    )


def text_repeats(results: Results) -> Finding:
    """E21: text said twice, without the induction heads."""
    data = results["text_repeats"]
    table = summarize_text_repeats(data).loc["said twice"]
    gain = float(table.loc["nothing", "gain"])
    without = table.loc["induction heads"]
    random = float(table.loc["random heads", "share"])
    if not gain >= 0.1:
        return Finding(Number(math.nan), {"gain, nats": gain}, False, "no gain")
    number = Number(*(float(without[f"lost{end}"]) / gain for end in ("", "_low", "_high")))
    return Finding(
        number,
        {"random heads": random, "gain, nats": gain},
        number.low >= 0.5 and random < 0.5,
        str(data.attrs["heads"]),
    )


def recovery(results: Results) -> Finding:
    """E22: two targets after one changed token."""
    log_prob = results["fuzzy_damage"]["log_prob"]
    clean = log_prob.sel(damage="nothing")
    damaged = log_prob.sel(damage="one token changed") - clean
    number = number_of(damaged.sel(offset=2))
    cost = number_of(damaged.sel(offset=0))
    gain = number_of(clean.mean("offset") - float(results["fuzzy_distance"]["first"].mean()))
    return Finding(
        number,
        {"at the changed token": cost.value, "gain of the undamaged repeat": gain.value},
        number.low > -0.5 and cost.high <= -0.5 and gain.low >= 0.5,
        "offset 2",
    )


def distance(results: Results) -> Finding:
    """E23: the largest gap against none."""
    data = results["fuzzy_distance"]
    gain = (data["log_prob"] - data["first"]).transpose("gap", "sequence")
    near = float(gain.isel(gap=0).mean())
    if near < 0.5:
        return Finding(Number(math.nan), {"gain without a gap, nats": near}, False, "no gain")
    number = number_of((gain.isel(gap=-1) / near).to_numpy())
    return Finding(
        number,
        {"tokens in the gap": float(data["gap"][-1]), "gain without a gap, nats": near},
        number.low >= 0.5,
        f"gap of {int(data['gap'][-1])} tokens",
    )
