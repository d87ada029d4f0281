"""Measured dots with whiskers over the dots of random draws."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from helpers import theme
from helpers.plots.parts import height_of, text


def against_random(
    fig: go.Figure,
    names: Sequence[str],
    summary: xr.Dataset,
    random: np.ndarray,
    *,
    unit: str,
    signed: bool = False,
    **place: int,
) -> None:
    """Draw measured dots with whiskers, one a row, over the dots of random draws.

    Args:
        fig: Figure to draw into.
        names: Name of each row.
        summary: `mean`, `low`, `high`, one entry a row.
        random: One row of draws for each name; NaN is left out.
        unit: Unit, for the hover text.
        signed: Whether to show the sign of the numbers, and a line at 0.
        **place: Row and column of a panel.
    """
    mean = summary["mean"].to_numpy()
    rows = np.arange(len(names))
    number = "%{x:+.3f}" if signed else "%{x:.3f}"
    first = place.get("col", 1) == 1 and place.get("row", 1) == 1
    fig.add_scatter(
        x=random.ravel(),
        y=np.repeat(rows, random.shape[1]) + np.tile(_jitter(random.shape[1]), len(rows)),
        mode="markers",
        marker={"color": theme.MUTED, "size": 5, "opacity": 0.45},
        name="random heads of the same layers",
        showlegend=first,
        hovertemplate=f"random draw: {number} {unit}<extra></extra>",
        **place,
    )
    fig.add_scatter(
        x=mean,
        y=rows,
        error_x=whiskers(summary),
        mode="markers",
        marker={"color": theme.SECOND, "size": 10},
        name="measured, with 95 % interval",
        showlegend=first,
        text=list(names),
        hovertemplate=f"%{{text}}: {number} {unit}<extra></extra>",
        **place,
    )
    if signed:
        fig.add_vline(x=0, line={"color": theme.MUTED, "dash": "dot"}, **place)  # type: ignore[arg-type]


def habit(name: object) -> str:
    """Name of a group as people write it."""
    return text(str(name).replace("_", "-"))


def panels(titles: Sequence[str], *, title: str, rows: Sequence[str]) -> go.Figure:
    """A figure of panels side by side that share their rows.

    Args:
        titles: Title of each panel.
        title: Title of the figure.
        rows: Name of each row, the first on top.
    """
    fig = make_subplots(
        rows=1,
        cols=len(titles),
        shared_yaxes=True,
        subplot_titles=[text(name) for name in titles],
        horizontal_spacing=0.04,
    )
    look = theme.figure(title=title, height=height_of(len(rows), cell=44) + 60)
    fig.update_layout(look.layout)
    fig.update_layout(
        margin={"t": 120, "l": 130},
        title={"y": 0.97, "yanchor": "top"},
        legend={"yref": "container", "y": 0.88, "yanchor": "top"},
    )
    fig.update_annotations(yshift=-4)
    fig.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=list(rows),
        range=[len(rows) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )
    return fig


def whiskers(summary: xr.Dataset) -> dict[str, object]:
    """Error bars of `mean` from `low` to `high`, as plotly takes them."""
    mean = summary["mean"].to_numpy()
    return {
        "type": "data",
        "symmetric": False,
        "array": summary["high"].to_numpy() - mean,
        "arrayminus": mean - summary["low"].to_numpy(),
    }


def _jitter(count: int) -> np.ndarray:
    """A fixed spread, so that dots of equal value do not hide each other."""
    return 0.28 * np.sin(2.4 * np.arange(count))
