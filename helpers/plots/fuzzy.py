"""Repeats that are damaged, shuffled or far away."""

import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from helpers import theme
from helpers.plots.parts import model_of, text
from helpers.results import summarize


def plot_damage(damage: xr.Dataset) -> go.Figure:
    """Prediction and attention around the damage, with 95 % intervals over sequences.

    Args:
        damage: Result of `damage_repeat`.

    Returns:
        Two panels over the offset from the damaged token: log-probability of the token that came,
        and the head's attention to where that token stood in the first half.
    """
    fig = _two_panels(damage, title=f"A damaged repeat: {model_of(damage)}")
    for name in damage["damage"].to_numpy().tolist():
        label = "no damage" if name == "nothing" else name
        _lines(fig, damage.sel(damage=name), along="offset", name=label, hover="offset %{x}")
    fig.update_xaxes(title="token, counted from the damaged one")
    fig.add_vline(x=0, line={"color": theme.MUTED, "dash": "dot"})
    return fig


def plot_shuffle(shuffle: xr.Dataset) -> go.Figure:
    """Prediction and attention in a shuffled second half, by tokens since the order broke.

    Args:
        shuffle: Result of `shuffle_repeat`.

    Returns:
        Two panels as in `plot_damage`, one line a block size; the dotted line is the first half,
        where nothing can be known.
    """
    fig = _two_panels(shuffle, title=f"A second half in shuffled blocks: {model_of(shuffle)}")
    blocks = shuffle["block"].to_numpy().tolist()
    for block in blocks:
        name = f"blocks of {block}" if block != blocks[-1] else "order kept"
        _lines(fig, shuffle.sel(block=block), along="since", name=name, hover="token %{x}")
    _first_half(fig, shuffle["first"])
    fig.update_xaxes(title="token, counted from where the order broke", dtick=1)
    return fig


def plot_distance(distance: xr.Dataset) -> go.Figure:
    """Prediction and attention by the number of tokens between the halves.

    Args:
        distance: Result of `separate_repeat`.

    Returns:
        Two panels as in `plot_damage`; the dotted line is the first half.
    """
    fig = _two_panels(distance, title=f"Halves that lie apart: {model_of(distance)}")
    _lines(fig, distance, along="gap", name="second half", hover="%{x} between")
    _first_half(fig, distance["first"].isel(gap=0))
    fig.update_xaxes(title="random tokens between the halves")
    fig.update_layout(showlegend=False)
    return fig


def _two_panels(data: xr.Dataset, *, title: str) -> go.Figure:
    fig = make_subplots(
        rows=1,
        cols=2,
        subplot_titles=["how well it is predicted", f"where {text(data.attrs['head'])} looks"],
        horizontal_spacing=0.11,
    )
    fig.update_layout(theme.figure(title=title, height=440).layout)
    fig.update_layout(margin={"t": 120}, legend={"x": 0.0, "xanchor": "left", "y": 1.1})
    fig.update_yaxes(title="log-probability (nats)", row=1, col=1)
    fig.update_yaxes(title="attention to the right place", range=[-0.02, 1.02], row=1, col=2)
    return fig


def _lines(fig: go.Figure, data: xr.Dataset, *, along: str, name: str, hover: str) -> None:
    color = theme.SERIES[len({trace.name for trace in fig.data}) % len(theme.SERIES)]
    for column, variable, unit in ((1, "log_prob", " nats"), (2, "attention", "")):
        summary = _summary(data[variable], along)
        mean = summary["mean"].to_numpy()
        fig.add_scatter(
            x=summary[along].to_numpy(),
            y=mean,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": summary["high"].to_numpy() - mean,
                "arrayminus": mean - summary["low"].to_numpy(),
                "thickness": 1,
                "width": 2,
            },
            mode="lines+markers",
            marker={"size": 6},
            line={"color": color, "width": 1.5},
            name=text(name),
            legendgroup=name,
            showlegend=column == 1,
            hovertemplate=f"{text(name)}, {hover}: %{{y:.2f}}{unit}<extra></extra>",
            row=1,
            col=column,
        )


def _summary(data: xr.DataArray, along: str) -> xr.Dataset:
    """Mean and interval at each point over the sequences that have such a token; else a gap."""
    points = [data.sel({along: [place]}) for place in data[along].to_numpy()]
    return xr.concat(
        [summarize(p.dropna("sequence") if p.notnull().any() else p) for p in points], dim=along
    )


def _first_half(fig: go.Figure, first: xr.DataArray) -> None:
    fig.add_hline(
        y=float(first.mean()),
        line={"color": theme.MUTED, "dash": "dot"},
        annotation={"text": "first half", "font": {"color": theme.MUTED}},
        annotation_position="bottom right",
        row=1,  # type: ignore[arg-type]
        col=1,  # type: ignore[arg-type]
    )
