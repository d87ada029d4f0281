"""Which head works because of which, by which path, and what a few heads can do alone."""

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from helpers import theme
from helpers.heads import Head
from helpers.plots.dots import against_random, habit, panels, whiskers
from helpers.plots.parts import heatmap, height_of, label_axis, model_of, text
from helpers.results import summarize


def plot_dependence(dependence: xr.Dataset) -> go.Figure:
    """Induction scores of some heads with other heads removed, beside random ones removed.

    Args:
        dependence: Result of `score_without`.

    Returns:
        A panel for each watched head: a dot with its 95 % interval for each removal, a grey dot a
        random draw.
    """
    heads = [str(name) for name in dependence["head_name"].to_numpy()]
    removed = [habit(name) for name in dependence["removed"].to_numpy()]
    fig = panels(heads, title=f"Induction score without …: {model_of(dependence)}", rows=removed)
    for column, head in enumerate(heads, 1):
        chosen = dependence.sel(head_name=head)
        random = chosen["random"].transpose("removed", "draw").to_numpy().copy()
        random[0] = np.nan  # nothing is removed there
        summary = summarize(chosen["score"])
        against_random(fig, removed, summary, random, unit="", row=1, col=column)
    fig.update_xaxes(title="induction score", range=[-0.03, 1.03])
    return fig


def plot_cut_paths(cuts: xr.Dataset) -> go.Figure:
    """Induction scores with one path cut, directly and by any way, and what it costs.

    Args:
        cuts: Result of `cut_paths`.

    Returns:
        Above: the score of each receiver, with 95 % intervals; below: change of the second-half
        loss with the path cut into all receivers together; left direct, right by any way. The
        attribute `senders` names the senders.
    """
    ways = {"direct": "directly", "any": "by any way (heads and MLPs in between too)"}
    names = [text(cut) for cut in cuts["cut"].to_numpy()]
    fig = make_subplots(
        rows=2,
        cols=2,
        shared_xaxes=True,
        shared_yaxes="rows",  # type: ignore[arg-type]
        subplot_titles=[ways[str(way)] for way in cuts["way"].to_numpy()],
        vertical_spacing=0.08,
        horizontal_spacing=0.05,
    )
    look = theme.figure(title=f"Senders cut at one input: {model_of(cuts)}")
    fig.update_layout(look.layout)
    for column, way in enumerate(cuts["way"].to_numpy(), 1):
        for i, head in enumerate(cuts["head_name"].to_numpy()):
            summary = summarize(cuts["score"].sel(way=way, head_name=head))
            fig.add_bar(
                x=names,
                y=summary["mean"].to_numpy(),
                error_y=whiskers(summary),
                marker={"color": theme.SERIES[i % len(theme.SERIES)]},
                name=text(head),
                showlegend=column == 1,
                hovertemplate=f"{text(head)}, %{{x}} cut: %{{y:.3f}}<extra></extra>",
                row=1,
                col=column,
            )
        lost = summarize(cuts["effect"].sel(way=way))
        fig.add_bar(
            x=names,
            y=lost["mean"].to_numpy(),
            error_y=whiskers(lost),
            marker={"color": theme.MUTED},
            showlegend=False,
            hovertemplate="%{x} cut: %{y:+.3f} nats<extra></extra>",
            row=2,
            col=column,
        )
    fig.update_layout(height=560, margin={"t": 110}, legend={"y": 1.1})
    fig.update_yaxes(title="induction score", range=[0, 1], row=1, col=1)
    ends = summarize(cuts["effect"])
    bottom, top = min(0.0, float(ends["low"].min())), max(0.05, float(ends["high"].max()))
    fig.update_yaxes(range=[1.1 * bottom, 1.1 * top], row=2)
    fig.update_yaxes(title="loss rises by (nats)", row=2, col=1)
    fig.update_xaxes(title="input that is cut", row=2)
    return fig


def plot_direct_logits(logits: xr.Dataset, *, mark: int = 5) -> go.Figure:
    """What each head adds to the logit of the right token in the second half.

    Args:
        logits: Result of `attribute_logits`.
        mark: How many of the largest additions to write into the map.

    Returns:
        Heatmap, diverging and centred at 0: red says the right token.
    """
    values = logits["direct"].mean("sequence").transpose("layer", "head").to_numpy()
    layers, heads = values.shape
    fig = theme.figure(
        title=f"Direct logit attribution, second half: {model_of(logits)}",
        width=max(520, min(theme.WIDTH, 280 + 34 * heads)),
        height=height_of(layers, least=320),
    )
    heatmap(
        fig,
        values,
        x=range(heads),
        y=range(layers),
        hover="L%{customdata[0]}H%{customdata[1]}: %{z:+.3f} logits",
        effect=True,
        colorbar="logits",
    )
    order = np.argsort(-np.abs(values), axis=None, kind="stable")[:mark]
    for layer, head in zip(*np.unravel_index(order, values.shape), strict=True):
        value = values[layer, head]
        strong = abs(value) > 0.6 * np.abs(values).max()
        fig.add_annotation(
            x=int(head),
            y=int(layer),
            text=f"{value:+.1f}",
            showarrow=False,
            font={"size": 10, "color": theme.PAPER if strong else theme.INK},
            hovertext=str(Head(int(layer), int(head))),
        )
    fig.update_xaxes(title="head", **label_axis(range(heads)))
    fig.update_yaxes(title="layer", **label_axis(range(layers)), autorange="reversed")
    return fig


def plot_faithfulness(kept: xr.Dataset) -> go.Figure:
    """Second-half loss with some heads kept and all others removed, beside random ones kept.

    Args:
        kept: Result of `measure_faithfulness`.

    Returns:
        A dot with its 95 % interval for each set that is kept, a grey dot a random draw of as
        many heads from the same layers.
    """
    names = [
        f"{habit(name)} ({size})"
        for name, size in zip(kept["kept"].to_numpy(), kept["size"].to_numpy(), strict=True)
    ]
    fig = panels([""], title=f"Loss with only these heads kept: {model_of(kept)}", rows=names)
    random = kept["random"].transpose("kept", "draw").to_numpy()
    against_random(fig, names, summarize(kept["loss"]), random, unit="nats", row=1, col=1)
    fig.update_xaxes(title="loss of the second half (nats)", rangemode="tozero")
    fig.update_layout(margin={"l": 260})
    return fig
