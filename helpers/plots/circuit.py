"""What the weights say about the two-head circuit."""

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.heads import Head
from helpers.plots.parts import check_dims, heatmap, height_of, label_axis, model_of, text


def plot_composition(
    composition: xr.Dataset, target: str | Head, *, mark: str | Head | None = None
) -> go.Figure:
    """K-composition of every earlier head into one head, with the band of random heads.

    Args:
        composition: Result of `score_composition`.
        target: The later head.
        mark: An earlier head to point out.

    Returns:
        One dot a head, by layer; the band is mean ± 2 sd of two random heads.

    Raises:
        ValueError: If the target is in layer 0: nothing comes before it.
    """
    later = Head.parse(target)
    if later.layer == 0:
        raise ValueError(f"{later} is in the first layer: no earlier head can feed it.")
    into = composition["k_composition"].sel(layer_to=later.layer, head_to=later.head)
    earlier = into.isel(layer_from=slice(0, later.layer)).transpose("layer_from", "head_from")
    values = earlier.to_numpy()
    layers, heads = (index.ravel() for index in np.indices(values.shape))
    names = [str(Head(int(a), int(b))) for a, b in zip(layers, heads, strict=True)]
    fig = theme.figure(title=f"K-composition into {later}: {model_of(composition)}")
    mean, sd = (float(composition.attrs[key]) for key in ("random_mean", "random_sd"))
    fig.add_hrect(
        y0=mean - 2 * sd,
        y1=mean + 2 * sd,
        fillcolor=theme.MUTED,
        opacity=0.3,
        line_width=0,
        annotation={"text": "two random heads (mean ± 2 sd)", "font": {"color": theme.MUTED}},
        annotation_position="bottom right",
    )
    fig.add_scatter(
        x=layers + (heads - heads.mean()) * 0.6 / max(1, heads.max()),
        y=values.ravel(),
        mode="markers",
        marker={"color": theme.SECOND, "size": 7, "opacity": 0.8},
        text=names,
        hovertemplate="%{text}: %{y:.3f}<extra></extra>",
        showlegend=False,
    )
    if mark is not None:
        marked = Head.parse(mark)
        place = names.index(str(marked))
        fig.add_scatter(
            x=[layers[place] + (heads[place] - heads.mean()) * 0.6 / max(1, heads.max())],
            y=[values.ravel()[place]],
            mode="markers+text",
            text=[str(marked)],
            textposition="top center",
            marker={"color": theme.SEAM, "size": 11, "symbol": "circle-open", "line": {"width": 2}},
            showlegend=False,
            hoverinfo="skip",
        )
    fig.update_xaxes(title="layer of the earlier head", dtick=1)
    fig.update_yaxes(title="K-composition score", rangemode="tozero")
    return fig


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
    fig.add_annotation(
        x=0,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        text=f"chance: {chance:.4f}",
        font={"color": theme.MUTED, "size": 12},
    )
    fig.update_xaxes(title="induction head", **label_axis(columns))
    fig.update_yaxes(title="previous-token head", **label_axis(rows), autorange="reversed")
    return fig


def plot_ladder(ladder: xr.Dataset) -> go.Figure:
    """Accuracy of one pair on each rung of the embedding ladder, both ways.

    Args:
        ladder: Result of `score_embedding_ladder`.

    Returns:
        Grouped bars of top-1 accuracy; the dotted line is chance.
    """
    accuracy = ladder["accuracy"].sel(k=1)
    check_dims(accuracy, ("rung", "along"))
    fig = theme.figure(title=f"{text(ladder.attrs['pair'])} by what stands for a token")
    for along, color in zip(("keys", "queries"), theme.SERIES, strict=False):
        values = accuracy.sel(along=along).to_numpy()
        fig.add_bar(
            x=ladder["rung"].to_numpy(),
            y=values,
            name=f"along {along}",
            marker={"color": color},
            text=[f"{value:.3f}" for value in values],
            hovertemplate="%{x}: %{y:.4f}<extra></extra>",
        )
    fig.add_hline(y=accuracy.attrs["chance"], line={"color": theme.MUTED, "dash": "dot"})
    fig.update_xaxes(title="what stands for a token")
    fig.update_yaxes(title=f"top-1 accuracy, {ladder.attrs['tokens']:,} tokens", range=[0, 1])
    return fig
