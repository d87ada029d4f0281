"""What is lost without some heads, beside what is lost without random ones."""

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.plots.dots import against_random, habit, panels, whiskers
from helpers.plots.parts import model_of, text
from helpers.results import summarize


def plot_removal_curve(curve: xr.Dataset) -> go.Figure:
    """Loss of the second half against the number of heads removed, beside random heads.

    Args:
        curve: Result of `remove_in_order`.

    Returns:
        Line with 95 % intervals over sequences; the grey band holds 95 % of the draws of random
        heads of the same layers, the grey line is their median.
    """
    summary = summarize(curve["loss"])
    removed = curve["removed"].to_numpy()
    low, middle, high = np.quantile(curve["random"].to_numpy(), [0.025, 0.5, 0.975], axis=1)
    fig = theme.figure(title=f"Heads removed ({text(curve.attrs['method'])}): {model_of(curve)}")
    fig.add_scatter(
        x=[*removed, *removed[::-1]],
        y=[*high, *low[::-1]],
        mode="lines",
        fill="toself",
        fillcolor="rgba(123, 135, 148, 0.25)",
        line={"width": 0},
        name=f"random heads of the same layers, 95 % of {curve.attrs['draws']} draws",
        hoverinfo="skip",
    )
    fig.add_scatter(
        x=removed,
        y=middle,
        mode="lines",
        line={"color": theme.MUTED, "width": 1.5},
        name="their median",
        hovertemplate="%{x} random heads: %{y:.2f} nats<extra></extra>",
    )
    mean = summary["mean"].to_numpy()
    fig.add_scatter(
        x=removed,
        y=mean,
        error_y=whiskers(summary),
        mode="lines+markers",
        marker={"color": theme.SECOND, "size": 8},
        name="induction heads, the best first",
        hovertemplate="%{x} heads: %{y:.2f} nats<extra></extra>",
    )
    fig.update_layout(legend={"x": 0.0, "xanchor": "left"}, margin={"t": 100}, height=460)
    fig.update_xaxes(title="heads removed", tickvals=removed.tolist())
    fig.update_yaxes(title="loss of the second half (nats)", rangemode="tozero")
    return fig


def plot_group_effects(removed: xr.Dataset, *, input: str = "second half") -> go.Figure:
    """Change of the loss without each group, by method, beside random heads of the same layers.

    Args:
        removed: Result of `remove_groups`.
        input: "second half", "first half" or "text".

    Returns:
        A panel for each method: a dot with its 95 % interval a group, a grey dot a random draw.

    Raises:
        ValueError: If there is no such input.
    """
    if input not in removed["input"].to_numpy():
        raise ValueError(f"No input {input!r}; there are {', '.join(removed['input'].to_numpy())}.")
    methods = [str(method) for method in removed["removal"].to_numpy()]
    groups = [habit(group) for group in removed["group"].to_numpy()]
    fig = panels(
        methods,
        title=f"Change of the loss, {text(input)}: {model_of(removed)}",
        rows=groups,
    )
    for column, method in enumerate(methods, 1):
        chosen = removed.sel(removal=method, input=input)
        against_random(
            fig,
            groups,
            summarize(chosen["effect"].dropna("sequence")),
            chosen["random"].transpose("group", "draw").to_numpy(),
            unit="nats",
            signed=True,
            row=1,
            col=column,
        )
    fig.update_xaxes(title="change of loss (nats)")
    return fig


def plot_dissociation(removed: xr.Dataset, mlps: xr.Dataset, *, method: str = "mean") -> go.Figure:
    """What breaks the repeat against what breaks language: heads and MLPs in one picture.

    Args:
        removed: Result of `remove_groups`.
        mlps: Result of `remove_mlps`.
        method: Which method of `removed` to show.

    Returns:
        Across: change of the second-half loss; up: change of the loss on text; one dot a group of
        heads, one an MLP, a small grey one a random draw of heads. On the dotted line both
        lose as much. The axes are symmetric logarithms: linear up to 0.1 nats.
    """
    fig = theme.figure(title=f"Repeat against text: {model_of(removed)}", height=560)
    effect = removed["effect"].sel(removal=method)
    random = removed["random"].sel(removal=method).stack(dot=("group", "draw"))
    largest = max(float(np.nanmax(mlps["effect"])), float(np.nanmax(effect)))
    ends = np.array([0.0, max(largest, 0.2) * 1.2])
    fig.add_scatter(
        x=_squeeze(ends),
        y=_squeeze(ends),
        mode="lines",
        line={"color": theme.MUTED, "dash": "dot"},
        name="both alike",
        hoverinfo="skip",
    )
    fig.add_scatter(
        x=_squeeze(random.sel(input="second half").to_numpy()),
        y=_squeeze(random.sel(input="text").to_numpy()),
        mode="markers",
        marker={"color": theme.MUTED, "size": 5, "opacity": 0.5},
        name="random heads",
        hoverinfo="skip",
    )
    series = [
        (mlps["effect"], [f"MLP {layer}" for layer in mlps["layer"].to_numpy()], "an MLP", 1),
        (effect, [habit(group) for group in removed["group"].to_numpy()], "a group of heads", 0),
    ]
    for values, names, kind, color in series:
        dim = "layer" if "layer" in values.dims else "group"
        across, up = (
            summarize(values.sel(input=which).dropna("sequence"))["mean"].transpose(dim).to_numpy()
            for which in ("second half", "text")
        )
        fig.add_scatter(
            x=_squeeze(across),
            y=_squeeze(up),
            mode="markers+text",
            text=names
            if kind != "an MLP"
            else [_far(n, a, b) for n, a, b in zip(names, across, up, strict=True)],
            textposition="top center",
            textfont={"size": 11, "color": theme.SERIES[color]},
            marker={
                "color": theme.SERIES[color],
                "size": 11 if kind != "an MLP" else 8,
                "symbol": "circle" if kind != "an MLP" else "diamond",
            },
            name=kind,
            customdata=list(zip(names, across, up, strict=True)),
            hovertemplate="%{customdata[0]}<br>repeat %{customdata[1]:+.3f} nats"
            "<br>text %{customdata[2]:+.3f} nats<extra></extra>",
        )
    ticks = [t for t in (-1, -0.1, 0, 0.1, 0.3, 1, 3, 10, 30) if t <= ends[1]]
    labels = {"tickvals": _squeeze(np.array(ticks)), "ticktext": [f"{t:g}" for t in ticks]}
    fig.update_xaxes(title="lost on the repeat: second half (nats)", **labels)
    fig.update_yaxes(title="lost on text (nats)", **labels)
    return fig


def _squeeze(values: np.ndarray) -> np.ndarray:
    return np.arcsinh(np.asarray(values) / 0.1)


def _far(name: str, across: float, up: float) -> str:
    return name if max(abs(across), abs(up)) > 1.0 else ""
