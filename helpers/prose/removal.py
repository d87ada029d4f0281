"""Sentences about removed heads and layers."""

import numpy as np
import xarray as xr

from helpers.prose.intervals import interval
from helpers.prose.parts import Prose
from helpers.results import summarize


def describe_groups(groups: dict[str, list]) -> Prose:
    """Which heads share a habit, in words.

    Args:
        groups: Result of `find_groups`.
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
        low, high = _band(chosen["random"].sel(input="second half"))
        where = "above" if float(second["low"]) > high else "not above"
        lines.append(
            f"* *{method}*: {interval(second, sign=True)} nats in the second half, {where} the "
            f"band of random heads ({low:+.2f} to {high:+.2f}); {interval(first, sign=True)} in "
            f"the first half, {interval(text, sign=True)} on text."
        )
    heads = str(removed["heads"].sel(group=group).item())
    count = heads.count(",") + 1
    return Prose(
        f"**{removed.attrs['model']}** without its {group.replace('_', '-')} "
        f"{'head' if count == 1 else f'group of {count} heads'} ({heads}):\n\n" + "\n".join(lines)
    )


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
        f"{interval(second, sign=True)} nats on the repeat and {interval(text, sign=True)} on text."
        f" Of its {len(repeat)} MLPs beyond layer 0, {more} cost text more than the repeat when "
        f"they go; the median one costs text {np.median(language):+.3f} and the repeat "
        f"{np.median(repeat):+.3f} nats."
    )


def describe_layer_controls(layers: xr.Dataset) -> Prose:
    """Which input needs MLPs and attention most, in words.

    Args:
        layers: Result of `ablate_layers`.
    """
    names = {"mlp_out": "MLPs", "attn_out": "attention layers"}
    lines = []
    for component in layers["component"].to_numpy():
        for method in layers["removal"].to_numpy():
            chosen = layers["effect"].sel(component=component, removal=method)
            later = chosen.isel(layer=slice(1, None)).mean("layer")
            shares = ", ".join(
                f"{interval(summarize(later.sel(input=name)), sign=True)} ({name})"
                for name in layers["input"].to_numpy()
            )
            lines.append(f"* {names.get(str(component), component)}, *{method}*: {shares}")
    return Prose(
        f"**{layers.attrs['model']}**, one layer removed, mean over layers beyond layer 0, in "
        "nats:\n\n" + "\n".join(lines)
    )


def _band(random: xr.DataArray) -> tuple[float, float]:
    low, high = np.quantile(random.to_numpy(), [0.025, 0.975])
    return float(low), float(high)
