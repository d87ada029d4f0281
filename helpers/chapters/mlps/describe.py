"""What replacing activations changes, in words."""

import math

import xarray as xr

from helpers.drawing.prose import Prose, bullets, interval
from helpers.results import correlate, summarize

_NAMES = {"mlp_out": "MLPs", "attn_out": "attention layers"}


def describe_ablation(grid: xr.Dataset, whole: xr.Dataset) -> Prose:
    """What the post's grid and the whole second half say about the MLPs, in words.

    Args:
        grid: Result of `ablate_positions`.
        whole: Result of `ablate_second_half`.
    """
    rest = abs(grid["grid_blog"].isel(position=slice(1, None)))
    still = float((rest < 0.05).mean())
    summary = summarize(whole["effect"].isel(target=slice(1, None)).mean("target"))
    layer = int(summary["mean"].to_numpy().argmax())
    most = interval(summary.isel(layer=layer), "+.2f", units="nats")
    found = (
        f"layer {layer} costs most: {most}"
        if float(summary["low"][layer]) > 0.05
        else f"no layer costs much: at most {most} (layer {layer})"
    )
    return Prose(
        f"On **{grid.attrs['model']}** {still:.1%} of the grid's cells outside the first column "
        f"move the mean second-half loss by less than 0.05 nats (the largest moves it by "
        f"{float(rest.max()):.3f}). But one cell can only move the targets after it, and is "
        f"averaged over {grid.sizes['target']} of them. With a layer's whole second half "
        f"patched at once, {found}."
    )


def describe_attribution(grid: xr.Dataset, estimate: xr.Dataset) -> Prose:
    """How far the gradient's estimate can be trusted, in words.

    Args:
        grid: Result of `ablate_positions`.
        estimate: Result of `attribute_positions` on the same sample.
    """
    exact, guess = grid["grid_blog"], estimate["grid_blog"]
    cells, guesses = (each.isel(position=slice(None, -1)) for each in (exact, guess))
    agreement = correlate(cells, guesses)  # after the last position nothing is left to change
    place = abs(exact).argmax(...)
    true, guessed = float(exact.isel(place)), float(guess.isel(place))
    layer, position = int(exact["layer"][place["layer"]]), int(exact["position"][place["position"]])
    return Prose(
        f"On **{grid.attrs['model']}** the estimates of {cells.size} cells correlate "
        f"with the exact effects by r = {agreement.pearson:z.2f} (ranks: "
        f"{agreement.spearman:z.2f}). The largest exact effect, layer {layer} at position "
        f"{position}, is {true:+z.3f} nats; the gradient sees {guessed:+z.3f}."
    )


def describe_layer_controls(layers: xr.Dataset) -> Prose:
    """Which input needs MLPs and attention most, in words.

    Args:
        layers: Result of `ablate_layers`.
    """
    later = layers["effect"].isel(layer=slice(1, None)).mean("layer")
    names = [str(name) for name in layers["input"].to_numpy()]
    lines = []
    for component in layers["component"].to_numpy():
        for method in layers["removal"].to_numpy():
            chosen = later.sel(component=component, removal=method)
            known = [name for name in names if not chosen.sel(input=name).isnull().any()]
            found = {name: summarize(chosen.sel(input=name)) for name in known}
            costs = ", ".join(f"{name} {interval(found[name], '+.2f')}" for name in known)
            most = f"; {_needs_most(found)}" if len(known) > 1 else ""
            name = _NAMES.get(str(component), component)
            lines.append(f"{name}, *{method}* ablation: {costs}{most}.")
    what = "what ablating one layer's output adds to the loss (nats, mean over layers from 1 on)"
    return bullets(f"**{layers.attrs['model']}**: {what}.", lines)


def _needs_most(found: dict[str, xr.Dataset]) -> str:
    """Which input loses most, if that can be said."""
    most = max(found, key=lambda name: float(found[name]["mean"]))
    if max(float(each["high"]) for each in found.values()) < 0.05:
        return "none of the three needs them"
    others = (float(each["high"]) for name, each in found.items() if name != most)
    apart = float(found[most]["low"]) > max(others, default=-math.inf)
    return f"most for the {most}".replace("the text", "text") if apart else "no clear order"


def describe_answer(whole: xr.Dataset, layers: xr.Dataset) -> Prose:
    """Whether the repeat needs the MLPs, and why three ways of asking disagree, in words.

    Args:
        whole: Result of `ablate_second_half`.
        layers: Result of `ablate_layers`, with "mlp_out", "mean" and "resample" in it.
    """
    later = layers["effect"].sel(component="mlp_out").isel(layer=slice(1, None)).mean("layer")
    repeat, text, resampled = (
        summarize(later.sel(removal=method, input=name))
        for method, name in (("mean", "repeat"), ("mean", "text"), ("resample", "repeat"))
    )
    patched = summarize(whole["effect"].isel(target=slice(1, None)).mean("target"))
    layer = int(patched["mean"].to_numpy().argmax())
    costs = max(float(resampled["low"]), float(patched["low"][layer]))
    return Prose(
        f"**The answer for {layers.attrs['model']}:** past layer 0, "
        f"{_compare_needs(repeat, text)}. Mean ablation of one MLP costs the repeat "
        f"{interval(repeat, '+.2f', units='nats')} and text {interval(text, '+.2f')}. Resampling "
        f"costs the repeat {interval(resampled, '+.2f')}, and patching in first-half outputs up to "
        f"{interval(patched.isel(layer=layer), '+.2f')} (layer {layer})."
        + (
            " These two put in an output that was made for another place or sequence: what they "
            "cost beyond the mean may come from what the wrong output says, rather than from what "
            "the MLP would have given."
            if costs > float(repeat["high"]) + 0.02
            else ""
        )
    )


def _compare_needs(repeat: xr.Dataset, text: xr.Dataset) -> str:
    """Whether MLPs matter less to the repeat than to text, from what mean ablation costs."""
    if max(float(repeat["high"]), float(text["high"])) < 0.02:
        return "no single MLP matters, neither to the repeat nor to text"
    if float(repeat["high"]) < float(text["low"]):
        return "a single MLP matters less to the repeat than to text"
    if float(repeat["low"]) > float(text["high"]):
        return "a single MLP matters more to the repeat than to text"
    return "a single MLP matters about as much to the repeat as to text"
