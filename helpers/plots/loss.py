"""How well each position of `[BOS, r, r]` is predicted."""

import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.plots.parts import model_of, text
from helpers.results import summarize


def plot_loss(loss: xr.Dataset) -> go.Figure:
    """Log-probability at each position: both halves, the seam between them, and chance.

    Args:
        loss: Result of `measure_loss`.

    Returns:
        Line with a 95 % band over sequences, the mean of each half, the seam marked and the
        level of a model that knows nothing.
    """
    summary = summarize(loss["log_prob"])
    position = loss["position"].to_numpy()
    n, uniform = int(loss.attrs["n"]), float(loss.attrs["uniform"])
    fig = theme.figure(title=f"Log-probability of the token that came: {model_of(loss)}")
    fig.add_scatter(
        x=[*position, *position[::-1]],
        y=[*summary["high"].to_numpy(), *summary["low"].to_numpy()[::-1]],
        fill="toself",
        fillcolor="rgba(11, 110, 153, 0.18)",
        line={"width": 0},
        name="95 % over sequences",
        hoverinfo="skip",
    )
    fig.add_scatter(
        x=position,
        y=summary["mean"].to_numpy(),
        mode="lines+markers",
        marker={"size": 4},
        line={"color": theme.SECOND, "width": 1.5},
        name="mean over sequences",
        customdata=[text(token) for token in loss["position_token"].to_numpy()],
        hovertemplate="position %{x} (sequence 0: %{customdata})<br>%{y:.3f} nats<extra></extra>",
    )
    halves = (
        ("first half", slice(0, n), theme.FIRST),
        ("second half", slice(n + 1, None), theme.SECOND),
    )
    for name, cut, color in halves:
        level = float(summary["mean"][cut].mean())
        fig.add_scatter(
            x=[position[cut][0], position[cut][-1]],
            y=[level, level],
            mode="lines",
            line={"color": color, "dash": "dash", "width": 2},
            name=f"{name}: {level:.2f}",
            hoverinfo="name",
        )
    fig.add_vline(x=n + 1, line={"color": theme.SEAM, "width": 1.5})
    fig.add_annotation(
        x=n + 1,
        y=1,
        yref="paper",
        yanchor="top",
        xanchor="left",
        showarrow=False,
        text=" seam: the repeat starts",
        font={"color": theme.SEAM},
    )
    fig.add_hline(
        y=uniform,
        line={"color": theme.MUTED, "dash": "dot"},
        annotation={"text": f"knows nothing: {uniform:.2f}", "font": {"color": theme.MUTED}},
        annotation_position="bottom right",
    )
    fig.update_layout(height=460, margin={"t": 100})
    fig.update_layout(legend={"x": 0.0, "xanchor": "left"})
    fig.update_xaxes(title="position t in [BOS, r, r]")
    fig.update_yaxes(title="log-probability (nats)")
    return fig
