"""Induction on text: heads beside their scores on random tokens, and the gain of a second time."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.heads import Head
from helpers.plots.dots import panels
from helpers.plots.parts import check_dims, model_of
from helpers.results import correlate_scores, summarize

_ROWS = {
    "nothing": ("nothing removed", theme.SECOND),
    "induction heads": ("induction heads removed", theme.SEAM),
    "random heads": ("random heads removed", theme.MUTED),
}


def plot_text_scores(scores: xr.Dataset, *, mark: int = 4) -> go.Figure:
    """Every head's induction score on text against its score on random tokens.

    Args:
        scores: Result of `score_text_induction`.
        mark: How many of the best heads of each kind to name.

    Returns:
        One dot a head, with a 95 % interval over texts; the dotted lines are what uniform
        attention would score. The title says the correlation over heads (of values, of ranks).

    Raises:
        ValueError: If the dimensions are others.
    """
    check_dims(scores["text"], ("sequence", "layer", "head"))
    flat = summarize(scores["text"]).stack(flat=("layer", "head"))
    random = scores["random"].stack(flat=("layer", "head")).to_numpy()
    mean = flat["mean"].to_numpy()
    names = [str(Head(int(layer), int(head))) for layer, head in flat["flat"].to_numpy()]
    named = {*np.argsort(-mean)[:mark].tolist(), *np.argsort(-random)[:mark].tolist()}
    agreement = correlate_scores(scores["random"], scores["text"].mean("sequence"))
    fig = theme.figure(
        title=f"Induction scores, {model_of(scores)}: "
        f"r = {agreement['pearson']:.2f}, of ranks {agreement['spearman']:.2f}",
        height=480,
    )
    fig.add_scatter(
        x=random,
        y=mean,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": flat["high"].to_numpy() - mean,
            "arrayminus": mean - flat["low"].to_numpy(),
            "thickness": 1,
            "width": 0,
        },
        mode="markers+text",
        marker={"color": theme.SECOND, "size": 7, "opacity": 0.75},
        text=[name if i in named else "" for i, name in enumerate(names)],
        textposition="top left",
        textfont={"size": 11},
        customdata=names,
        hovertemplate="%{customdata}: %{x:.3f} on random tokens, %{y:.3f} on text<extra></extra>",
    )
    for name, line in (("text", fig.add_hline), ("random", fig.add_vline)):
        level = float(scores[name].attrs["chance"])
        line(level, line={"color": theme.MUTED, "dash": "dot"})
    fig.update_xaxes(title="score on random tokens (dotted: uniform attention)", range=[-0.03, 1])
    top = float(flat["high"].max())
    fig.update_yaxes(title="score on text", range=[-0.06 * top, 1.06 * top])
    return fig


def plot_text_repeats(repeats: xr.Dataset, summary: pd.DataFrame) -> go.Figure:
    """How much better text is predicted the second time, with heads and without.

    Args:
        repeats: Result of `measure_text_repeats`.
        summary: Result of `summarize_text_repeats`.

    Returns:
        A panel for each kind of repeat: dots with 95 % intervals over sequences, and a grey dot
        for each draw of random heads, beside a stroke for nothing removed on the same sequences.
        At 0 the second time is no better than the first.
    """
    kinds = repeats["kind"].to_numpy().tolist()
    fig = panels(
        kinds,
        title=f"Gain of the second time: {model_of(repeats)}",
        rows=[label for label, _ in _ROWS.values()],
    )
    for column, kind in enumerate(kinds, 1):
        drawn = repeats["random"].sel(kind=kind)
        gains = drawn.sel(occurrence="second") - drawn.sel(occurrence="first")
        fig.add_scatter(
            x=gains.to_numpy(),
            y=2 + 0.28 * np.sin(2.4 * np.arange(gains.size)),
            mode="markers",
            marker={"color": theme.MUTED, "size": 6, "opacity": 0.5},
            hovertemplate="a draw of random heads: %{x:+.2f} nats<extra></extra>",
            row=1,
            col=column,
        )
        random = summary.loc[(kind, "random heads")]
        fig.add_scatter(
            x=[random["gain"] + random["lost"]],
            y=[2],
            mode="markers",
            marker={
                "symbol": "line-ns",
                "size": 34,
                "line": {"color": theme.SECOND, "width": 2},
            },
            hovertemplate="nothing removed, the same sequences: %{x:+.2f} nats<extra></extra>",
            row=1,
            col=column,
        )
        for row, (name, (label, color)) in enumerate([*_ROWS.items()][:2]):
            entry = summary.loc[(kind, name)]
            fig.add_scatter(
                x=[entry["gain"]],
                y=[row],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [entry["gain_high"] - entry["gain"]],
                    "arrayminus": [entry["gain"] - entry["gain_low"]],
                },
                mode="markers",
                marker={"color": color, "size": 10},
                hovertemplate=f"{label}: %{{x:+.2f}} nats<extra></extra>",
                row=1,
                col=column,
            )
        fig.add_vline(x=0, line={"color": theme.MUTED, "dash": "dot"}, row=1, col=column)  # type: ignore[arg-type]
        fig.update_xaxes(title="log-probability, second minus first (nats)", row=1, col=column)
    fig.update_layout(showlegend=False, margin={"l": 180, "t": 90})
    return fig
