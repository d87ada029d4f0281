"""What removing heads costs, in words."""

import numpy as np
import xarray as xr

from helpers.drawing.prose import Prose, bullets, interval, middle_of, ranges
from helpers.results import summarize


def describe_groups(groups: dict[str, list]) -> Prose:
    """Which heads share a habit, in words.

    Args:
        groups: Result of `select_groups`.
    """
    lines = [
        f"* **{name.replace('_', '-')} heads:** "
        + (", ".join(map(str, heads)) if heads else "none that stands out in this model")
        for name, heads in groups.items()
    ]
    return Prose("\n".join(lines))


def describe_removal(removed: xr.Dataset, *, group: str = "induction") -> Prose:
    """What removing a group costs, against random heads and on the controls, in words.

    Args:
        removed: Result of `remove_groups`.
        group: Which group.
    """
    lines = []
    for method in removed["removal"].to_numpy():
        chosen = removed.sel(group=group, removal=method)
        second, first, text = (
            summarize(chosen["effect"].sel(input=name).dropna("sequence"))
            for name in ("second half", "first half", "text")
        )
        low, high = middle_of(chosen["random"].sel(input="second half"))
        where = "above" if float(second["low"]) > high else "not above"
        lines.append(
            f"*{method}*: {interval(second, '+.2f')} nats in the second half, {where} the "
            f"band of random heads ({low:+z.2f} to {high:+z.2f}); {interval(first, '+.2f')} in "
            f"the first half, {interval(text, '+.2f')} on text."
        )
    heads = str(removed["heads"].sel(group=group).item())
    count = heads.count(",") + 1
    kind = f"{group.replace('_', '-')} {'head' if count == 1 else f'group of {count} heads'}"
    return bullets(f"**{removed.attrs['model']}** without its {kind} ({heads}):", lines)


def describe_curve(curve: xr.Dataset) -> Prose:
    """How the loss grows as heads go, in words.

    Args:
        curve: Result of `remove_in_order`.
    """
    loss, odds = summarize(curve["loss"]), summarize(curve["log_odds"])
    drawn = curve["random_loss"].dropna("removed")
    ends = np.quantile(drawn.to_numpy(), [0.025, 0.975], axis=1)
    removed, sizes = (values["removed"].to_numpy() for values in (curve, drawn))
    low, high = (np.interp(removed, sizes, end) for end in ends)  # as the band is drawn
    above = [
        int(count)
        for count, least, top in zip(removed, loss["low"].to_numpy(), high, strict=True)
        if count and least > top
    ]
    first, last = loss.isel(removed=1), loss.isel(removed=-1)
    said = (
        f"**{curve.attrs['model']}**: the loss of the second half is "
        f"{float(loss['mean'][0]):z.2f} nats with all heads, {interval(first)} without the best "
        f"induction head, and {interval(last)} without {int(removed[-1])}; as many random heads "
        f"of the same layers leave it between {low[-1]:z.2f} and {high[-1]:z.2f}. "
    )
    if above:
        kept = ranges(above, end=int(removed[-1]))
        said += f"It lies above the random band with {kept} removed. "
    else:
        said += "It never leaves the random band. "
    steps = odds["mean"].to_numpy()
    return Prose(
        f"{said}The log-odds of the right token, which have no floor, go from {steps[0]:.1f} to "
        f"{steps[1]:.1f} with the best head and to {steps[-1]:.1f} with all."
    )


def describe_dissociation(removed: xr.Dataset, mlps: xr.Dataset, *, method: str = "mean") -> Prose:
    """Who is needed for the repeat and who for language, in words.

    Args:
        removed: Result of `remove_groups`.
        mlps: Result of `remove_mlps`.
        method: Which method of `removed`.
    """
    heads = removed["effect"].sel(group="induction", removal=method)
    second, text = (
        summarize(heads.sel(input=name).dropna("sequence")) for name in ("second half", "text")
    )
    later = mlps["effect"].isel(layer=slice(1, None))
    repeat, language = (
        later.sel(input=name).dropna("sequence").mean("sequence").transpose("layer").to_numpy()
        for name in ("second half", "text")
    )
    said = (
        f"Without its induction heads the loss of **{removed.attrs['model']}** changes by "
        f"{interval(second, '+.2f')} nats on the repeat and {interval(text, '+.2f')} on text."
    )
    if len(repeat) == 0:
        return Prose(said)
    both, spoken = (
        float(mlps["together"].sel(input=name).mean("sequence")) for name in ("second half", "text")
    )
    return Prose(
        f"{said} Of its {len(repeat)} MLPs beyond layer 0, {(language > repeat).sum()} cost text "
        f"more than the repeat when they go; the median one costs text {np.median(language):+z.3f} "
        f"and the repeat {np.median(repeat):+z.3f} nats. All of these together cost the repeat "
        f"{both:+z.2f} and text {spoken:+z.2f} nats."
    )
