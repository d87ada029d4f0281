"""What the weights say about the two-head circuit, and about what could stand in its place."""

from typing import Any, Literal, get_args

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.baseline import name_rows, spread_out
from helpers.drawing.frame import (
    draw_level,
    height_of,
    largest,
    model_of,
    note_above,
    panels,
    past_zero,
    say_if_empty,
)
from helpers.drawing.heatmap import check_dims, heatmap, label_axis
from helpers.drawing.lines import draw_bars
from helpers.escaping import escape_text
from helpers.metrics import wilson_interval

Measure = Literal["top-1", "top-5", "MRR"]
_KINDS = {
    "pair": "the pair found",
    "candidate": "another previous-token head",
    "random": "random pairs, same layers",
}
_WITHOUT_PARTNER = {
    "previous_name": "left out, since no induction head here comes after them",
    "induction_name": "left out, since no previous-token head here comes before them",
}


def plot_pairs(pairs: xr.Dataset, *, along: str = "keys", k: int = 1) -> go.Figure:
    """Accuracy of every candidate pair of heads.

    Args:
        pairs: Result of `score_candidate_pairs`.
        along: "keys" (softmax runs over keys: the right one) or "queries".
        k: 1 or 5.

    Returns:
        Heatmap, scale fixed at 0..1, blank where the order of the layers forbids the pair. Heads
        that can be in no pair at all are named above it instead.
    """
    accuracy = pairs["accuracy"].sel(along=along, k=k).transpose("previous_name", "induction_name")
    notes = [f"chance: {pairs['accuracy'].attrs['chance'] * k:.4f}"]
    for side, why in _WITHOUT_PARTNER.items():
        alone = accuracy[side].where(accuracy.isnull().all(set(accuracy.dims) - {side}), drop=True)
        if alone.size:
            notes.append(escape_text(f"{why}: {', '.join(alone.to_numpy())}"))
    for side in _WITHOUT_PARTNER:
        accuracy = accuracy.dropna(side, how="all")
    values = accuracy.to_numpy()
    if np.isnan(values).any():
        notes.append("blank: the previous-token head is not in an earlier layer")
    rows, columns = (accuracy[side].to_numpy().tolist() for side in _WITHOUT_PARTNER)
    fig = theme.figure(
        title=f"Top-{k} accuracy along {escape_text(along)}, raw W_E, "
        f"{pairs.attrs['tokens']:,} sampled tokens",
        width=640,
        height=height_of(len(rows), cell=34),
        lines=len(notes),
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
    note_above(fig, "<br>".join(notes))
    fig.update_xaxes(title="induction head", **label_axis(columns))
    fig.update_yaxes(title="previous-token head", **label_axis(rows), autorange="reversed")
    return fig


def plot_embeddings(embedded: xr.Dataset) -> go.Figure:
    """Accuracy of one pair on each embedding, both ways.

    Args:
        embedded: Result of `score_embeddings`.

    Returns:
        Grouped bars of top-1 accuracy, with Wilson's 95 % interval over the tokens; the dotted
        line is chance.
    """
    accuracy, tokens = embedded["accuracy"].sel(k=1), embedded.attrs["tokens"]
    check_dims(accuracy, ("embedding", "along"))
    title = f"{escape_text(embedded.attrs['pair'])} by what stands for a token"
    fig = theme.figure(title=title, lines=2)
    for along, color in zip(("keys", "queries"), theme.SERIES, strict=False):
        values = accuracy.sel(along=along).to_numpy()
        ends = np.array([wilson_interval(value, tokens) for value in values.tolist()]).reshape(
            -1, 2
        )
        draw_bars(
            fig,
            embedded["embedding"].to_numpy(),
            {"mean": values, "low": ends[:, 0], "high": ends[:, 1]},
            color=color,
            hover="%{x}: %{y:.4f}",
            thickness=1,
            name=f"along {along}",
            offsetgroup=along,
        )
        fig.add_scatter(
            x=embedded["embedding"].to_numpy(),
            y=ends[:, 1],
            mode="markers+text",
            marker={"size": 5, "opacity": 0},
            text=[f"{value:.3f}" for value in values],
            textposition="top center",
            textfont={"size": 11},
            offsetgroup=along,
            showlegend=False,
            hoverinfo="skip",
        )
    fig.update_layout(scattermode="group")
    _draw_chance(fig, accuracy.attrs["chance"])
    fig.update_xaxes(title="what stands for a token")
    # Above 1 there is room for a number.
    ticks: dict[str, Any] = {"range": [0, 1.12], "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1]}
    fig.update_yaxes(title=f"top-1 accuracy, {tokens:,} tokens", **ticks)
    return say_if_empty(fig)


def plot_circuit_baselines(
    baselines: xr.Dataset, *, measure: Measure = "top-1", along: str = "keys"
) -> go.Figure:
    """The found pair beside other candidates and random pairs, one panel for each embedding.

    Args:
        baselines: Result of `score_circuit_baselines`.
        measure: "top-1", "top-5" or "MRR".
        along: "keys" (softmax runs over keys: the right one) or "queries".

    Returns:
        One dot a pair; pairs that come at least half as far as the one found are named. All
        panels share a scale, which ends at the largest value; the dotted line is chance.

    Raises:
        ValueError: If there is no such measure.
    """
    values, chance = _measured(baselines, measure, along)
    kinds = baselines["kind"].to_numpy()
    names = np.array([escape_text(name) for name in baselines["pair"].to_numpy()])
    embeddings = baselines["embedding"].to_numpy().tolist()
    rows = [kind for kind in _KINDS if kind in kinds]
    limit = _limit(values, chance)
    fig = panels(
        [f"{embedding} embedding" for embedding in embeddings],
        title=f"{names[kinds == 'pair'][0]} and other pairs: {model_of(baselines)}",
        height=330,
        horizontal_spacing=0.06,
    )
    for column, embedding in enumerate(embeddings, start=1):
        place: dict[str, Any] = {"row": 1, "col": column}
        here_values = values.sel(embedding=embedding).to_numpy()
        close = max(float(here_values[kinds == "pair"][0]) / 2, 5 * chance)
        for row, kind in enumerate(rows):
            found = kind == "pair"
            color, size, opacity = (theme.BOUNDARY, 11, 1.0) if found else (theme.SECOND, 7, 0.6)
            here, here_names = here_values[kinds == kind], names[kinds == kind]
            fig.add_scatter(
                x=here,
                y=row + spread_out(len(here), by=0.0 if found else 0.3),
                mode="markers+text",
                marker={"color": color, "size": size, "opacity": opacity},
                text=np.where(found | (here >= close), here_names, ""),
                textposition=["top left" if x > 0.5 * limit else "top right" for x in here],
                textfont={"size": 11, "color": theme.MUTED},
                customdata=here_names,
                hovertemplate="%{customdata}: %{x:.4f}<extra></extra>",
                name=kind,
                showlegend=False,
                cliponaxis=False,
                **place,
            )
        draw_level(fig, x=chance, **place)
    fig.update_xaxes(title=f"{measure} along {escape_text(along)}", range=past_zero(limit))
    fig.update_yaxes(name_rows([_KINDS[kind] for kind in rows]), ticks="")
    return say_if_empty(fig)


def plot_summed(
    summed: xr.Dataset, *, measure: Measure = "top-1", along: str = "keys"
) -> go.Figure:
    """How the circuit does with the keys of one, two, three … previous-token heads summed.

    Args:
        summed: Result of `score_summed_circuit`.
        measure: "top-1", "top-5" or "MRR".
        along: "keys" (softmax runs over keys: the right one) or "queries".

    Returns:
        One line a embedding, from 0 to the largest value; the dotted line is chance.

    Raises:
        ValueError: If there is no such measure.
    """
    values, chance = _measured(summed, measure, along)
    added = [escape_text(name) for name in summed["added"].to_numpy()]
    steps = list(range(len(added)))
    into = escape_text(summed.attrs["induction"])
    fig = theme.figure(title=f"Several heads feeding {into}: {model_of(summed)}", lines=2)
    for embedding, color in zip(summed["embedding"].to_numpy(), theme.SERIES, strict=False):
        fig.add_scatter(
            x=steps,
            y=values.sel(embedding=embedding).to_numpy(),
            mode="lines+markers",
            name=f"{escape_text(embedding)} embedding",
            line={"color": color},
            text=[" + ".join(added[: step + 1]) for step in steps],
            hovertemplate="%{text}: %{y:.4f}<extra></extra>",
        )
    _draw_chance(fig, chance)
    fig.update_xaxes(
        title="previous-token heads, summed from the left",
        tickvals=steps,
        ticktext=[f"+ {name}" if step else name for step, name in enumerate(added)],
    )
    fig.update_yaxes(
        title=f"{measure} along {escape_text(along)}, {summed.attrs['tokens']:,} tokens",
        range=past_zero(_limit(values, chance), share=0.02),
    )
    return say_if_empty(fig)


def _draw_chance(fig: go.Figure, chance: float) -> None:
    draw_level(fig, y=chance)
    note_above(fig, f"chance: {chance:.4f} (dotted)")


def _measured(result: xr.Dataset, measure: str, along: str) -> tuple[xr.DataArray, float]:
    """One measure of a circuit result, and its chance level."""
    if measure not in get_args(Measure):
        raise ValueError(f"No measure {measure!r}; there are {', '.join(get_args(Measure))}.")
    if measure == "MRR":
        return result["mrr"].sel(along=along), float(result["mrr"].attrs["chance"])
    k = int(measure.removeprefix("top-"))
    accuracy = result["accuracy"]
    return accuracy.sel(along=along, k=k), float(accuracy.attrs["chance"]) * k


def _limit(values: xr.DataArray, chance: float) -> float:
    """Where a scale ends that starts at 0: past the largest value, at most past 1."""
    return min(1.03, 1.1 * max(largest(values), 2 * chance))
