"""Which head works because of which, by which path, and what a few heads can do alone."""

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.baseline import against_random, row_panels
from helpers.drawing.frame import (
    draw_level,
    height_of,
    largest,
    model_of,
    panels,
    past_zero,
    say_if_empty,
    summarize_known,
)
from helpers.drawing.heatmap import map_heads
from helpers.drawing.lines import draw_bars
from helpers.escaping import escape_name, escape_text


def plot_dependence(dependence: xr.Dataset) -> go.Figure:
    """Induction scores of some heads with other heads removed, beside random ones removed.

    Args:
        dependence: Result of `score_without`.

    Returns:
        A panel for each watched head: a dot with its 95 % interval for each removal, a grey dot a
        random draw.
    """
    heads = dependence["head_name"].to_numpy().tolist()
    removed = [escape_name(name) for name in dependence["removed"].to_numpy()]
    title = f"Induction score without …: {model_of(dependence)}"
    fig = row_panels(heads, title=title, rows=removed)
    for column, head in enumerate(heads, 1):
        chosen = dependence.sel(head_name=head)
        random = chosen["random"].transpose("removed", "draw").to_numpy().copy()
        random[:1] = np.nan  # nothing is removed there
        against_random(
            fig, removed, summarize_known(chosen["score"]), random, unit="", column=column
        )
    return say_if_empty(fig.update_xaxes(title="induction score", range=past_zero(1)))


def plot_cut_paths(cuts: xr.Dataset) -> go.Figure:
    """Induction scores with one path cut, by each effect, and what it costs.

    Args:
        cuts: Result of `cut_paths`.

    Returns:
        Above: the score of each receiver, with 95 % intervals; below: change of the second-half
        loss with the path cut into all receivers together; a column for the direct, the total and
        the indirect effect. The attribute `senders` names the senders.
    """
    effects = cuts["effect"].to_numpy().tolist()
    names = [escape_text(cut) for cut in cuts["cut"].to_numpy()]
    fig = panels(
        [f"{effect} effect" for effect in effects],
        title=f"Senders cut at one input: {model_of(cuts)}",
        height=520,
        lines=1,
        rows=2,
        cols=len(effects),
        vertical_spacing=0.08,
        horizontal_spacing=0.04,
    )
    heads = cuts["head_name"].to_numpy().tolist()
    for column, effect in enumerate(effects, 1):
        for i, head in enumerate(heads):
            score = summarize_known(cuts["score"].sel(effect=effect, head_name=head))
            name, color = escape_text(head), theme.SERIES[i % len(theme.SERIES)]
            hover = f"{name}, %{{x}} cut: %{{y:.3f}}"
            place = {"row": 1, "col": column, "showlegend": column == 1}
            draw_bars(fig, names, score, color=color, hover=hover, name=name, **place)
        lost = summarize_known(cuts["loss_change"].sel(effect=effect))
        hover = "%{x} cut: %{y:+.3f} nats"
        place = {"row": 2, "col": column, "showlegend": False}
        draw_bars(fig, names, lost, color=theme.MUTED, hover=hover, **place)
    ends = summarize_known(cuts["loss_change"])
    bottom, top = -largest(-ends["low"]), max(0.05, largest(ends["high"]))
    fig.update_yaxes(range=[0, 1], row=1)
    fig.update_yaxes(title="induction score", row=1, col=1)
    fig.update_yaxes(range=[1.1 * bottom, 1.1 * top], row=2)
    fig.update_yaxes(title="loss rises by (nats)", row=2, col=1)
    fig.update_xaxes(title="input that is cut", tickangle=-40, row=2)
    return say_if_empty(fig)


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
        lines=1,
    )
    map_heads(
        fig, values, mark=mark, number="+.1f", units=" logits", effect=True, colorbar="logits"
    )
    cells = fig.select_annotations(lambda note: note.xref != "paper")
    for note in cells:
        note.update(hovertext=f"L{note.y}H{note.x}")
    return fig


def plot_faithfulness(kept: xr.Dataset) -> go.Figure:
    """Second-half loss with some heads kept and all others removed, beside random ones kept.

    Args:
        kept: Result of `measure_faithfulness`.

    Returns:
        A dot with its 95 % interval for each set that is kept, a grey dot a random draw of as
        many heads from the same layers; the dotted line is a model that knows nothing.
    """
    names = [
        f"{escape_name(name)} ({size})"
        for name, size in zip(kept["kept"].to_numpy(), kept["size"].to_numpy(), strict=True)
    ]
    title = f"Loss with only these heads kept: {model_of(kept)}"
    fig = row_panels([""], title=title, rows=names)
    random = kept["random"].transpose("kept", "draw").to_numpy()
    against_random(fig, names, summarize_known(kept["loss"]), random, unit="nats")
    uniform = float(kept.attrs["uniform"])
    draw_level(fig, x=uniform, name=f"knows nothing: {uniform:.2f}", where="top left")
    ends = past_zero(max(largest(kept["loss"], kept["random"]), uniform))
    fig.update_xaxes(title="loss of the second half (nats)", range=ends)
    return say_if_empty(fig)
