"""What replacing MLP outputs does to the loss, with controls."""

import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.drawing.frame import (
    draw_diagonal,
    draw_level,
    height_of,
    model_of,
    panels,
    say_if_empty,
)
from helpers.drawing.heatmap import check_dims, heatmap, label_axis, mean_over_sequences
from helpers.drawing.lines import draw_bars, draw_line
from helpers.escaping import escape_text
from helpers.results import correlate, summarize

_NAMES = {"mlp_out": "MLP", "attn_out": "attention"}
_COLORS = {"repeat": theme.SECOND, "first time": theme.FIRST, "text": theme.BOUNDARY}


def plot_effect_grid(grid: xr.DataArray, *, title: str = "") -> go.Figure:
    """Change of the loss for each layer and replaced position, as in the post.

    Args:
        grid: `grid_blog` or `grid` of `ablate_positions`, over `layer` and `position`.
        title: Title; a description if empty.

    Returns:
        Heatmap, diverging and centred at 0: red hurts.

    Raises:
        ValueError: If the dimensions are others.
    """
    return _map(grid, "layer", "position", title or "One MLP output patched at a time")


def plot_target_effects(effect: xr.DataArray, *, title: str = "") -> go.Figure:
    """Change of the loss at each target, one row a layer: where does it hurt?

    Args:
        effect: `effect` of `ablate_second_half`, over `layer` and `target` (and `sequence`,
            which is averaged).
        title: Title; a description if empty.

    Returns:
        Heatmap, diverging and centred at 0: red hurts.

    Raises:
        ValueError: If the dimensions are others.
    """
    return _map(effect, "layer", "target", title or "Second-half MLP outputs patched, by target")


def plot_cell_effects(effect: xr.DataArray, *, layer: int) -> go.Figure:
    """The cells of one layer of the post's grid, undiluted: replaced position against target.

    Args:
        effect: `effect` of `ablate_positions`, over `layer`, `position`, `target` (and
            `sequence`, which is averaged).
        layer: Which layer.

    Returns:
        Heatmap, diverging and centred at 0; below the diagonal nothing can change.

    Raises:
        ValueError: If the dimensions are others.
    """
    title = f"Layer {layer}: which target does each replaced position move?"
    return _map(effect.sel(layer=layer), "position", "target", title)


def plot_layer_effects(effect: xr.DataArray, *, title: str = "") -> go.Figure:
    """Change of the second-half loss for each layer, boundary left out, with 95 % intervals.

    Args:
        effect: `effect` of `ablate_second_half`, over `sequence`, `layer`, `target`.
        title: Title; a description if empty.

    Returns:
        Bars with whiskers, one a layer; the dotted line is "no effect".

    Raises:
        ValueError: If the dimensions are others.
    """
    check_dims(effect, ("sequence", "layer", "target"))
    summary = summarize(effect.isel(target=slice(1, None)).mean("target"))
    layers = summary["layer"].to_numpy()
    fig = theme.figure(title=escape_text(title or "All second-half MLP outputs of a layer patched"))
    draw_bars(fig, layers, summary, color=theme.SECOND, hover="layer %{x}: %{y:+.3f} nats")
    draw_level(fig, y=0)
    fig.update_xaxes(title="layer", dtick=1 if len(layers) <= 16 else 2)
    fig.update_yaxes(title="change of the second-half loss (nats)")
    return say_if_empty(fig)


def plot_layer_controls(layers: xr.Dataset) -> go.Figure:
    """Change of the loss without each layer's MLP or attention: repeat, first time, text.

    Args:
        layers: Result of `ablate_layers`.

    Returns:
        A row of panels for each component, a panel for each method, a line with 95 % intervals
        for each input that was measured. All panels share a scale.

    Raises:
        ValueError: If the dimensions are others.
    """
    effect = layers["effect"]
    check_dims(effect, ("component", "removal", "input", "sequence", "layer"))
    components, methods, inputs = (
        effect[dim].to_numpy().tolist() for dim in ("component", "removal", "input")
    )
    fig = panels(
        [f"{_NAMES.get(part, part)}, {method}" for part in components for method in methods],
        title=f"Without a layer: {model_of(layers)}",
        height=300 * len(components) + 80,
        lines=1,
        rows=len(components),
        vertical_spacing=0.12,
        horizontal_spacing=0.04,
    )
    drawn: set[str] = set()
    for row, component in enumerate(components, 1):
        for column, method in enumerate(methods, 1):
            for name in inputs:
                chosen = effect.sel(component=component, removal=method, input=name)
                if bool(chosen.isnull().all()):
                    continue
                summary = summarize(chosen)
                hover = f"layer %{{x}}, {escape_text(name)}: %{{y:+.3f}} nats"
                look = {"color": _COLORS.get(name, theme.INK), "size": 5, "hover": hover}
                shown = name in drawn
                drawn.add(name)
                place = {"row": row, "col": column, "showlegend": not shown}
                draw_line(fig, summary["layer"].to_numpy(), summary, name=name, **look, **place)
    draw_level(fig, y=0)
    fig.update_xaxes(dtick=1 if effect.sizes["layer"] <= 16 else 5)
    fig.update_xaxes(title="layer", row=len(components))
    fig.update_yaxes(matches="y")
    fig.update_yaxes(title="change of loss (nats)", col=1)
    return say_if_empty(fig)


