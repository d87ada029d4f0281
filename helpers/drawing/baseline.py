"""Measured dots with whiskers over the dots of random draws."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.frame import draw_level, height_of, panels, whiskers


def row_panels(
    titles: Sequence[str], *, title: str, rows: Sequence[str], legend: bool = True
) -> go.Figure:
    """A figure of panels side by side that share their rows.

    Args:
        titles: Title of each panel.
        title: Title of the figure.
        rows: Name of each row, the first on top.
        legend: Whether to keep a line for one.
    """
    height = height_of(len(rows), cell=44) + 40
    fig = panels(titles, title=title, height=height, lines=legend, horizontal_spacing=0.04)
    return fig.update_yaxes(name_rows(rows))


def name_rows(rows: Sequence[str]) -> dict[str, Any]:
    """Axis settings that name the rows of a figure of dots, the first on top."""
    return {
        "tickvals": list(range(len(rows))),
        "ticktext": list(rows),
        "range": [max(len(rows), 1) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
    }


def against_random(
    fig: go.Figure,
    names: Sequence[str],
    summary: xr.Dataset,
    random: np.ndarray,
    *,
    unit: str,
    signed: bool = False,
    column: int = 1,
) -> None:
    """Draw measured dots with whiskers, one a row, over the dots of random draws.

    Args:
        fig: Figure of `row_panels` to draw into.
        names: Name of each row.
        summary: `mean`, `low`, `high`, one entry a row.
        random: One row of draws for each name; NaN is left out.
        unit: Unit, for the hover text.
        signed: Whether to show the sign of the numbers, and a line at 0.
        column: Which panel.
    """
    rows = np.arange(len(names))
    number = "%{x:+.3f}" if signed else "%{x:.3f}"
    shared = {"mode": "markers", "showlegend": column == 1, "row": 1, "col": column}
    draws = random.shape[1]
    fig.add_scatter(
        x=random.ravel(),
        y=np.repeat(rows, draws) + np.tile(spread_out(draws), len(rows)),
        marker={"color": theme.MUTED, "size": 5, "opacity": 0.45},
        name="random heads of the same layers",
        hovertemplate=f"random draw: {number} {unit}<extra></extra>",
        **shared,
    )
    fig.add_scatter(
        x=summary["mean"].to_numpy(),
        y=rows,
        error_x=whiskers(summary),
        marker={"color": theme.SECOND, "size": 10},
        name="measured, with 95 % interval",
        text=list(names),
        hovertemplate=f"%{{text}}: {number} {unit}<extra></extra>",
        **shared,
    )
    if signed:
        draw_level(fig, x=0, row=1, col=column)


def spread_out(count: int, *, by: float = 0.28) -> np.ndarray:
    """Fixed distances from the middle of a row, so that dots of equal value do not hide."""
    return by * np.sin(2.4 * np.arange(count))
