"""What stands beside the found pair: other pairs, and more heads writing the same key."""

from typing import Any, Literal, get_args

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from helpers import theme
from helpers.plots.parts import model_of, note_above, text

Measure = Literal["top-1", "top-5", "MRR"]
_KINDS = {
    "pair": "the pair found",
    "candidate": "another previous-token head",
    "random": "random pairs, same layers",
}


def plot_circuit_baselines(
    baselines: xr.Dataset, *, measure: Measure = "top-1", along: str = "keys"
) -> go.Figure:
    """The found pair beside other candidates and random pairs, one panel for each rung.

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
    names = baselines["pair"].to_numpy()
    rungs = baselines["rung"].to_numpy().tolist()
    rows = [kind for kind in _KINDS if kind in kinds]
    limit = _limit(values, chance)
    fig = make_subplots(
        cols=len(rungs),
        shared_yaxes=True,
        horizontal_spacing=0.06,
        subplot_titles=[f"{text(rung)} embedding" for rung in rungs],
    )
    pair = text(names[kinds == "pair"][0])
    fig.update_layout(theme.figure(title=f"{pair} and other pairs: {model_of(baselines)}").layout)
    fig.update_layout(height=330, margin={"l": 190, "t": 90})
    for column, rung in enumerate(rungs, start=1):
        place: dict[str, Any] = {"row": 1, "col": column}
        own = float(values.sel(rung=rung)[kinds == "pair"][0])
        close = max(own / 2, 5 * chance)
        for row, kind in enumerate(rows):
            here = values.sel(rung=rung).to_numpy()[kinds == kind]
            found = kind == "pair"
            here_names = [text(name) for name in names[kinds == kind]]
            shown = [
                name if found or value >= close else ""
                for name, value in zip(here_names, here, strict=True)
            ]
            fig.add_scatter(
                x=here,
                y=row + (0 if found else 0.3) * np.sin(2.4 * np.arange(len(here))),
                mode="markers+text",
                marker={
                    "color": theme.SEAM if found else theme.SECOND,
                    "size": 11 if found else 7,
                    "opacity": 1.0 if found else 0.6,
                },
                text=shown,
                textposition=["top left" if x > 0.5 * limit else "top right" for x in here],
                textfont={"size": 11, "color": theme.MUTED},
                customdata=here_names,
                hovertemplate="%{customdata}: %{x:.4f}<extra></extra>",
                name=kind,
                showlegend=False,
                cliponaxis=False,
                **place,
            )
        fig.add_vline(x=chance, line={"color": theme.MUTED, "dash": "dot"}, **place)
    fig.update_xaxes(title=f"{measure} along {text(along)}", range=[-0.02 * limit, limit])
    fig.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[_KINDS[kind] for kind in rows],
        range=[len(rows) - 0.5, -0.5],
        ticks="",
        showgrid=False,
        zeroline=False,
    )
    return fig


def plot_summed(
    summed: xr.Dataset, *, measure: Measure = "top-1", along: str = "keys"
) -> go.Figure:
    """How the circuit does with the keys of one, two, three … previous-token heads summed.

    Args:
        summed: Result of `score_summed_circuit`.
        measure: "top-1", "top-5" or "MRR".
        along: "keys" (softmax runs over keys: the right one) or "queries".

    Returns:
        One line a rung, from 0 to the largest value; the dotted line is chance.

    Raises:
        ValueError: If there is no such measure.
    """
    values, chance = _measured(summed, measure, along)
    added = [text(name) for name in summed["added"].to_numpy()]
    steps = list(range(len(added)))
    fig = theme.figure(
        title=f"Several heads feeding {text(summed.attrs['induction'])}: {model_of(summed)}"
    )
    for rung, color in zip(summed["rung"].to_numpy(), theme.SERIES, strict=False):
        fig.add_scatter(
            x=steps,
            y=values.sel(rung=rung).to_numpy(),
            mode="lines+markers",
            name=f"{text(rung)} embedding",
            line={"color": color},
            text=[" + ".join(added[: step + 1]) for step in steps],
            hovertemplate="%{text}: %{y:.4f}<extra></extra>",
        )
    fig.add_hline(y=chance, line={"color": theme.MUTED, "dash": "dot"})
    note_above(fig, f"chance: {chance:.4f} (dotted)")
    fig.update_xaxes(
        title="previous-token heads, summed from the left",
        tickvals=steps,
        ticktext=[added[0], *(f"+ {name}" for name in added[1:])],
    )
    fig.update_yaxes(
        title=f"{measure} along {text(along)}, {summed.attrs['tokens']:,} tokens",
        range=[0, _limit(values, chance)],
    )
    return fig


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
    return min(1.03, 1.1 * max(float(values.max()), 2 * chance))
