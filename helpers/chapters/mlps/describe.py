"""What replacing activations changes, in words."""

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
    return Prose(
        f"On **{grid.attrs['model']}** {still:.1%} of the grid's cells outside the first column "
        f"move the mean second-half loss by less than 0.05 nats (largest: "
        f"{float(rest.max()):.3f}). But one cell can only move the targets after it, and is "
        f"averaged over {grid.sizes['target']} of them. With a layer's whole second half "
        f"replaced at once, layer {layer} stands out: "
        f"{interval(summary.isel(layer=layer), '+.2f', units='nats')}."
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
        f"with the exact effects by r = {agreement.pearson:.2f} (ranks: "
        f"{agreement.spearman:.2f}). The largest exact effect, layer {layer} at position "
        f"{position}, is {true:+.3f} nats; the gradient sees {guessed:+.3f}."
    )


def describe_layer_controls(layers: xr.Dataset) -> Prose:
    """Which input needs MLPs and attention most, in words.

    Args:
        layers: Result of `ablate_layers`.
    """
    later = layers["effect"].isel(layer=slice(1, None)).mean("layer")
    lines = []
    for component in layers["component"].to_numpy():
        for method in layers["removal"].to_numpy():
            chosen = later.sel(component=component, removal=method)
            shares = ", ".join(
                f"{interval(summarize(chosen.sel(input=name)), '+.2f')} ({name})"
                for name in layers["input"].to_numpy()
            )
            lines.append(f"{_NAMES.get(str(component), component)}, *{method}*: {shares}")
    what = "one layer removed, mean over layers beyond layer 0, in nats"
    return bullets(f"**{layers.attrs['model']}**, {what}:", lines)


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
    less = float(repeat["high"]) < float(text["low"])
    answer = "less than for text" if less else "at least as much as for text, or nearly so"
    return Prose(
        f"**The answer for {layers.attrs['model']}:** past layer 0, one at a time, the MLPs are "
        f"needed for the repeat {answer}. Mean ablation of one costs the repeat "
        f"{interval(repeat, '+.2f')} nats and text {interval(text, '+.2f')}. Resampling costs the "
        f"repeat {interval(resampled, '+.2f')}, and patching in first-half outputs costs up to "
        f"{interval(patched.isel(layer=layer), '+.2f')} (layer {layer}). These "
        "two put in an output that was made for another place or sequence: what they cost "
        "beyond the mean may be not what the MLP gave, but what the wrong output says."
    )
