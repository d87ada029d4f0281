"""Numbers on a grid as colours: attention over 0..1, signed effects centred at 0."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.arguments import say_value
from helpers.drawing.frame import note_above, say_if_empty
from helpers.escaping import escape_text


def mean_over_sequences(data: xr.DataArray) -> xr.DataArray:
    """Average over sequences if there is such a dimension."""
    return data.mean("sequence", keep_attrs=True) if "sequence" in data.dims else data


def check_dims(data: xr.DataArray, wanted: Sequence[str]) -> None:
    """Refuse an array that does not have just these dimensions.

    Raises:
        TypeError: If it is no labelled array.
        ValueError: If dimensions are missing or left over.
    """
    if not isinstance(data, xr.DataArray):
        raise TypeError(
            f"A labelled array over {', '.join(wanted)} is drawn here, not {say_value(data)}."
        )
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
    units: str = "",
    colorbar: str = "",
    **options: Any,
) -> go.Figure:
    """Draw a heatmap on integer positions, with labels as tick texts.

    Equal labels on an axis would be merged into one row without a word. Where its colours end is
    written above a map of effects: no two of these have the same scale. A map without a number
    says so.

    Args:
        fig: Figure to draw into.
        values: Numbers, rows along y; NaN stays blank.
        x: Label of each column.
        y: Label of each row.
        hover: Template of the hover text: `%{customdata[0]}` is the row, `[1]` the column,
            `%{z}` the value.
        effect: Signed effects (diverging, centred at 0) instead of attention (0..1).
        units: Units of effects, after a space.
        colorbar: Title of the scale.
        **options: More arguments of `go.Heatmap`.

    Returns:
        The same figure.
    """
    if effect:
        limit = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
        scale = {"colorscale": theme.EFFECT, "zmin": -limit, "zmax": limit, "zmid": 0.0}
        note_above(fig, f"colours end at ±{limit:.2g}{units}")
    else:
        scale = {"colorscale": theme.ATTENTION, "zmin": 0.0, "zmax": 1.0}
    columns, rows = np.meshgrid(
        [escape_text(label) for label in x], [escape_text(label) for label in y]
    )
    fig.add_heatmap(
        z=values,
        x=np.arange(len(x)),
        y=np.arange(len(y)),
        customdata=np.stack([rows, columns], axis=-1),
        hovertemplate=hover + "<extra></extra>",
        colorbar={
            "title": {"text": colorbar, "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
            "tickcolor": theme.MUTED,
        },
        hoverongaps=False,
        **scale,
        **options,
    )
    return say_if_empty(fig.update_layout(plot_bgcolor=theme.GAP))


def map_heads(
    fig: go.Figure,
    values: np.ndarray,
    *,
    mark: int,
    number: str,
    units: str = "",
    effect: bool = False,
    colorbar: str = "",
) -> None:
    """Draw a number for every head: layers down, heads across, the strongest written out.

    Args:
        fig: Figure to draw into.
        values: Numbers over layer and head.
        mark: How many of the highest (of effects: the largest either way) to write into the map.
        number: Format of these: ".2f".
        units: Units, for the hover text.
        effect: Signed effects instead of scores (0..1).
        colorbar: Title of the scale.
    """
    layers, heads = (range(size) for size in values.shape)
    hover = f"L%{{customdata[0]}}H%{{customdata[1]}}: %{{z:{'+' if effect else ''}.3f}}{units}"
    look = {"effect": effect, "units": units, "colorbar": colorbar}
    heatmap(fig, values, x=heads, y=layers, hover=hover, **look)
    strength = np.nan_to_num(np.abs(values) if effect else values, nan=-1.0)
    strong = 0.6 * strength.max(initial=0.0) if effect else 0.5
    order = np.argsort(-strength, axis=None, kind="stable")[:mark]
    for layer, head in zip(*np.unravel_index(order, values.shape), strict=True):
        if strength[layer, head] < 0:
            break  # from here on there are no numbers
        color = theme.ON_STRONG if strength[layer, head] > strong else theme.ON_WEAK
        font = {"size": 10, "color": color}
        text = format(values[layer, head], number.replace(".", "z."))
        fig.add_annotation(x=int(head), y=int(layer), text=text, font=font, showarrow=False)
    fig.update_xaxes(title="head", **label_axis(heads))
    fig.update_yaxes(title="layer", **label_axis(layers), autorange="reversed")


def label_axis(labels: Sequence[object], *, most: int = 60) -> dict[str, Any]:
    """Axis settings that show labels at integer positions, thinned out if there are too many."""
    step = max(1, -(-len(labels) // most))
    places = list(range(0, len(labels), step))
    return {
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [escape_text(labels[place]) for place in places],
        "showgrid": False,
        "zeroline": False,
    }
