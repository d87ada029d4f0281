"""Induction on text and in damaged repeats, in words."""

import numpy as np
import pandas as pd
import xarray as xr

from helpers.drawing.prose import Prose, bullets, interval, times
from helpers.heads import Head
from helpers.results import correlate, rank_heads

_GAIN = ("gain", "gain_low", "gain_high")


def describe_text_induction(scores: xr.Dataset) -> Prose:
    """Whether the heads found on random tokens lead on text, in words.

    Args:
        scores: Result of `score_text_induction`.
    """
    ranking = rank_heads(scores, by="text")
    found = Head.parse(scores.attrs["head"])
    place = int(np.flatnonzero(ranking["head"] == found)[0])
    row, chance = ranking.iloc[place], float(scores["text"].attrs["chance"])
    others = ranking["text"].drop(index=place)
    most = 10 if len(ranking) > 40 else 5
    by_random = ranking.sort_values("random", ascending=False, kind="stable")["head"][:most]
    shared = len({*by_random} & {*ranking["head"][:most]})
    agreement = correlate(scores["random"], scores["text"].mean("sequence"))
    strong = ranking[ranking["random"] >= ranking["random"].max() / 2]
    idle = [str(head) for head in strong["head"][strong["text"] < chance]]
    return Prose(
        f"**{found}**, the best induction head on random tokens, is number "
        f"**{place + 1}** of {len(ranking)} on text "
        f"({scores.attrs['text']}): {interval(row, of=('text', 'low', 'high'))}, "
        f"{times(float(row['text']) / chance)} what uniform attention would score ({chance:.3f}); "
        f"97.5 % of the other heads score less than {others.quantile(0.975):.2f}. "
        f"Of the {most} best heads of either ranking {shared} are in both; over all heads the two "
        f"scores correlate by r = {agreement.pearson:.2f} (ranks: {agreement.spearman:.2f}). "
        f"Of the {len(strong)} heads that score at least half of the best on random tokens, "
        f"{', '.join(idle) or 'none'} "
        f"{'scores' if len(idle) < 2 else 'score'} below chance on text. "
        f"{scores.attrs['repeated']:.0%} of the tokens had occurred before."
    )


def describe_text_repeats(repeats: xr.Dataset, summary: pd.DataFrame) -> Prose:
    """How much the second time gains, and what is left of it without the heads, in words.

    Args:
        repeats: Result of `measure_text_repeats`.
        summary: Result of `summarize_text_repeats`.
    """
    counted = repeats["repeats"].sum("sequence")
    parts = []
    for kind in repeats["kind"].to_numpy().tolist():
        clean, without, random = (
            summary.loc[(kind, name)] for name in ("nothing", "induction heads", "random heads")
        )
        if not np.isfinite(clean["gain_low"]):
            parts.append(f"**{kind}**: too few repeats in this sample to say anything.")
            continue
        text = (
            f"**{kind}** ({int(counted.sel(kind=kind))} tokens): the second time is "
            f"{interval(clean, '+z.2f', units='nats', of=_GAIN)} from the first"
        )
        if clean["gain_low"] <= 0:
            text += ", which may be no gain at all, so there is little to take away"
        text += f"; without the induction heads it is {interval(without, '+z.2f', of=_GAIN)}"
        if clean["gain_low"] > 0:
            text += f" ({without['share']:.0%} of the gain gone)"
        text += (
            f"; without as many random heads of the same layers {random['gain']:+z.2f} "
            f"on average ({random['gain_low']:+z.2f} to {random['gain_high']:+z.2f}), where "
            f"nothing removed gives {random['gain'] + random['lost']:+z.2f} on the same "
            f"{repeats.attrs['random_sequences']} texts."
        )
        parts.append(text)
    return bullets(f"On **{repeats.attrs['model']}**, second time minus first:", parts)


def describe_damage(damage: xr.Dataset) -> Prose:
    """How soon the model is back on track after a damaged token, in words.

    Args:
        damage: Result of `damage_repeat`.
    """
    cost = damage["log_prob"].sel(damage="nothing") - damage["log_prob"]
    offsets = damage["offset"].to_numpy()
    parts = []
    for name in damage["damage"].to_numpy().tolist()[1:]:
        mean = cost.sel(damage=name).mean("sequence").to_numpy()
        worst = float(mean.max())
        hurt = offsets[mean >= worst / 10]
        back = f"from offset {hurt[-1] + 1} on" if hurt[-1] < offsets[-1] else "after these offsets"
        parts.append(
            f"**{name}**: costs up to {worst:.1f} nats a token; nine tenths of that are gone "
            f"{back}; at offset {offsets[-1]} it still costs {mean[-1]:z.2f} nats."
        )
    return bullets(f"On **{damage.attrs['model']}**:", parts)


def describe_shuffle(shuffle: xr.Dataset) -> Prose:
    """What the model needs of the order, in words.

    Args:
        shuffle: Result of `shuffle_repeat`.
    """
    first = float(shuffle["first"].mean())
    parts = []
    blocks = shuffle["block"].to_numpy().tolist()
    for block in blocks:
        lines = shuffle["log_prob"].sel(block=block).mean("sequence").dropna("since")
        start = float(lines.isel(since=0))
        if lines.size == 1:
            parts.append(f"**blocks of {block}** (no order left): {start:z.2f} nats.")
            continue
        name = "order kept" if block == blocks[-1] else f"blocks of {block}"
        second, last = float(lines.sel(since=2)), float(lines.isel(since=-1))
        parts.append(
            f"**{name}**: first token {start:z.2f}, second {second:z.2f}, "
            f"last of those shown {last:z.2f}."
        )
    before = f"the first half is predicted at {first:.2f} nats. In the second half:"
    return bullets(f"On **{shuffle.attrs['model']}** {before}", parts)


def describe_distance(distance: xr.Dataset) -> Prose:
    """Up to what distance the lookup works, in words.

    Args:
        distance: Result of `separate_repeat`.
    """
    first = distance["first"].mean("sequence")
    gain = distance["log_prob"].mean("sequence") - first
    near, far = int(gain["gap"][0]), int(gain["gap"][-1])
    attention = distance["attention"].mean("sequence")
    kept = float(gain.isel(gap=-1) / gain.isel(gap=0))
    return Prose(
        f"With {near} tokens between the halves the second half of **{distance.attrs['model']}** "
        f"is {float(gain.isel(gap=0)):.2f} nats better than the first; with {far}, the most that "
        f"was tried (its context leaves room for {distance.attrs['longest']:,}), "
        f"{float(gain.isel(gap=-1)):.2f}: {kept:.0%} is left. **{distance.attrs['head']}** gives "
        f"the right place {float(attention.isel(gap=0)):.2f} of its attention at {near} and "
        f"{float(attention.isel(gap=-1)):.2f} at {far}."
    )
