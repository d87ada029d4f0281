"""What removing heads costs, in words."""

import numpy as np
import xarray as xr

from helpers.drawing.prose import Prose, bullets, interval, middle_of
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
            f"band of random heads ({low:+.2f} to {high:+.2f}); {interval(first, '+.2f')} in "
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
    loss = summarize(curve["loss"])
    low, high = np.quantile(curve["random"].to_numpy(), [0.025, 0.975], axis=1)
    removed = curve["removed"].to_numpy()
    above = [
        int(count)
        for count, least, top in zip(removed, loss["low"].to_numpy(), high, strict=True)
        if count and least > top
    ]
    first = loss.isel(removed=1)
    last = loss.isel(removed=-1)
    return Prose(
        f"**{curve.attrs['model']}**: the loss of the second half is "
        f"{float(loss['mean'][0]):.2f} nats with all heads, {interval(first)} without the best "
        f"induction head, and {interval(last)} without {int(removed[-1])}; as many random heads "
        f"of the same layers leave it between {low[-1]:.2f} and {high[-1]:.2f}. "
        + (
            f"It lies above the random band with {', '.join(map(str, above))} removed."
            if above
            else "It never leaves the random band."
        )
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
    more = int((language > repeat).sum())
    return Prose(
        f"Without its induction heads the loss of **{removed.attrs['model']}** changes by "
        f"{interval(second, '+.2f')} nats on the repeat and {interval(text, '+.2f')} on text."
        f" Of its {len(repeat)} MLPs beyond layer 0, {more} cost text more than the repeat when "
        f"they go; the median one costs text {np.median(language):+.3f} and the repeat "
        f"{np.median(repeat):+.3f} nats."
    )
