"""Induction on text: heads beside their scores on random tokens, the gain of a second time.

And repeats that are damaged, shuffled or far away.
"""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.baseline import row_panels, spread_out
from helpers.drawing.dot_names import name_dots
from helpers.drawing.frame import (
    draw_level,
    largest,
    model_of,
    panels,
    past_zero,
    say_if_empty,
    summarize_known,
    whiskers,
)
from helpers.drawing.heatmap import check_dims
from helpers.drawing.lines import draw_line
from helpers.escaping import escape_text
from helpers.heads import Head
from helpers.results import correlate, summarize

_PANELS = {"log_prob": " nats", "attention": ""}
"""What the two panels of damaged repeats show, and its unit."""
_ROWS = ["nothing ablated", "induction heads ablated", "random heads ablated"]


def plot_text_scores(scores: xr.Dataset, *, mark: int = 4) -> go.Figure:
    """Every head's induction score on text against its score on random tokens.

    Args:
        scores: Result of `score_text_induction`.
        mark: How many of the best heads of each kind to name.

    Returns:
        One dot a head, with a 95 % interval over texts; the dotted lines are what uniform
        attention would score. The title says the correlation over heads (of values, of ranks).

    Raises:
        ValueError: If the dimensions are others.
    """
    check_dims(scores["text"], ("sequence", "layer", "head"))
    flat = summarize(scores["text"]).stack(flat=("layer", "head"))
    random = scores["random"].stack(flat=("layer", "head")).to_numpy()
    mean, top = flat["mean"].to_numpy(), largest(flat["high"])
    names = [str(Head(int(layer), int(head))) for layer, head in flat["flat"].to_numpy()]
    named = {*np.argsort(-mean)[:mark].tolist(), *np.argsort(-random)[:mark].tolist()}
    agreement = correlate(scores["random"], scores["text"].mean("sequence"))
    fig = theme.figure(
        title=f"Induction scores, {model_of(scores)}: "
        f"r = {agreement.pearson:z.2f}, of ranks {agreement.spearman:z.2f}",
        height=480,
    )
    fig.add_scatter(
        x=random,
        y=mean,
        error_y=whiskers(flat, thickness=1, width=0),
        mode="markers",
        marker={"color": theme.SECOND, "size": 7, "opacity": 0.75},
        showlegend=False,
        customdata=names,
        hovertemplate="%{customdata}: %{x:.3f} on random tokens, %{y:.3f} on text<extra></extra>",
    )
    written = [name if i in named else "" for i, name in enumerate(names)]
    low, high = (flat[end].to_numpy() for end in ("low", "high"))
    along = [(1 - share) * low + share * high for share in np.linspace(0, 1, 6)]
    whisker = np.concatenate([np.column_stack([random, place]) for place in along])
    ends = (past_zero(1), past_zero(top, share=0.06))
    dots = np.column_stack([random, mean])
    name_dots(fig, dots, written, color=theme.INK, ends=ends, around=whisker)
    draw_level(fig, y=float(scores["text"].attrs["chance"]))
    draw_level(fig, x=float(scores["random"].attrs["chance"]))
    fig.update_xaxes(title="score on random tokens (dotted: uniform attention)")
    return say_if_empty(fig.update_yaxes(title="score on text"))


def plot_text_repeats(repeats: xr.Dataset, summary: pd.DataFrame) -> go.Figure:
    """How much better text is predicted the second time, with heads and without.

    Args:
        repeats: Result of `measure_text_repeats`.
        summary: Result of `summarize_text_repeats`.

    Returns:
        A panel for each kind of repeat: dots with 95 % intervals over sequences, and a grey dot
        for each draw of random heads, beside a stroke for nothing ablated on the same sequences.
        At 0 the second time is no better than the first; all panels share a scale.
    """
    kinds = repeats["kind"].to_numpy().tolist()
    title = f"Gain of the second time: {model_of(repeats)}"
    fig = row_panels(kinds, title=title, rows=_ROWS, legend=False)
    for column, kind in enumerate(kinds, 1):
        shared: dict[str, Any] = {"mode": "markers", "row": 1, "col": column}
        drawn = repeats["random"].sel(kind=kind)
        gains = drawn.sel(occurrence="second") - drawn.sel(occurrence="first")
        fig.add_scatter(
            x=gains.to_numpy(),
            y=2 + spread_out(gains.size),
            marker={"color": theme.MUTED, "size": 6, "opacity": 0.5},
            hovertemplate="a draw of random heads: %{x:+.2f} nats<extra></extra>",
            **shared,
        )
        random = summary.loc[(kind, "random heads")]
        stroke = {"symbol": "line-ns", "size": 34, "line": {"color": theme.SECOND, "width": 2}}
        fig.add_scatter(
            x=[random["gain"] + random["lost"]],
            y=[2],
            marker=stroke,
            hovertemplate="nothing ablated, the same sequences: %{x:+.2f} nats<extra></extra>",
            **shared,
        )
        measured = (("nothing", theme.SECOND), ("induction heads", theme.BOUNDARY))
        for row, (name, color) in enumerate(measured):
            gain, low, high = summary.loc[(kind, name)][["gain", "gain_low", "gain_high"]]
            fig.add_scatter(
                x=[gain],
                y=[row],
                error_x=whiskers({"mean": [gain], "low": [low], "high": [high]}),
                marker={"color": color, "size": 10},
                hovertemplate=f"{_ROWS[row]}: %{{x:+.2f}} nats<extra></extra>",
                **shared,
            )
        draw_level(fig, x=0, row=1, col=column)
    fig.update_xaxes(title="second minus first time (nats)", matches="x")
    return say_if_empty(fig.update_layout(showlegend=False))


