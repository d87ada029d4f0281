"""Numbers over x with their intervals: lines, bars, and bands behind them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from helpers import theme
from helpers.drawing.frame import Summary, whiskers
from helpers.escaping import escape_text


def draw_band(
    fig: go.Figure,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    color: str,
    name: str,
    **options: Any,
) -> None:
    """Fill the band between two lines.

    Args:
        fig: Figure to draw into.
        x: Where the points stand.
        low: Lower end at each.
        high: Upper end at each.
        color: Colour of the filling, which lets through what is behind it.
        name: Its name in the legend.
        **options: More arguments of `go.Scatter`; `row` and `col` are the panel.
    """
    fig.add_scatter(
        x=[*x, *x[::-1]],
        y=[*high, *low[::-1]],
        mode="lines",
        fill="toself",
        fillcolor=color,
        line={"width": 0},
        name=name,
        hoverinfo="skip",
        **options,
    )


def draw_line(
    fig: go.Figure,
    x: np.ndarray,
    summary: Summary,
    *,
    color: str,
    name: str,
    hover: str,
    size: int = 6,
    **options: Any,
) -> None:
    """Draw a line with a dot and a whisker at each point.

    Args:
        fig: Figure to draw into.
        x: Where the points stand.
        summary: `mean`, `low` and `high` at each; NaN is a gap.
        color: Colour of line and dots.
        name: Its name in the legend.
        hover: Template of the hover text, without the name: `%{x}` and `%{y}` are the point.
        size: Size of the dots.
        **options: More arguments of `go.Scatter`; `row` and `col` are the panel.
    """
    fig.add_scatter(
        x=x,
        y=np.asarray(summary["mean"]),
        error_y=whiskers(summary, thickness=1, width=2),
        mode="lines+markers",
        marker={"size": size, "color": color},
        line={"width": 1.5, "color": color},
        name=escape_text(name),
        hovertemplate=f"{hover}<extra></extra>",
        **options,
    )


def draw_bars(
    fig: go.Figure,
    x: np.ndarray | Sequence[str],
    summary: Summary,
    *,
    color: str,
    hover: str,
    thickness: int = 2,
    **options: Any,
) -> None:
    """Draw a bar with a whisker at each point; a bar of no height is a stroke.

    Args:
        fig: Figure to draw into.
        x: Where the bars stand.
        summary: `mean`, `low` and `high` of each.
        color: Their colour.
        hover: Template of the hover text: `%{x}` and `%{y}` are place and height.
        thickness: Thickness of the whiskers.
        **options: More arguments of `go.Bar`; `row` and `col` are the panel.
    """
    fig.add_bar(
        x=x,
        y=np.asarray(summary["mean"]),
        error_y=whiskers(summary, thickness=thickness) | {"color": theme.INK},
        marker={"color": color, "opacity": 0.6, "line": {"color": color, "width": 2}},
        hovertemplate=f"{hover}<extra></extra>",
        **options,
    )
