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
from helpers.results import summarize

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
    titles: Sequence[str],
    *,
    title: str,
    height: int = theme.HEIGHT,
    lines: int = 0,
    rows: int = 1,
    **grid: Any,
) -> go.Figure:
    """An empty figure of several panels, in the walkthrough's look.

    Panels of a row share their y axis, panels of a column their x axis.

    Args:
        titles: Title of each panel, row by row.
        title: Title of the figure.
        height: Its height in pixels.
        lines: Lines of small print under the title, as in `theme.figure`; the titles of the
            panels come on top of these.
        rows: How many rows of panels.
        **grid: More arguments of `make_subplots`: `cols` if some panels have no title …
    """
    titles = titles or [""]
    grid = {"cols": len(titles) // rows, "shared_xaxes": True, "shared_yaxes": True} | grid
    names = [escape_text(name) for name in titles]
    fig = theme.figure(title=title, height=height, lines=lines + any(titles))
    make_subplots(rows=rows, subplot_titles=names, figure=fig, **grid)
    return fig.update_annotations(font={"size": 14})


def draw_level(
    fig: go.Figure,
    *,
    x: int | float | None = None,
    y: int | float | None = None,
    name: str = "",
    where: str = "bottom right",
    **place: Any,
) -> None:
    """Draw a dotted line across at a value of x or of y: chance, or no effect.

    Args:
        fig: Figure to draw into.
        x: Where an upright line stands, or
        y: where a level one lies.
        name: What to write beside it.
        where: At which end and side of it.
        **place: Row and column of a panel; all panels if not given.
    """
    if name:
        note = {"text": name, "font": {"color": theme.MUTED}}
        place |= {"annotation": note, "annotation_position": where}
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


def summarize_known(values: xr.DataArray) -> xr.Dataset:
    """The same as `summarize`, over the sequences that have numbers; NaN if none has."""
    known = values.dropna("sequence")
    if known.size:
        return summarize(known)
    blank = values.mean("sequence") * np.nan
    return xr.Dataset(dict.fromkeys(("mean", "low", "high"), blank))


def largest(*arrays: xr.DataArray | np.ndarray) -> float:
    """The largest number above 0 in any of them; 0 if there is none."""
    return max(float(np.nanmax(np.asarray(array), initial=0.0)) for array in arrays)


def past_zero(top: int | float, *, share: float = 0.03) -> list[float]:
    """Ends of an axis from 0 to `top` with room for whole dots at either end."""
    top = top if top > 0 else 1.0
    return [-share * top, (1 + share) * top]


def say_if_empty(fig: go.Figure) -> go.Figure:
    """Write into a figure that it shows nothing, if no trace one can point at has a number."""
    traces: Any = fig.data
    for trace in (trace for trace in traces if trace.hoverinfo != "skip"):
        parts = ("z",) if trace.type == "heatmap" else ("x", "y")
        if all(pd.notna(np.ravel(trace[part])).any() for part in parts):
            return fig
    middle = {"x": 0.5, "xref": "paper", "y": 0.5, "yref": "paper", "showarrow": False}
    return fig.add_annotation(text="nothing was measured", **middle)


def note_above(fig: go.Figure, note: str) -> None:
    """Write a note, the chance level for example, between the title and the figure."""
    left = {"x": 0, "xref": "paper", "xanchor": "left"}
    above = {"y": 1, "yref": "paper", "yanchor": "bottom"}
    font = {"color": theme.MUTED, "size": 12}
    fig.add_annotation(text=note, font=font, showarrow=False, align="left", **left, **above)
