"""Which head works because of which, and by which path, in words."""

import xarray as xr

from helpers.drawing.prose import Prose, bullets, interval, middle_of
from helpers.results import summarize

_EFFECTS = ("direct", "total")


def describe_dependence(dependence: xr.Dataset) -> Prose:
    """What the induction heads keep of their score without other heads, in words.

    Args:
        dependence: Result of `score_without`.
    """
    lines = []
    heads = [str(name) for name in dependence["head_name"].to_numpy()]
    for name in dependence["removed"].to_numpy()[1:]:
        which = str(dependence["heads"].sel(removed=name).item())
        shares = []
        for head in heads:
            one = dependence.sel(head_name=head)
            clean = float(one["score"].sel(removed="nothing").mean())
            left = summarize(one["score"].sel(removed=name))
            low, high = middle_of(one["random"].sel(removed=name))
            shares.append(
                f"{head} {clean:.2f} → {interval(left)} (random heads: {low:.2f} to {high:.2f})"
            )
        label = which if str(name) == which else f"{name} ({which})"
        lines.append(f"Without {label}: {'; '.join(shares)}")
    return bullets(f"**{dependence.attrs['model']}**", lines)


def describe_cuts(cuts: xr.Dataset) -> Prose:
    """Which path carries the induction score, in words.

    Args:
        cuts: Result of `cut_paths`.
    """
    lines = []
    for effect in _EFFECTS:
        chosen = cuts.sel(effect=effect)
        for head in cuts["head_name"].to_numpy():
            score = chosen["score"].sel(head_name=head).mean("sequence")
            each = (f"{cut} {float(score.sel(cut=cut)):.2f}" for cut in cuts["cut"].to_numpy())
            lines.append(f"{head}, {effect} effect: {', '.join(each)}")
    direct, total = (
        summarize(cuts["loss_change"].sel(effect=effect, cut="key")) for effect in _EFFECTS
    )
    what = f"induction scores with what {cuts.attrs['senders']} writes cut at one input"
    return bullets(
        f"**{cuts.attrs['model']}**, {what}:",
        lines,
        "\n\nWith the key cut into all of them the loss of the second half changes by "
        f"{interval(direct, '+.2f')} nats (direct effect), {interval(total, '+.2f')} (total). "
        + _compare_effects(cuts),
    )


def _compare_effects(cuts: xr.Dataset) -> str:
    """Why the direct and the total effect of the key differ for the first head."""
    score = cuts["score"].isel(head_name=0).mean("sequence")
    lost = 1 - score.sel(cut="key") / score.sel(cut="nothing")
    head, direct, total = score["head_name"].item(), *map(float, lost.sel(effect=list(_EFFECTS)))
    said = f"Cut directly, the key of {head} loses {direct:.0%} of the score, in total {total:.0%}"
    if abs(direct - total) < 0.1:
        return f"{said}: what lies in between changes little."
    if direct < total:
        return f"{said}: the direct message is not needed, something in between passes it on too."
    return (
        f"{said}: more when everything in between is frozen than when it is not. Without the "
        "senders, heads and MLPs in between write something else, and that makes up for part of "
        "what is missing."
    )


def describe_direct_logits(logits: xr.Dataset) -> Prose:
    """How much of the target's logit the groups add themselves, in words.

    Args:
        logits: Result of `attribute_logits`.
    """
    total = float(logits["total"].mean())
    heads = float(logits["direct"].sum(("layer", "head")).mean())
    lines = []
    for name in logits["group"].to_numpy():
        one = logits.sel(group=name)
        low, high = middle_of(one["random"])
        lines.append(
            f"{str(name).replace('_', '-')} ({one['heads'].item()}): "
            f"{interval(summarize(one['together']), '+.2f')}; random heads of the same layers: "
            f"{low:+.2f} to {high:+.2f}"
        )
    return bullets(
        f"In **{logits.attrs['model']}** the target's logit lies {total:.2f} above the "
        f"average token's; all heads together add {heads:+.2f} of that directly:",
        lines,
    )


def describe_faithfulness(kept: xr.Dataset) -> Prose:
    """How much of the repeat a few heads keep, in words.

    Args:
        kept: Result of `measure_faithfulness`.
    """
    loss = kept["loss"].mean("sequence")
    whole, none = (float(loss.sel(kept=name)) for name in ("all heads", "no heads"))
    lines = []
    for name in kept["kept"].to_numpy()[2:]:
        share = (none - kept["loss"].sel(kept=name)) / (none - whole)
        low, high = middle_of((none - kept["random"].sel(kept=name)) / (none - whole))
        lines.append(
            f"{name} ({int(kept['size'].sel(kept=name))} of "
            f"{int(kept['size'].sel(kept='all heads'))} heads): loss "
            f"{interval(summarize(kept['loss'].sel(kept=name)))}, faithfulness "
            f"{interval(summarize(share))}; random heads {low:.2f} to {high:.2f}"
        )
    losses = f"second-half loss {whole:.2f} nats with all heads, {none:.2f} with none"
    return bullets(f"**{kept.attrs['model']}**: {losses}.", lines)
