"""One attention pattern as a still picture, the induction stripe marked."""

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.frame import model_of
from helpers.drawing.heatmap import check_dims, heatmap, label_axis
from helpers.escaping import escape_text

_CLEAR = 0.35
"""How far the line around the stripe keeps from its entries, in entries."""


def plot_attention(pattern: xr.DataArray, *, mark_stripe: bool = True) -> go.Figure:
    """Attention of one head: queries down, keys across, blank where it cannot look.

    Args:
        pattern: One head of `get_attention`, over `query` and `key`.
        mark_stripe: Draw a line around the entries of the induction score, if the sequence is a
            repeat.

    Returns:
        Heatmap, scale fixed at 0..1.

    Raises:
        ValueError: If the dimensions are others; select one head first.
    """
    single = pattern.squeeze("head_name") if pattern.sizes.get("head_name") == 1 else pattern
    check_dims(single, ("query", "key"))
    tokens = [str(token) for token in single["key_token"].to_numpy()]
    places = [f"{i} {token}" for i, token in enumerate(tokens)]
    name = escape_text(single["head_name"].item()) if "head_name" in single.coords else "head"
    n = int(pattern.attrs["n"]) if mark_stripe and "n" in pattern.attrs else None
    title = f"{name} of {model_of(pattern)}"
    if "interventions" in pattern.attrs:
        title += f", {escape_text(str(pattern.attrs['interventions']).split(' (')[0])}"
    fig = theme.figure(title=title, width=720, height=680, lines=n is not None)
    heatmap(
        fig,
        single.transpose("query", "key").to_numpy(),
        x=places,
        y=places,
        hover="from %{customdata[0]}<br>to %{customdata[1]}<br>attention %{z:.3f}",
        colorbar="attention",
    )
    if n is not None:
        near, far = 0.5 + _CLEAR, n - 0.5 + _CLEAR  # from the first entry: query n + 1, key 2
        fig.add_scatter(
            x=2 + np.array([-near, near, far, far, far - 2 * near, -near, -near]),
            # The lowest line lies on the edge of the map: past that it would not be drawn.
            y=n + 1 + np.array([-near, -near, far - 2 * near, n - 0.5, n - 0.5, near, -near]),
            mode="lines",
            line={"color": theme.BOUNDARY, "width": 1.5},
            name="where an induction head looks",
            cliponaxis=False,
            hoverinfo="skip",
            showlegend=True,
        )
    few = len(tokens) <= 40
    labels = label_axis(tokens, most=40) if few else label_axis(range(len(tokens)), most=11)
    labels |= {"constrain": "domain"}
    ends = [-0.5, len(tokens) - 0.5]
    fig.update_xaxes(title="key: looked at", **labels, range=ends, tickangle=-90 if few else 0)
    return fig.update_yaxes(title="query: looks", **labels, range=ends[::-1], scaleanchor="x")
