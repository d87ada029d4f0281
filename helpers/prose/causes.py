"""Sentences about causes."""

import numpy as np
import xarray as xr

from helpers.prose.intervals import interval
from helpers.prose.parts import Prose
from helpers.results import summarize


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
            low, high = np.quantile(one["random"].sel(removed=name).to_numpy(), [0.025, 0.975])
            shares.append(
                f"{head} {clean:.2f} → {interval(left)} (random heads: {low:.2f} to {high:.2f})"
            )
        label = which if str(name) == which else f"{name} ({which})"
        lines.append(f"* Without {label}: " + "; ".join(shares))
    return Prose(f"**{dependence.attrs['model']}**\n\n" + "\n".join(lines))


def describe_cuts(cuts: xr.Dataset) -> Prose:
    """Which path carries the induction score, in words.

    Args:
        cuts: Result of `cut_paths`.
    """
    lines = []
    for way, words in (("direct", "directly"), ("any", "by any way")):
        chosen = cuts.sel(way=way)
        for head in cuts["head_name"].to_numpy():
            score = chosen["score"].sel(head_name=head).mean("sequence")
            lines.append(
                f"* {head}, cut {words}: "
                + ", ".join(
                    f"{cut} {float(score.sel(cut=cut)):.2f}" for cut in cuts["cut"].to_numpy()
                )
            )
    key = summarize(cuts["effect"].sel(way="direct", cut="key"))
    anyway = summarize(cuts["effect"].sel(way="any", cut="key"))
    return Prose(
        f"**{cuts.attrs['model']}**, induction scores with what {cuts.attrs['senders']} writes "
        "cut at one input:\n\n" + "\n".join(lines) + "\n\nWith the key cut into all of them the "
        f"loss of the second half changes by {interval(key, sign=True)} nats directly, "
        f"{interval(anyway, sign=True)} by any way."
    )


def describe_direct_logits(logits: xr.Dataset) -> Prose:
    """How much of the right token's logit the groups say themselves, in words.

    Args:
        logits: Result of `attribute_logits`.
    """
    total = float(logits["total"].mean())
    heads = float(logits["direct"].sum(("layer", "head")).mean())
    lines = []
    for name in logits["group"].to_numpy():
        one = logits.sel(group=name)
        low, high = np.quantile(one["random"].to_numpy(), [0.025, 0.975])
        lines.append(
            f"* {str(name).replace('_', '-')} ({one['heads'].item()}): "
            f"{interval(summarize(one['together']), sign=True)}; random heads of the same layers: "
            f"{low:+.2f} to {high:+.2f}"
        )
    return Prose(
        f"In **{logits.attrs['model']}** the right token's logit lies {total:.2f} above the "
        f"average token's; all heads together say {heads:+.2f} of that directly:\n\n"
        + "\n".join(lines)
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
        random = (none - kept["random"].sel(kept=name).to_numpy()) / (none - whole)
        low, high = np.quantile(random, [0.025, 0.975])
        lines.append(
            f"* {name} ({int(kept['size'].sel(kept=name))} of "
            f"{int(kept['size'].sel(kept='all heads'))} heads): loss "
            f"{interval(summarize(kept['loss'].sel(kept=name)))}, faithfulness "
            f"{interval(summarize(share))}; random heads {low:.2f} to {high:.2f}"
        )
    return Prose(
        f"**{kept.attrs['model']}**: second-half loss {whole:.2f} nats with all heads, {none:.2f} "
        "with none.\n\n" + "\n".join(lines)
    )
