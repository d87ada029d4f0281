"""How well each position of `[BOS, r, r]` is predicted."""

import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.frame import draw_level, model_of, past_zero, say_if_empty
from helpers.drawing.lines import draw_band
from helpers.escaping import escape_text
from helpers.results import summarize


def plot_loss(loss: xr.Dataset) -> go.Figure:
    """Log-probability at each position: both halves, the boundary between them, and chance.

    Args:
        loss: Result of `measure_loss`.

    Returns:
        Line with a 95 % band over sequences, the mean of each half, the boundary marked and the
        level of a model that knows nothing.
    """
    summary = summarize(loss["log_prob"])
    mean, low, high = (summary[name].to_numpy() for name in ("mean", "low", "high"))
    position = loss["position"].to_numpy()
    n, uniform = int(loss.attrs["n"]), float(loss.attrs["uniform"])
    title = f"Log-probability of the target: {model_of(loss)}"
    fig = theme.figure(title=title, height=460, lines=1)
    over = "95 % over sequences"
    draw_band(fig, position, low, high, color="rgba(16, 121, 168, 0.3)", name=over)
    fig.add_scatter(
        x=position,
        y=mean,
        mode="lines+markers",
        marker={"size": 4},
        line={"color": theme.SECOND, "width": 1.5},
        name="mean over sequences",
        customdata=[escape_text(token) for token in loss["position_token"].to_numpy()],
        hovertemplate="position %{x} (sequence 0: %{customdata})<br>%{y:.3f} nats<extra></extra>",
    )
    halves = (
        ("first half", slice(0, n), theme.FIRST),
        ("second half", slice(n + 1, None), theme.SECOND),
    )
    for name, half, color in halves:
        level = float(mean[half].mean())
        fig.add_scatter(
            x=position[half][[0, -1]],
            y=[level, level],
            mode="lines",
            line={"color": color, "dash": "dash", "width": 2},
            name=f"{name}: {level:z.2f}",
            hoverinfo="name",
        )
    fig.add_vline(
        x=n + 1,
        line={"color": theme.BOUNDARY, "width": 1.5},
        annotation={"text": "boundary: the second half starts ", "font": {"color": theme.BOUNDARY}},
        annotation_position="top left",
    )
    draw_level(fig, y=uniform, name=f"knows nothing: {uniform:.2f}")
    fig.update_xaxes(title="position t in [BOS, r, r]", range=past_zero(2 * n))
    fig.update_yaxes(title="log-probability (nats)")
    return say_if_empty(fig)