def plot_damage(damage: xr.Dataset) -> go.Figure:
    """Prediction and attention around the damage, with 95 % intervals over sequences.

    Args:
        damage: Result of `damage_repeat`.

    Returns:
        Two panels over the offset from the damaged token: log-probability of the target,
        and the head's attention to where that token stood in the first half.
    """
    fig = _two_panels(damage, title=f"A damaged repeat: {model_of(damage)}")
    for i, name in enumerate(damage["damage"].to_numpy().tolist()):
        label = "no damage" if name == "nothing" else name
        _lines(fig, damage.sel(damage=name), i, along="offset", name=label, hover="offset %{x}")
    draw_level(fig, x=0)
    return say_if_empty(fig.update_xaxes(title="token, counted from the damaged one"))


def plot_shuffle(shuffle: xr.Dataset) -> go.Figure:
    """Prediction and attention in a shuffled second half, by tokens since the order broke.

    Args:
        shuffle: Result of `shuffle_repeat`.

    Returns:
        The panels of `plot_damage`, one above the other. The sizes stand side by side, each a line
        over the tokens of a piece; the dotted line is the first half, where nothing can be known.
    """
    title = f"A second half in shuffled pieces: {model_of(shuffle)}"
    fig = panels(_titles(shuffle), title=title, height=560, rows=2, vertical_spacing=0.12)
    pieces = shuffle["piece"].to_numpy().tolist()
    left, ticks = 0, {}
    for piece in pieces:
        name = f"pieces of {piece}" if piece != pieces[-1] else "order kept"
        one = shuffle.sel(piece=piece).isel(since=slice(piece))
        since = one["since"].to_numpy()
        for row, (variable, unit) in enumerate(_PANELS.items(), 1):
            draw_line(
                fig,
                left + since,
                _along(one[variable], "since"),
                color=theme.SECOND,
                name=name,
                hover=f"{name}, token %{{customdata}}: %{{y:.2f}}{unit}",
                customdata=since,
                **{"row": row, "col": 1, "showlegend": False},
            )
        ticks |= {left + since[-1]: str(since[-1]), left + 1: "1"}
        middle = left + (1 + since[-1]) / 2
        ticks[middle] = f"{ticks.get(middle, '')}<br>{name.removeprefix('pieces ')}"
        left += len(since) + 3
    draw_level(fig, y=float(shuffle["first"].mean()), name="first half", row=1, col=1)
    fig.update_xaxes(tickvals=list(ticks), ticktext=list(ticks.values()), showgrid=False)
    fig.update_xaxes(zeroline=False, tickangle=0, ticks="", range=[0, left - 2])
    fig.update_xaxes(title="token of a piece; below: tokens in each piece", row=2)
    fig.update_yaxes(title="log-probability (nats)", row=1)
    return say_if_empty(fig.update_yaxes(title="attention", range=past_zero(1), row=2))


def plot_distance(distance: xr.Dataset) -> go.Figure:
    """Prediction and attention by the number of tokens between the halves.

    Args:
        distance: Result of `separate_repeat`.

    Returns:
        Two panels as in `plot_damage`; the dotted line is the first half.
    """
    fig = _two_panels(distance, title=f"Halves that lie apart: {model_of(distance)}")
    _lines(fig, distance, along="gap", name="second half", hover="%{x} between")
    first = float(distance["first"].isel(gap=0).mean())
    draw_level(fig, y=first, name="first half", row=1, col=1)
    fig.update_xaxes(title="random tokens between the halves")
    return say_if_empty(fig.update_layout(showlegend=False))


def _titles(data: xr.Dataset) -> list[str]:
    return ["how well it is predicted", f"where {data.attrs['head']} looks"]


def _along(values: xr.DataArray, dim: str) -> xr.Dataset:
    """Means with intervals over the sequences that have a number, at each place along a line."""
    points = [values.sel({dim: [place]}) for place in values[dim].to_numpy()]
    return xr.concat([summarize_known(point) for point in points], dim=dim)


def _two_panels(data: xr.Dataset, *, title: str) -> go.Figure:
    grid = {"shared_yaxes": False, "horizontal_spacing": 0.11}
    fig = panels(_titles(data), title=title, height=440, lines=data["log_prob"].ndim > 2, **grid)
    fig.update_yaxes(title="log-probability (nats)", row=1, col=1)
    fig.update_yaxes(title="attention to the right place", range=past_zero(1), row=1, col=2)
    return fig


def _lines(
    fig: go.Figure, data: xr.Dataset, i: int = 0, *, along: str, name: str, hover: str
) -> None:
    """Draw the i-th line of both panels, with a gap where no sequence has such a token."""
    for column, (variable, unit) in enumerate(_PANELS.items(), 1):
        summary = _along(data[variable], along)
        color = theme.SERIES[i % len(theme.SERIES)]
        said = f"{escape_text(name)}, {hover}: %{{y:.2f}}{unit}"
        place = {"row": 1, "col": column, "showlegend": column == 1, "legendgroup": name}
        x = data[along].to_numpy()
        draw_line(fig, x, summary, color=color, name=name, hover=said, **place)
