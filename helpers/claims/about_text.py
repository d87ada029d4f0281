"""What is left of it on text and on damaged repeats."""

import xarray as xr

from helpers.chapters.text import summarize_text_repeats
from helpers.claims.evidence import Finding, claim, nothing
from helpers.claims.numbers import Number, mean_of, upper_of_others
from helpers.heads import Head


@claim(
    "E20",
    "text",
    needs=("text_induction",),
    says="the head found on random tokens does the same on text",
    number="attention, on text, to what came after earlier occurrences of the token",
    otherwise="the ranking on random tokens does not carry over: on text other heads lead",
)
def on_text(scores: xr.Dataset) -> Finding:
    """lower end above three times chance, and above the 97.5 % quantile of the other heads"""
    head = Head.parse(str(scores.attrs["head"]))
    text = scores["text"]
    number = mean_of(text.sel(layer=head.layer, head=head.head))
    band, chance = upper_of_others(text.mean("sequence"), head), float(text.attrs["chance"])
    return Finding(
        number,
        {"other heads, 97.5 %": band, "chance": chance},
        number.low > band and number.low > 3 * chance,
        str(head),
    )


@claim(
    "E21",
    "text",
    needs=("text_repeats",),
    says="text said twice gains by the induction heads",
    number="share of the second time's gain that is lost without them (mean ablation)",
    otherwise="text gains from its second time without these heads, random heads cost as much, or "
    "there is little to gain",
)
def text_repeats(repeats: xr.Dataset) -> Finding:
    """lower end at least 0.5, random heads of the same layers cost less than 0.5, and the gain is
    at least 0.1 nats
    """
    table = summarize_text_repeats(repeats).loc["said twice"]
    gain = float(table.loc["nothing", "gain"])
    if not gain >= 0.1:
        return nothing("no gain", {"gain, nats": gain})
    without = table.loc["induction heads"]
    number = Number(*(float(without[f"lost{end}"]) / gain for end in ("", "_low", "_high")))
    random = float(table.loc["random heads", "share"])
    return Finding(
        number,
        {"random heads": random, "gain, nats": gain},
        number.low >= 0.5 and random < 0.5,
        str(repeats.attrs["heads"]),
    )


@claim(
    "E22",
    "text",
    needs=("damage", "distance"),
    says="two targets after one changed token the repeat is found again",
    number="log-probability two targets after the change, against the undamaged repeat, nats "
    "(negative: still worse)",
    otherwise="the model wants to see more than one matching token before it trusts the repeat "
    "again",
)
def recovery(damage: xr.Dataset, separated: xr.Dataset) -> Finding:
    """lower end above -0.5 nats, while the changed token itself costs at least 0.5, and the
    undamaged repeat gains at least 0.5 over a first half (ends of their intervals)
    """
    log_prob = damage["log_prob"]
    clean = log_prob.sel(damage="nothing")
    change = log_prob.sel(damage="one token changed") - clean
    number, cost = mean_of(change.sel(offset=2)), mean_of(change.sel(offset=0))
    gain = mean_of(clean.mean("offset") - float(separated["first"].mean()))
    return Finding(
        number,
        {"at the changed token": cost.value, "gain of the undamaged repeat": gain.value},
        number.low > -0.5 and cost.high <= -0.5 and gain.low >= 0.5,
        "offset 2",
    )


@claim(
    "E23",
    "text",
    needs=("distance",),
    says="distance does not break the lookup, as far as it was tried",
    number="gain of the second half over the first with the largest gap measured, as a share of "
    "the gain without a gap",
    otherwise="the lookup weakens with distance, or there was nothing to look up",
)
def distance(separated: xr.Dataset) -> Finding:
    """lower end at least 0.5, and the gain without a gap is at least 0.5 nats"""
    gain = separated["log_prob"] - separated["first"]
    near = float(gain.isel(gap=0).mean())
    if near < 0.5:
        return nothing("no gain", {"gain without a gap, nats": near})
    number = mean_of(gain.isel(gap=-1) / near)
    gap = int(separated["gap"][-1])
    return Finding(
        number,
        {"tokens in the gap": float(gap), "gain without a gap, nats": near},
        number.low >= 0.5,
        f"gap of {gap} tokens",
    )
