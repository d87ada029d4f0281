"""Scores of heads: a map of all of them, a ranking of the best, and how firm it is."""

import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.frame import (
    draw_level,
    height_of,
    model_of,
    note_above,
    past_zero,
    say_if_empty,
    whiskers,
)
from helpers.drawing.heatmap import check_dims, map_heads, mean_over_sequences
from helpers.escaping import escape_name, escape_text
from helpers.results import selection_frequency


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
    name = str(title or scores.attrs.get("long_name", scores.name))
    fig = theme.figure(
        title=escape_text(name[:1].upper() + name[1:]),
        width=max(460, min(theme.WIDTH, 240 + 34 * mean.sizes["head"])),
        height=height_of(mean.sizes["layer"]),
        lines=1,
    )
    values = mean.transpose("layer", "head").to_numpy()
    map_heads(fig, values, mark=mark, number=".2f", colorbar="mean attention")
    if "chance" in scores.attrs:
        note_above(fig, f"uniform attention would score {scores.attrs['chance']:.3f}")
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
    if not ranking[by].dropna().is_monotonic_decreasing:
        raise ValueError(
            f"This table is not ranked by {by!r}, nor are its intervals. Use rank_heads(by={by!r})."
        )
    best = ranking.head(top)[::-1]
    fig = theme.figure(
        title=f"Best heads by {escape_text(by.replace('_', ' '))}", height=height_of(len(best))
    )
    fig.add_scatter(
        x=best[by],
        y=[escape_text(head) for head in best["head"]],
        error_x=whiskers(best.assign(mean=best[by])),
        mode="markers",
        marker={"color": theme.SECOND, "size": 9},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    if chance is not None:
        draw_level(fig, x=chance, name="uniform attention")
    fig.update_xaxes(title="score, with 95 % interval over sequences", range=past_zero(1))
    return say_if_empty(fig)


def plot_stability(stability: xr.Dataset, by: str = "induction", *, top: int = 8) -> go.Figure:
    """The best heads with one dot for each seed, and their score where nothing repeats.

    Args:
        stability: Result of `score_stability`.
        by: "induction" or "previous_token".
        top: How many heads to show.

    Returns:
        The best head on top. Whiskers are 95 % intervals over the sequences of all seeds; hollow
        diamonds show the same entries on tokens that do not repeat, for induction; the dotted
        line is what uniform attention scores.

    Raises:
        ValueError: If there is no such score.
    """
    best = selection_frequency(stability, by).head(top)[::-1]
    by_seed = stability[by].mean("sequence")
    names = [str(head) for head in best["head"]]
    name = escape_name(by)
    fig = theme.figure(
        title=f"Best {name} heads over {stability.sizes['seed']} seeds: {model_of(stability)}",
        height=height_of(len(best), cell=34),
        lines=1,
    )
    dots = [by_seed.sel(layer=head.layer, head=head.head).to_numpy() for head in best["head"]]
    seeds = stability["seed"].to_numpy().tolist()
    fig.add_scatter(
        x=[value for row in dots for value in row],
        y=[label for label in names for _ in seeds],
        mode="markers",
        marker={"color": theme.MUTED, "size": 7, "opacity": 0.7},
        text=[f"seed {seed}" for _ in names for seed in seeds],
        hovertemplate="%{y}, %{text}: %{x:.3f}<extra></extra>",
        name="one seed",
    )
    fig.add_scatter(
        x=best[by],
        y=names,
        error_x=whiskers(best.assign(mean=best[by]), thickness=2, width=6),
        mode="markers",
        marker={"color": theme.SECOND, "size": 9, "symbol": "line-ns-open", "line": {"width": 2}},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        name="all seeds, 95 % interval",
    )
    if "unrepeated" in best:
        fig.add_scatter(
            x=best["unrepeated"],
            y=names,
            mode="markers",
            marker={"color": theme.BOUNDARY, "size": 9, "symbol": "diamond-open"},
            cliponaxis=False,
            hovertemplate="%{y}, nothing repeats: %{x:.3f}<extra></extra>",
            name="same entries, nothing repeats",
        )
    draw_level(fig, x=stability[by].attrs["chance"], name="uniform attention")
    fig.update_xaxes(title=f"{name} score", range=past_zero(1))
    return say_if_empty(fig)