def plot_estimates(exact: xr.DataArray, estimate: xr.DataArray) -> go.Figure:
    """Each cell of the grid as the gradient estimates it, against what it really does.

    Args:
        exact: `grid_blog` of `ablate_positions`, over `layer` and `position`.
        estimate: `grid_blog` of `attribute_positions`, likewise.

    Returns:
        One dot a cell, coloured by layer; on the dotted line the estimate is right. The title
        says the correlation (of values, of ranks) over all cells but those of the last position,
        which are 0.

    Raises:
        ValueError: If the dimensions are others.
    """
    for grid in (exact, estimate):
        check_dims(grid, ("layer", "position"))
    cells = [grid.isel(position=slice(None, -1)) for grid in (exact, estimate)]
    agreement = correlate(*cells)
    true, guess = (grid.stack(cell=("layer", "position")) for grid in cells)
    layers, positions = true["layer"].to_numpy(), true["position"].to_numpy()
    ends = [float(min(true.min(), guess.min())), float(max(true.max(), guess.max()))]
    fig = theme.figure(
        title=f"Estimated against exact, one dot a cell: r = {agreement.pearson:z.2f}, "
        f"of ranks {agreement.spearman:z.2f}"
    )
    draw_diagonal(fig, ends, name="right")
    fig.add_scatter(
        x=true.to_numpy(),
        y=guess.to_numpy(),
        mode="markers",
        marker={
            "color": layers,
            "colorscale": theme.ORDERED,
            "size": 6,
            "opacity": 0.7,
            "colorbar": {
                "title": {"text": "layer"},
                "dtick": 1 if exact.sizes["layer"] < 8 else 5,
                "outlinewidth": 0,
                "tickcolor": theme.MUTED,
            },
        },
        customdata=list(zip(layers, positions, strict=True)),
        hovertemplate="layer %{customdata[0]}, position %{customdata[1]}"
        "<br>exact %{x:+.4f}, estimated %{y:+.4f} nats<extra></extra>",
        name="a cell",
    )
    fig.update_xaxes(title="exact change of the loss (nats)")
    fig.update_yaxes(title="estimated from gradients (nats)")
    return say_if_empty(fig.update_layout(showlegend=False))


def _map(data: xr.DataArray, down: str, across: str, title: str) -> go.Figure:
    mean = mean_over_sequences(data)
    check_dims(mean, (down, across))
    rows, columns = mean[down].to_numpy().tolist(), mean[across].to_numpy().tolist()
    cell = theme.CELL if down == "layer" else 8
    fig = theme.figure(title=title, height=height_of(len(rows), cell=cell), lines=1)
    heatmap(
        fig,
        mean.transpose(down, across).to_numpy(),
        x=_with_tokens(mean, across),
        y=_with_tokens(mean, down),
        hover=f"{down} %{{customdata[0]}}, {across} %{{customdata[1]}}<br>%{{z:+.4f}} nats",
        effect=True,
        units=" nats",
        colorbar="change of loss (nats)",
    )
    fig.update_xaxes(title=f"{across} (second half)", **label_axis(columns, most=13))
    fig.update_yaxes(title=down, **label_axis(rows, most=30), autorange="reversed")
    return fig


def _with_tokens(data: xr.DataArray, dim: str) -> list[str]:
    places = data[dim].to_numpy()
    if f"{dim}_token" not in data.coords:
        return [str(place) for place in places]
    tokens = data[f"{dim}_token"].to_numpy()
    return [f"{place} {token}" for place, token in zip(places, tokens, strict=True)]
