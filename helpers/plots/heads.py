"""Scores of heads: a map of all of them, and a ranking of the best."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.heads import Head
from helpers.plots.parts import (
    check_dims,
    heatmap,
    height_of,
    label_axis,
    mean_over_sequences,
    note_above,
    text,
)


def plot_head_scores(scores: xr.DataArray, *, mark: int = 3, title: str | None = None) -> go.Figure:
    """Map of one score over all heads, scale fixed at 0..1, the best heads named.

    Args:
        scores: One score of `score_heads`, over `layer` and `head` (and `sequence`, which is
            averaged).
        mark: How many of the highest heads to name in the map.
        title: Title; the score's own name if not given.

    Returns:
        Heatmap with the chance level (uniform attention) marked on the scale.

    Raises:
        ValueError: If the dimensions are others.
    """
    mean = mean_over_sequences(scores)
    check_dims(mean, ("layer", "head"))
    values = mean.transpose("layer", "head").to_numpy()
    layers, heads = values.shape
    chance = scores.attrs.get("chance")
    name = str(title or scores.attrs.get("long_name", scores.name))
    fig = theme.figure(
        title=text(name[:1].upper() + name[1:]),
        width=max(460, min(theme.WIDTH, 240 + 34 * heads)),
        height=height_of(layers),
    )
    heatmap(
        fig,
        values,
        x=range(heads),
        y=range(layers),
        hover="L%{customdata[0]}H%{customdata[1]}: %{z:.3f}",
        colorbar="mean attention",
    )
    order = np.argsort(-values, axis=None, kind="stable")[:mark]
    for layer, head in zip(*np.unravel_index(order, values.shape), strict=True):
        value = values[layer, head]
        fig.add_annotation(
            x=int(head),
            y=int(layer),
            text=f"{value:.2f}",
            showarrow=False,
            font={"size": 10, "color": theme.PAPER if value > 0.5 else theme.INK},
        )
    if chance is not None:
        note_above(fig, f"uniform attention would score {chance:.3f}")
    fig.update_xaxes(title="head", **label_axis(range(heads)))
    fig.update_yaxes(title="layer", **label_axis(range(layers)), autorange="reversed")
    return fig


def plot_ranking(
    ranking: pd.DataFrame, *, by: str = "induction", top: int = 15, chance: float | None = None
) -> go.Figure:
    """The best heads with the 95 % interval of their score.

    Args:
        ranking: Table from `rank_heads`.
        by: The score it was ranked by.
        top: How many heads to show.
        chance: Level to draw in, for example `scores["induction"].attrs["chance"]`.

    Returns:
        Dots with whiskers, the best head on top.

    Raises:
        ValueError: If the table has no such score or was ranked by another.
    """
    if by not in ranking:
        raise ValueError(f"The table has no score {by!r}; it has {', '.join(ranking.columns)}.")
    if not ranking[by].is_monotonic_decreasing:
        raise ValueError(
            f"This table is not ranked by {by!r}, nor are its intervals. Use rank_heads(by={by!r})."
        )
    best = ranking.head(top)[::-1]
    fig = theme.figure(
        title=f"Best heads by {text(by.replace('_', ' '))}", height=height_of(len(best))
    )
    fig.add_scatter(
        x=best[by],
        y=[_name(head) for head in best["head"]],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": best["high"] - best[by],
            "arrayminus": best[by] - best["low"],
        },
        mode="markers",
        marker={"color": theme.SECOND, "size": 9},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    if chance is not None:
        fig.add_vline(
            x=chance,
            line={"color": theme.MUTED, "dash": "dot"},
            annotation={"text": "uniform attention", "font": {"color": theme.MUTED}},
            annotation_position="bottom right",
        )
    fig.update_xaxes(title="score, with 95 % interval over sequences", range=[0, 1])
    return fig


def _name(head: Head | str) -> str:
    return text(head)
