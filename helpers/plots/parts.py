"""What several plots share: heatmaps on integer positions, titles that say the model, texts."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.visible import visible


def text(value: object) -> str:
    """Text as it is: plotly reads HTML, and TeX between dollars, in labels; tokens must not."""
    return html.escape(visible(value), quote=False).replace("$", "&#36;")


def mean_over_sequences(data: xr.DataArray) -> xr.DataArray:
    """Average over sequences if there is such a dimension."""
    return data.mean("sequence", keep_attrs=True) if "sequence" in data.dims else data


def check_dims(data: xr.DataArray, wanted: Sequence[str]) -> None:
    """Refuse an array that does not have just these dimensions.

    Raises:
        ValueError: If dimensions are missing or left over.
    """
    if set(data.dims) != set(wanted):
        raise ValueError(
            f"Expected the dimensions {tuple(wanted)}, got {tuple(data.dims)}. "
            "Select or average the others first."
        )


def heatmap(
    fig: go.Figure,
    values: np.ndarray,
    *,
    x: Sequence[object],
    y: Sequence[object],
    hover: str,
    effect: bool = False,
    limit: float | None = None,
    colorbar: str = "",
    **options: Any,
) -> go.Figure:
    """Draw a heatmap on integer positions, with labels as tick texts.

    Equal labels on an axis would be merged into one row without a word.

    Args:
        fig: Figure to draw into.
        values: Numbers, rows along y; NaN stays blank.
        x: Label of each column.
        y: Label of each row.
        hover: Template of the hover text: `%{customdata[0]}` is the row, `[1]` the column,
            `%{z}` the value.
        effect: Signed effects (diverging, centred at 0) instead of attention (0..1).
        limit: Largest absolute effect of the scale; taken from the data if not given.
        colorbar: Title of the scale.
        **options: More arguments of `go.Heatmap`.

    Returns:
        The same figure.
    """
    if effect:
        if limit is None:
            limit = float(np.nanmax(np.abs(values), initial=0.0))
        limit = limit or 1e-9
        scale = {"colorscale": theme.EFFECT, "zmin": -limit, "zmax": limit, "zmid": 0.0}
    else:
        scale = {"colorscale": theme.ATTENTION, "zmin": 0.0, "zmax": 1.0}
    columns, rows = np.meshgrid([text(label) for label in x], [text(label) for label in y])
    fig.add_heatmap(
        z=values,
        x=np.arange(len(x)),
        y=np.arange(len(y)),
        customdata=np.stack([rows, columns], axis=-1),
        hovertemplate=hover + "<extra></extra>",
        colorbar={"title": {"text": colorbar, "side": "right"}, "thickness": 12},
        hoverongaps=False,
        **scale,
        **options,
    )
    return fig


def label_axis(labels: Sequence[object], *, most: int = 60) -> dict[str, Any]:
    """Axis settings that show labels at integer positions, thinned out if there are too many."""
    step = max(1, -(-len(labels) // most))
    places = list(range(0, len(labels), step))
    return {
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [text(labels[place]) for place in places],
        "showgrid": False,
        "zeroline": False,
    }


def height_of(rows: int, *, cell: int = theme.CELL, least: int = 260, most: int = 900) -> int:
    """Height of a figure that gives each row a fair share."""
    return min(most, max(least, 140 + rows * cell))


def model_of(data: xr.DataArray | xr.Dataset) -> str:
    """Name of the model a result was measured on, for titles."""
    return text(data.attrs.get("model", "this model"))


def note_above(fig: go.Figure, note: str) -> None:
    """Write a note, the chance level for example, between the title and the figure."""
    fig.add_annotation(
        x=0,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        text=note,
        font={"color": theme.MUTED, "size": 12},
    )
