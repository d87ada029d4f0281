"""One attention pattern as a still picture, the induction stripe marked."""

import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.frame import model_of
from helpers.drawing.heatmap import check_dims, heatmap, label_axis
from helpers.escaping import escape_text


def plot_attention(pattern: xr.DataArray, *, mark_stripe: bool = True) -> go.Figure:
    """Attention of one head: queries down, keys across, blank where it cannot look.

    Args:
        pattern: One head of `get_attention`, over `query` and `key`.
        mark_stripe: Outline the entries of the induction score, if the sequence is a repeat.

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
    fig = theme.figure(title=f"{name} of {model_of(pattern)}", width=720, height=680)
    heatmap(
        fig,
        single.transpose("query", "key").to_numpy(),
        x=places,
        y=places,
        hover="from %{customdata[0]}<br>to %{customdata[1]}<br>attention %{z:.3f}",
        colorbar="attention",
    )
    if mark_stripe and "n" in pattern.attrs:
        n = int(pattern.attrs["n"])
        fig.add_scatter(
            x=[1, n + 1, n + 2, 2, 1],  # at each row half a place left and right of its entry
            y=[n + 0.5, 2 * n + 0.5, 2 * n + 0.5, n + 0.5, n + 0.5],
            mode="lines",
            line={"color": theme.BOUNDARY, "width": 1.5},
            name="where an induction head looks",
            hoverinfo="skip",
            showlegend=True,
        )
    few = len(tokens) <= 40
    labels = label_axis(tokens, most=40) if few else label_axis(range(len(tokens)), most=11)
    fig.update_xaxes(title="key: looked at", **labels, constrain="domain")
    fig.update_yaxes(title="query: looks", **labels, autorange="reversed", scaleanchor="x")
    fig.update_yaxes(constrain="domain")
    return fig.update_layout(margin={"b": 100})
