"""Who writes what a later head reads, and who of them looks back."""

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.dot_names import name_dots
from helpers.drawing.frame import draw_level, largest, model_of, past_zero, say_if_empty
from helpers.heads import Head

_NAMED = 3
"""How many heads the scatter names at the far end of each axis."""


def plot_composition_and_attention(
    composition: xr.Dataset,
    scores: xr.Dataset,
    target: str | Head,
    *,
    mark: str | Head | None = None,
) -> go.Figure:
    """Does it feed the head, and does it look back? Every earlier head in one picture.

    Top right are heads that do both. Top left is written where the target reads, but by heads
    that do not look back; bottom right are previous-token heads that this target does not read.

    Args:
        composition: Result of `score_composition`.
        scores: Result of `score_heads`.
        target: The later head.
        mark: An earlier head to point out.

    Returns:
        One dot a head; the band is mean ± 2 sd of two random heads, the dotted line what uniform
        attention scores. The outermost heads on each axis are named.

    Raises:
        ValueError: If the target is in layer 0: nothing comes before it.
    """
    later = Head.parse(target)
    earlier, values = _into(composition, later)
    looks = scores["previous_token"].mean("sequence").transpose("layer", "head").to_numpy()
    x = np.array([looks[head.layer, head.head] for head in earlier])
    fig = theme.figure(title=f"Feeding {later}, and looking back: {model_of(composition)}")
    hover = "%{text}: looks back %{x:.3f}, composes %{y:.3f}"
    _draw_heads(fig, composition, x, values, earlier, hover=hover)
    named = {int(i) for axis in (x, values) for i in np.argsort(-axis)[:_NAMED]}
    color = [theme.MUTED] * len(earlier)
    if mark is not None:
        place = earlier.index(Head.parse(mark))
        named.add(place)
        color[place] = theme.INK
        ring = {"color": theme.BOUNDARY, "size": 11, "symbol": "circle-open", "line": {"width": 2}}
        ring = {"mode": "markers", "marker": ring, "showlegend": False, "hoverinfo": "skip"}
        fig.add_scatter(x=[x[place]], y=[values[place]], **ring)
    names = [str(head) if i in named else "" for i, head in enumerate(earlier)]
    top = max(largest(values), _band(composition)[1])
    ends = (past_zero(1), past_zero(top, share=0.06))
    name_dots(fig, np.column_stack([x, values]), names, color=color, ends=ends)
    draw_level(fig, x=scores["previous_token"].attrs.get("chance"))
    fig.update_xaxes(title="previous-token score (dotted: uniform attention)")
    return say_if_empty(fig.update_yaxes(title=f"K-composition into {later}"))


def _into(composition: xr.Dataset, later: Head) -> tuple[list[Head], np.ndarray]:
    """All heads of earlier layers, and how each composes into one head."""
    if later.layer == 0:
        raise ValueError(f"{later} is in the first layer: no earlier head can feed it.")
    into = composition["k_composition"].sel(layer_to=later.layer, head_to=later.head)
    earlier = into.isel(layer_from=slice(0, later.layer)).transpose("layer_from", "head_from")
    values = earlier.to_numpy()
    return [Head(int(layer), int(head)) for layer, head in np.ndindex(values.shape)], values.ravel()


def _draw_heads(
    fig: go.Figure, data: xr.Dataset, x: np.ndarray, y: np.ndarray, heads: list[Head], *, hover: str
) -> None:
    """A dot for each head, over the band of random ones."""
    low, high = _band(data)
    fig.add_hrect(
        y0=low,
        y1=high,
        fillcolor=theme.MUTED,
        opacity=0.3,
        line_width=0,
        annotation={"text": "two random heads (mean ± 2 sd)", "font": {"color": theme.MUTED}},
        annotation_position="bottom right",
    )
    fig.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"color": theme.SECOND, "size": 7, "opacity": 0.8},
        text=[str(head) for head in heads],
        hovertemplate=hover + "<extra></extra>",
        showlegend=False,
    )


def _band(data: xr.Dataset) -> tuple[float, float]:
    """Between which values 95 % of random heads lie: mean ± 2 sd."""
    mean, sd = (float(data.attrs[key]) for key in ("random_mean", "random_sd"))
    return mean - 2 * sd, mean + 2 * sd
