"""What replacing activations changes, in words."""

import xarray as xr

from helpers.prose.parts import Prose
from helpers.results import correlate_cells, summarize


def describe_ablation(grid: xr.Dataset, whole: xr.Dataset) -> Prose:
    """What the post's grid and the whole second half say about the MLPs, in words.

    Args:
        grid: Result of `ablate_positions`.
        whole: Result of `ablate_second_half`.
    """
    cells = grid["grid_blog"]
    rest = cells.isel(position=slice(1, None))
    still = float((abs(rest) < 0.05).mean())
    summary = summarize(whole["effect"].isel(target=slice(1, None)).mean("target"))
    layer = int(summary["mean"].to_numpy().argmax())
    worst = summary.isel(layer=layer)
    return Prose(
        f"On **{grid.attrs['model']}** {still:.1%} of the grid's cells outside the first column "
        f"move the mean second-half loss by less than 0.05 nats (largest: "
        f"{float(abs(rest).max()):.3f}). But one cell can only move the targets after it, and is "
        f"averaged over {grid.sizes['target']} of them. With a layer's whole second half "
        f"replaced at once, layer {layer} stands out: "
        f"{float(worst['mean']):+.2f} nats "
        f"[{float(worst['low']):+.2f}, {float(worst['high']):+.2f}]."
    )


def describe_attribution(grid: xr.Dataset, estimate: xr.Dataset) -> Prose:
    """How far the gradient's estimate can be trusted, in words.

    Args:
        grid: Result of `ablate_positions`.
        estimate: Result of `attribute_positions` on the same sample.
    """
    exact, guess = grid["grid_blog"], estimate["grid_blog"]
    agreement = correlate_cells(exact, guess)
    place = abs(exact).argmax(...)
    true, guessed = float(exact.isel(place)), float(guess.isel(place))
    layer, position = int(exact["layer"][place["layer"]]), int(exact["position"][place["position"]])
    return Prose(
        f"On **{grid.attrs['model']}** the estimates of {agreement['cells']:.0f} cells correlate "
        f"with the exact effects by r = {agreement['pearson']:.2f} (ranks: "
        f"{agreement['spearman']:.2f}). The largest exact effect, layer {layer} at position "
        f"{position}, is {true:+.3f} nats; the gradient sees {guessed:+.3f}."
    )
