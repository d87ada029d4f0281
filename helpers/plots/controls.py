"""What layers are needed for, with controls."""

import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from helpers import theme
from helpers.plots.dots import whiskers
from helpers.plots.parts import check_dims, model_of, text
from helpers.results import summarize

_NAMES = {"mlp_out": "MLP", "attn_out": "attention"}
_COLORS = {"repeat": theme.SECOND, "first time": theme.FIRST, "text": theme.SEAM}


def plot_layer_controls(layers: xr.Dataset) -> go.Figure:
    """Change of the loss without each layer's MLP or attention: repeat, first time, text.

    Args:
        layers: Result of `ablate_layers`.

    Returns:
        A row of panels for each component, a panel for each method, a line with 95 % intervals
        for each input. Panels of a row share their scale.

    Raises:
        ValueError: If the dimensions are others.
    """
    effect = layers["effect"]
    check_dims(effect, ("component", "removal", "input", "sequence", "layer"))
    components = [str(name) for name in effect["component"].to_numpy()]
    methods = [str(name) for name in effect["removal"].to_numpy()]
    fig = make_subplots(
        rows=len(components),
        cols=len(methods),
        shared_xaxes=True,
        shared_yaxes="rows",  # type: ignore[arg-type]
        subplot_titles=[
            text(f"{_NAMES.get(component, component)}, {method}")
            for component in components
            for method in methods
        ],
        vertical_spacing=0.12,
        horizontal_spacing=0.04,
    )
    fig.update_layout(theme.figure(title=f"Without a layer: {model_of(layers)}").layout)
    for row, component in enumerate(components, 1):
        for column, method in enumerate(methods, 1):
            for name in effect["input"].to_numpy():
                chosen = effect.sel(component=component, removal=method, input=name)
                summary = summarize(chosen)
                fig.add_scatter(
                    x=summary["layer"].to_numpy(),
                    y=summary["mean"].to_numpy(),
                    error_y={**whiskers(summary), "thickness": 1, "width": 2},
                    mode="lines+markers",
                    marker={"size": 5, "color": _COLORS.get(str(name), theme.INK)},
                    line={"width": 1.5, "color": _COLORS.get(str(name), theme.INK)},
                    name=text(name),
                    showlegend=row == column == 1,
                    hovertemplate=f"layer %{{x}}, {text(name)}: %{{y:+.3f}} nats<extra></extra>",
                    row=row,
                    col=column,
                )
    fig.add_hline(y=0, line={"color": theme.MUTED, "dash": "dot"})
    few = effect.sizes["layer"] <= 16
    fig.update_xaxes(dtick=1 if few else 5)
    fig.update_xaxes(title="layer", row=len(components))
    fig.update_yaxes(title="change of loss (nats)", col=1)
    fig.update_layout(height=300 * len(components) + 80, margin={"t": 110}, legend={"y": 1.07})
    return fig
