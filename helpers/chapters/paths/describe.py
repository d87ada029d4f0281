"""Which head works because of which, and by which path, in words."""

import xarray as xr

from helpers.drawing.prose import Prose, bullets, interval, middle_of
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
            random = one["random"].sel(removed=name)
            low, high = middle_of(random)
            beside = f" (random heads: {low:z.2f} to {high:z.2f})" if random.notnull().all() else ""
            shares.append(f"{head} {clean:z.2f} → {interval(left)}{beside}")
        label = which if str(name) == which else f"{name} ({which})"
        lines.append(f"Without {label}: {'; '.join(shares)}")
    return bullets(f"**{dependence.attrs['model']}**", lines)


def describe_cuts(cuts: xr.Dataset) -> Prose:
    """Which path carries the induction score, in words.

    Args:
        cuts: Result of `cut_paths`.
    """
    scores, effects = cuts["score"].mean("sequence"), cuts["effect"].to_numpy()
    lines = []
    for head in cuts["head_name"].to_numpy():
        score = scores.sel(head_name=head)
        clean = float(score.sel(effect="direct", cut="nothing"))
        each = (
            f"{cut} cut: "
            + ", ".join(
                f"{effect} {float(score.sel(effect=effect, cut=cut)):z.2f}" for effect in effects
            )
            for cut in ("key", "query")
        )
        lines.append(
            f"{head}, {clean:z.2f} with nothing cut: {'; '.join(each)}. {_judge_inputs(score)}"
        )
    direct, total = (
        summarize(cuts["loss_change"].sel(effect=effect, cut="key"))
        for effect in ("direct", "total")
    )
    writes = "write" if "," in cuts.attrs["senders"] else "writes"
    what = f"induction scores with what {cuts.attrs['senders']} {writes} cut at one input"
    return bullets(
        f"**{cuts.attrs['model']}**, {what}:",
        lines,
        "\n\nWith the key cut into all of them the loss of the second half changes by "
        f"{interval(direct, '+.2f', units='nats')} (direct effect), "
        f"{interval(total, '+.2f', units='nats')} (total). " + _compare_effects(cuts),
    )


def _judge_inputs(score: xr.DataArray) -> str:
    """Through which inputs a head follows the senders, by what the total effect takes away."""
    total = score.sel(effect="total")
    clean = float(total.sel(cut="nothing"))
    key, query = (1 - float(total.sel(cut=cut)) / clean for cut in ("key", "query"))
    if max(key, query) < 0.25:
        return "It hardly follows them."
    if query < 0.25:
        return "It follows them through its key."
    if key < 0.25:
        return "It follows them through its query: *Q-composition*."
    return "It follows them through key and query: *K- and Q-composition*."


def _compare_effects(cuts: xr.Dataset) -> str:
    """What the direct message is worth to the key of the first head, and what the rest is."""
    score = cuts["score"].isel(head_name=0).mean("sequence")
    lost = {
        str(one["effect"].item()): float(one)
        for one in 1 - score.sel(cut="key") / score.sel(cut="nothing")
    }
    said = (
        f"Cut directly, the key of {score['head_name'].item()} loses {lost['direct']:z.0%} of the "
        f"score, in total {lost['total']:z.0%}; if what the senders write stays, and only what "
        f"others make of it goes, {lost['indirect']:z.0%}. "
    )
    if max(lost.values()) < 0.25:
        return said + "The key needs neither."
    if lost["direct"] - lost["total"] >= 0.1:
        return (
            said + "More is lost when everything in between is frozen than when it is not: without "
            "the senders, heads and MLPs in between write something else, and that makes up for "
            "part of what is missing."
        )
    needed = [name for name in ("direct", "indirect") if lost[name] >= 0.25]
    if needed == ["direct"]:
        return said + "So it is what the senders write themselves that counts."
    if needed == ["indirect"]:
        return said + "So it is what lies in between that passes the message on."
    if needed:
        return said + "So the key needs both: what the senders write and what others make of it."
    return said + "Either one is enough, so neither is needed: they say the same thing twice."


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
            f"{low:+z.2f} to {high:+z.2f}"
        )
    return bullets(
        f"In **{logits.attrs['model']}** the target's logit lies {total:z.2f} above the "
        f"average token's; all heads together add {heads:+z.2f} of that directly:",
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
        random = (none - kept["random"].sel(kept=name)) / (none - whole)
        low, high = middle_of(random)
        beside = f"; random heads {low:z.2f} to {high:z.2f}" if random.notnull().all() else ""
        lines.append(
            f"{name} ({int(kept['size'].sel(kept=name))} of "
            f"{int(kept['size'].sel(kept='all heads'))} heads): loss "
            f"{interval(summarize(kept['loss'].sel(kept=name)))}, faithfulness "
            f"{interval(summarize(share))}{beside}"
        )
    uniform = float(kept.attrs["uniform"])
    losses = (
        f"second-half loss {whole:z.2f} nats with all heads, {none:z.2f} with none, "
        f"{uniform:z.2f} for a model that knows nothing"
    )
    if none > uniform:
        losses += ". So part of what faithfulness counts is only to stop being wrong"
    return bullets(f"**{kept.attrs['model']}**: {losses}.", lines)
