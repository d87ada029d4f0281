"""What stands around the data: titles that say the model, panels, levels, whiskers, notes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from helpers import theme
from helpers.escaping import escape_text

Summary = xr.Dataset | pd.DataFrame | Mapping[str, Sequence[float] | np.ndarray]
"""Anything with `mean`, `low` and `high`: what `summarize` returns, a table, arrays by name."""
_DOTTED = {"color": theme.MUTED, "dash": "dot"}


def model_of(data: xr.DataArray | xr.Dataset) -> str:
    """Name of the model a result was measured on, for titles."""
    return escape_text(data.attrs.get("model", "this model"))


def height_of(rows: int, *, cell: int = theme.CELL, least: int = 260, most: int = 900) -> int:
    """Height of a figure that gives each row a fair share."""
    return min(most, max(least, 140 + rows * cell))


def panels(
    titles: Sequence[str], *, title: str, height: int = theme.HEIGHT, rows: int = 1, **grid: Any
) -> go.Figure:
    """An empty figure of several panels, in the walkthrough's look.

    Panels of a row share their y axis, panels of a column their x axis.

    Args:
        titles: Title of each panel, row by row.
        title: Title of the figure.
        height: Its height in pixels.
        rows: How many rows of panels.
        **grid: More arguments of `make_subplots`: `cols` if some panels have no title …
    """
    grid = {"cols": len(titles) // rows, "shared_xaxes": True, "shared_yaxes": True} | grid
    names = [escape_text(name) for name in titles]
    fig = make_subplots(rows=rows, subplot_titles=names, **grid)
    return fig.update_layout(theme.figure(title=title, height=height).layout)


def draw_level(
    fig: go.Figure,
    *,
    x: int | float | None = None,
    y: int | float | None = None,
    name: str = "",
    **place: Any,
) -> None:
    """Draw a dotted line across at a value of x or of y: chance, or no effect.

    Args:
        fig: Figure to draw into.
        x: Where an upright line stands, or
        y: where a level one lies.
        name: What to write beside it.
        **place: Row and column of a panel; all panels if not given.
    """
    if name:
        note = {"text": name, "font": {"color": theme.MUTED}}
        place |= {"annotation": note, "annotation_position": "bottom right"}
    if x is not None:
        fig.add_vline(x=x, line=_DOTTED, **place)
    if y is not None:
        fig.add_hline(y=y, line=_DOTTED, **place)


def draw_diagonal(fig: go.Figure, ends: Sequence[float] | np.ndarray, *, name: str) -> None:
    """Draw the dotted line on which x and y are equal, between two ends."""
    fig.add_scatter(x=ends, y=ends, mode="lines", line=_DOTTED, name=name, hoverinfo="skip")


def whiskers(summary: Summary, **look: int) -> dict[str, Any]:
    """Error bars of `mean` from `low` to `high`, as plotly takes them.

    Args:
        summary: `mean`, `low` and `high`, one entry a dot.
        **look: `thickness` and `width` in pixels, if others than plotly's.
    """
    mean, low, high = (np.asarray(summary[name]) for name in ("mean", "low", "high"))
    bars = {"type": "data", "symmetric": False, "array": high - mean, "arrayminus": mean - low}
    return bars | look


def note_above(fig: go.Figure, note: str) -> None:
    """Write a note, the chance level for example, between the title and the figure."""
    left = {"x": 0, "xref": "paper", "xanchor": "left"}
    above = {"y": 1, "yref": "paper", "yanchor": "bottom"}
    font = {"color": theme.MUTED, "size": 12}
    fig.add_annotation(text=note, font=font, showarrow=False, **left, **above)
