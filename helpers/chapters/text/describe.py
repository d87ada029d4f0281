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
        f"**{place + 1}** of {len(ranking)} on text, "
        f"{scores.attrs['text']}: {interval(row, of=('text', 'low', 'high'))}, "
        f"{times(float(row['text']) / chance)} what uniform attention would score ({chance:.3f}); "
        f"97.5 % of the other heads score less than {others.quantile(0.975):.2f}. "
        f"The two rankings share {shared} of their {most} best heads; over all heads the two "
        f"scores correlate by r = {agreement.pearson:z.2f} (ranks: {agreement.spearman:z.2f}). "
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
            f"**{kind}** ({int(counted.sel(kind=kind))} tokens): the second time gains "
            f"{interval(clean, '+.2f', units='nats', of=_GAIN)}"
        )
        if clean["gain_low"] <= 0:
            text += ", which may be no gain at all, so there is little to take away"
        text += f". Without the induction heads it gains {interval(without, '+.2f', of=_GAIN)}"
        if clean["gain_low"] > 0:
            text += f": {without['share']:.0%} of the gain is gone"
        text += (
            f". Without as many random heads of the same layers it gains {random['gain']:+z.2f} "
            f"on average (from {random['gain_low']:+z.2f} to {random['gain_high']:+z.2f}); with "
            f"all heads, on the same {repeats.attrs['random_sequences']} texts, "
            f"{random['gain'] + random['lost']:+z.2f}."
        )
        parts.append(text)
    what = "how much better a token is predicted the second time than the first"
    return bullets(f"On **{repeats.attrs['model']}**, {what}:", parts)


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
        if worst < 0.1:
            parts.append(f"**{name}**: costs next to nothing, at most {worst:z.2f} nats a token.")
            continue
        hurt = offsets[mean >= worst / 10]
        left = (
            f"from offset {hurt[-1] + 1} on less than a tenth of that is left"
            if hurt[-1] < offsets[-1]
            else "at the last offset shown more than a tenth of that is left"
        )
        parts.append(
            f"**{name}**: costs up to {worst:.1f} nats a token; {left} "
            f"(offset {offsets[-1]}: {mean[-1]:z.2f} nats)."
        )
    return bullets(f"On **{damage.attrs['model']}**:", parts)


def describe_shuffle(shuffle: xr.Dataset) -> Prose:
    """What the model needs of the order, in words.

    Args:
        shuffle: Result of `shuffle_repeat`.
    """
    first = float(shuffle["first"].mean())
    parts = []
    pieces = shuffle["piece"].to_numpy().tolist()
    for piece in pieces:
        lines = shuffle["log_prob"].sel(piece=piece).mean("sequence").dropna("since")
        start = float(lines.isel(since=0))
        if lines.size == 1:
            parts.append(f"**pieces of {piece}** (no order left): {start:z.2f} nats.")
            continue
        name = "order kept" if piece == pieces[-1] else f"pieces of {piece}"
        said = (
            f"{start:z.2f} nats at the first token, {float(lines.sel(since=2)):z.2f} at the second"
        )
        if lines.size > 2:
            said += f", {float(lines.isel(since=-1)):z.2f} at token {int(lines['since'][-1])}"
        parts.append(f"**{name}**: {said}.")
    before = f"log-probability of the target: {first:.2f} nats in the first half. In the second:"
    return bullets(f"On **{shuffle.attrs['model']}**, {before}", parts)


def describe_distance(distance: xr.Dataset) -> Prose:
    """Up to what distance the lookup works, in words.

    Args:
        distance: Result of `separate_repeat`.
    """
    first = distance["first"].mean("sequence")
    gain = distance["log_prob"].mean("sequence") - first
    near, far = int(gain["gap"][0]), int(gain["gap"][-1])
    attention = distance["attention"].mean("sequence")
    close, apart = float(gain.isel(gap=0)), float(gain.isel(gap=-1))
    left = f"{apart / close:.0%} is left" if close >= 0.1 else "there was nothing to lose"
    start = f"With {near} tokens" if near else "With nothing"
    return Prose(
        f"{start} between the halves **{distance.attrs['model']}** predicts the second half "
        f"{close:z.2f} nats better than the first; with {far} tokens, the most that was tried "
        f"(its context leaves room for {distance.attrs['longest']:,}), {apart:z.2f} nats: {left}. "
        f"**{distance.attrs['head']}** gives the right place {float(attention.isel(gap=0)):.2f} of "
        f"its attention with the nearest halves, {float(attention.isel(gap=-1)):.2f} with the "
        f"farthest."
    )
