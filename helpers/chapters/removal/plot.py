"""What is lost without some heads, beside what is lost without random ones."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.baseline import against_random, row_panels
from helpers.drawing.dot_names import name_dots
from helpers.drawing.frame import (
    draw_diagonal,
    largest,
    model_of,
    panels,
    past_zero,
    say_if_empty,
    summarize_known,
    whiskers,
)
from helpers.drawing.lines import draw_band
from helpers.escaping import escape_name, escape_text


def plot_removal_curve(curve: xr.Dataset) -> go.Figure:
    """Loss and log-odds against the number of heads removed, beside random heads.

    Args:
        curve: Result of `remove_in_order`.

    Returns:
        Left the loss of the second half, right the log-odds of the right token: lines with 95 %
        intervals over sequences; the grey band holds 95 % of the draws of random heads of the
        same layers, the grey line is their median, where some were drawn.
    """
    removed = curve["removed"].to_numpy()
    method = escape_text(curve.attrs["method"])
    draws = f"random heads of the same layers, 95 % of {curve.attrs['draws']} draws"
    fig = panels(
        ["loss", "log-odds of the right token"],
        title=f"Heads removed ({method}): {model_of(curve)}",
        height=460,
        lines=1,
        shared_yaxes=False,
        horizontal_spacing=0.1,
    )
    shown = (("loss", "random_loss", "nats"), ("log_odds", "random_log_odds", ""))
    for column, (ours, of_draws, unit) in enumerate(shown, 1):
        summary, drawn = summarize_known(curve[ours]), curve[of_draws].dropna("removed")
        random, sizes = drawn.to_numpy(), drawn["removed"].to_numpy()
        low, middle, high = np.quantile(random, [0.025, 0.5, 0.975], axis=1)
        place = {"row": 1, "col": column, "showlegend": column == 1}
        band = "rgba(123, 135, 148, 0.25)"
        draw_band(fig, sizes, low, high, color=band, name=draws, **place)
        fig.add_scatter(
            x=sizes,
            y=middle,
            mode="lines",
            line={"color": theme.MUTED, "width": 1.5},
            name="their median",
            hovertemplate=f"%{{x}} random heads: %{{y:.2f}} {unit}<extra></extra>",
            **place,
        )
        fig.add_scatter(
            x=removed,
            y=summary["mean"].to_numpy(),
            error_y=whiskers(summary),
            mode="lines+markers",
            marker={"color": theme.SECOND, "size": 8},
            name="induction heads, the best first",
            hovertemplate=f"%{{x}} heads: %{{y:.2f}} {unit}<extra></extra>",
            **place,
        )
    top = largest(summarize_known(curve["loss"])["high"], curve["random_loss"])
    fig.update_xaxes(title="heads removed", tickvals=_apart(removed))
    fig.update_yaxes(title="loss of the second half (nats)", range=past_zero(top), col=1)
    fig.update_yaxes(title="log p / (1 - p)", col=2)
    return say_if_empty(fig)


def plot_group_effects(removed: xr.Dataset, *, input: str = "second half") -> go.Figure:
    """Change of the loss without each group, by method, beside random heads of the same layers.

    Args:
        removed: Result of `remove_groups`.
        input: "second half", "first half" or "text".

    Returns:
        A panel for each method: a dot with its 95 % interval a group, a grey dot a random draw.
        All panels share a scale, and so do the figures of all inputs.

    Raises:
        ValueError: If there is no such input.
    """
    if input not in removed["input"].to_numpy():
        raise ValueError(f"No input {input!r}; there are {', '.join(removed['input'].to_numpy())}.")
    methods = removed["removal"].to_numpy().tolist()
    groups = [escape_name(group) for group in removed["group"].to_numpy()]
    title = f"Change of the loss, {escape_text(input)}: {model_of(removed)}"
    fig = row_panels(methods, title=title, rows=groups)
    for column, method in enumerate(methods, 1):
        chosen = removed.sel(removal=method, input=input)
        summary = summarize_known(chosen["effect"])
        random = chosen["random"].transpose("group", "draw").to_numpy()
        against_random(fig, groups, summary, random, unit="nats", signed=True, column=column)
    each = [summarize_known(removed["effect"].sel(input=name)) for name in removed["input"].values]
    shown = [removed["random"], *(found[end] for found in each for end in ("low", "high"))]
    every = np.concatenate([[0.0], *(values.to_numpy().ravel() for values in shown)])
    low, high = np.nanmin(every), np.nanmax(every)
    room = 0.06 * (high - low) or 1.0
    fig.update_xaxes(title="change of loss (nats)", range=[low - room, high + room])
    return say_if_empty(fig)


def plot_dissociation(removed: xr.Dataset, mlps: xr.Dataset, *, method: str = "mean") -> go.Figure:
    """What breaks the repeat against what breaks language: heads and MLPs in one picture.

    Args:
        removed: Result of `remove_groups`.
        mlps: Result of `remove_mlps`.
        method: Which method of `removed` to show.

    Returns:
        Across: change of the second-half loss; up: change of the loss on text; one dot a group of
        heads, one an MLP, one all MLPs beyond layer 0 together, a small grey one a random draw of
        heads. On the dotted line both lose as much. The axes are symmetric logarithms: linear up
        to 0.1 nats.
    """
    fig = theme.figure(title=f"Repeat against text: {model_of(removed)}", height=560, lines=1)
    effect = removed["effect"].sel(removal=method)
    random = removed["random"].sel(removal=method).stack(dot=("group", "draw"))
    end = max(largest(mlps["effect"], mlps["together"], effect), 0.2) * 1.2
    draw_diagonal(fig, _squeeze([0.0, end]), name="both alike")
    fig.add_scatter(
        x=_squeeze(random.sel(input="second half")),
        y=_squeeze(random.sel(input="text")),
        mode="markers",
        marker={"color": theme.MUTED, "size": 5, "opacity": 0.5},
        name="random heads",
        hoverinfo="skip",
    )
    layers = mlps["effect"].sizes["layer"]
    later = f"MLPs 1 to {layers - 1} together" if layers > 2 else "MLP 1"
    together = mlps["together"].expand_dims(group=[later] if layers > 1 else [])
    series = [
        ("an MLP", mlps["effect"], "layer", {"size": 8, "symbol": "diamond"}),
        ("all MLPs beyond layer 0", together, "group", {"size": 12, "symbol": "diamond"}),
        ("a group of heads", effect, "group", {"size": 11, "symbol": "circle"}),
    ]
    colors_of = (theme.SERIES[1], theme.SERIES[1], theme.SERIES[0])
    dots, written, colors = [], [], []
    for (kind, values, dim, look), color in zip(series, colors_of, strict=True):
        across, up = (
            summarize_known(values.sel(input=name))["mean"].to_numpy()
            for name in ("second half", "text")
        )
        names = [escape_name(name) for name in values[dim].to_numpy()]
        if dim == "layer":
            names = [f"MLP {name}" for name in names]
        small = (dim == "layer") & (np.maximum(abs(across), abs(up)) <= 1.0)
        fig.add_scatter(
            x=_squeeze(across),
            y=_squeeze(up),
            mode="markers",
            marker={"color": color, **look},
            name=kind,
            customdata=list(zip(names, across, up, strict=True)),
            hovertemplate="%{customdata[0]}<br>repeat %{customdata[1]:+.3f} nats"
            "<br>text %{customdata[2]:+.3f} nats<extra></extra>",
        )
        dots.append(_squeeze(np.column_stack([across, up])))
        written += np.where(small, "", names).tolist()
        colors += [color] * len(names)
    dots = np.concatenate(dots)
    random = np.column_stack([_squeeze(random.sel(input=name)) for name in ("second half", "text")])
    every = np.concatenate([dots, random, np.zeros((1, 2))])
    every = every[np.isfinite(every).all(1)]
    low, high = every.min(0) - 0.3, every.max(0) + 0.3
    ends = ([low[0], high[0]], [low[1], high[1]])
    alike = np.linspace([0.0, 0.0], np.max(ends), 100)
    around = np.concatenate([every, alike])
    name_dots(fig, dots, written, color=colors, ends=ends, around=around)
    ticks = [t for t in (-1, -0.1, 0, 0.1, 0.3, 1, 3, 10, 30) if t <= end]
    labels = {"tickvals": _squeeze(ticks), "ticktext": [f"{t:g}" for t in ticks]}
    fig.update_xaxes(title="lost on the repeat: second half (nats)", **labels)
    fig.update_yaxes(title="lost on text (nats)", **labels)
    return say_if_empty(fig)


def _apart(places: np.ndarray) -> list[int]:
    """Those of rising places that have room for a label each."""
    least, kept = places.max(initial=0) / 40, []
    for place in places.tolist():
        if not kept or place - kept[-1] >= least:
            kept.append(place)
    return kept


def _squeeze(values: xr.DataArray | np.ndarray | Sequence[int | float]) -> np.ndarray:
    """Symmetric logarithm, linear up to 0.1."""
    return np.arcsinh(np.asarray(values) / 0.1)
