"""What the weights say about the two-head circuit."""

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.metrics import wilson_interval
from helpers.plots.parts import (
    check_dims,
    heatmap,
    height_of,
    label_axis,
    note_above,
    text,
)


def plot_pairs(pairs: xr.Dataset, *, along: str = "keys", k: int = 1) -> go.Figure:
    """Accuracy of every candidate pair of heads.

    Args:
        pairs: Result of `score_candidate_pairs`.
        along: "keys" (softmax runs over keys: the right one) or "queries".
        k: 1 or 5.

    Returns:
        Heatmap, scale fixed at 0..1, blank where the order of the layers forbids the pair.
    """
    accuracy = pairs["accuracy"].sel(along=along, k=k).transpose("previous_name", "induction_name")
    values = accuracy.to_numpy()
    rows = accuracy["previous_name"].to_numpy().tolist()
    columns = accuracy["induction_name"].to_numpy().tolist()
    chance = pairs["accuracy"].attrs["chance"] * k
    fig = theme.figure(
        title=f"Top-{k} accuracy along {text(along)}, {pairs.attrs['tokens']:,} sampled tokens",
        width=640,
        height=height_of(len(rows), cell=34),
    )
    heatmap(
        fig,
        values,
        x=columns,
        y=rows,
        hover="%{customdata[0]} > %{customdata[1]}: %{z:.4f}",
        colorbar="accuracy",
        text=[["" if np.isnan(v) else f"{v:.2f}" for v in row] for row in values],
        texttemplate="%{text}",
    )
    note_above(fig, f"chance: {chance:.4f}")
    fig.update_xaxes(title="induction head", **label_axis(columns))
    fig.update_yaxes(title="previous-token head", **label_axis(rows), autorange="reversed")
    return fig


def plot_ladder(ladder: xr.Dataset) -> go.Figure:
    """Accuracy of one pair on each rung of the embedding ladder, both ways.

    Args:
        ladder: Result of `score_embedding_ladder`.

    Returns:
        Grouped bars of top-1 accuracy, with Wilson's 95 % interval over the tokens; the dotted
        line is chance.
    """
    accuracy = ladder["accuracy"].sel(k=1)
    check_dims(accuracy, ("rung", "along"))
    fig = theme.figure(title=f"{text(ladder.attrs['pair'])} by what stands for a token")
    for along, color in zip(("keys", "queries"), theme.SERIES, strict=False):
        values = accuracy.sel(along=along).to_numpy()
        ends = np.array(
            [wilson_interval(value, ladder.attrs["tokens"]) for value in values.tolist()]
        )
        fig.add_bar(
            x=ladder["rung"].to_numpy(),
            y=values,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": ends[:, 1] - values,
                "arrayminus": values - ends[:, 0],
                "thickness": 1,
            },
            textposition="outside",
            name=f"along {along}",
            marker={"color": color},
            text=[f"{value:.3f}" for value in values],
            hovertemplate="%{x}: %{y:.4f}<extra></extra>",
        )
    fig.add_hline(y=accuracy.attrs["chance"], line={"color": theme.MUTED, "dash": "dot"})
    note_above(fig, f"chance: {accuracy.attrs['chance']:.4f} (dotted)")
    fig.update_xaxes(title="what stands for a token")
    fig.update_yaxes(title=f"top-1 accuracy, {ladder.attrs['tokens']:,} tokens", range=[0, 1])
    return fig
