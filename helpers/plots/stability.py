"""Would other random tokens have found the same heads?"""

import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.plots.parts import height_of, model_of, text
from helpers.stability import share_on_top


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
    best = share_on_top(stability, by).head(top)[::-1]
    by_seed = stability[by].mean("sequence")
    names = [str(head) for head in best["head"]]
    name = text(by.replace("_", "-"))
    fig = theme.figure(
        title=f"Best {name} heads over {stability.sizes['seed']} seeds: {model_of(stability)}",
        height=height_of(len(best), cell=34),
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
        error_x={
            "type": "data",
            "symmetric": False,
            "array": best["high"] - best[by],
            "arrayminus": best[by] - best["low"],
            "thickness": 2,
            "width": 6,
        },
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
            marker={"color": theme.SEAM, "size": 9, "symbol": "diamond-open"},
            cliponaxis=False,
            hovertemplate="%{y}, nothing repeats: %{x:.3f}<extra></extra>",
            name="same entries, nothing repeats",
        )
    fig.add_vline(
        x=stability[by].attrs["chance"],
        line={"color": theme.MUTED, "dash": "dot"},
        annotation={"text": "uniform attention", "font": {"color": theme.MUTED}},
        annotation_position="bottom right",
    )
    fig.update_xaxes(title=f"{name} score", range=[0, 1])
    return fig
