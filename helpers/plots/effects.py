"""What replacing activations does to the loss."""

import plotly.graph_objects as go
import xarray as xr

from helpers import theme
from helpers.plots.parts import (
    check_dims,
    heatmap,
    height_of,
    label_axis,
    mean_over_sequences,
    text,
)
from helpers.results import correlate_cells, summarize


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
    return _map(grid, "layer", "position", title or "One MLP output replaced at a time")


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
    return _map(effect, "layer", "target", title or "Second-half MLP outputs replaced, by target")


def plot_layer_effects(effect: xr.DataArray, *, title: str = "") -> go.Figure:
    """Change of the second-half loss for each layer, seam left out, with 95 % intervals.

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
    mean = summary["mean"].to_numpy()
    fig = theme.figure(title=text(title or "All second-half MLP outputs of a layer replaced"))
    fig.add_bar(
        x=summary["layer"].to_numpy(),
        y=mean,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": summary["high"].to_numpy() - mean,
            "arrayminus": mean - summary["low"].to_numpy(),
        },
        marker={"color": theme.SECOND},
        hovertemplate="layer %{x}: %{y:+.3f} nats<extra></extra>",
    )
    fig.add_hline(y=0, line={"color": theme.MUTED, "dash": "dot"})
    fig.update_xaxes(title="layer", dtick=1 if len(mean) <= 16 else 2)
    fig.update_yaxes(title="change of the second-half loss (nats)")
    return fig


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
    agreement = correlate_cells(exact, estimate)
    true, guess = (
        grid.isel(position=slice(None, -1)).stack(cell=("layer", "position"))
        for grid in (exact, estimate)
    )
    ends = [float(min(true.min(), guess.min())), float(max(true.max(), guess.max()))]
    fig = theme.figure(
        title=f"Estimated against exact, one dot a cell: r = {agreement['pearson']:.2f}, "
        f"of ranks {agreement['spearman']:.2f}"
    )
    fig.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": theme.MUTED, "dash": "dot"},
        name="right",
        hoverinfo="skip",
    )
    fig.add_scatter(
        x=true.to_numpy(),
        y=guess.to_numpy(),
        mode="markers",
        marker={
            "color": true["layer"].to_numpy(),
            "colorscale": "Viridis",
            "size": 6,
            "opacity": 0.7,
            "colorbar": {"title": {"text": "layer"}, "dtick": 1 if exact.sizes["layer"] < 8 else 5},
        },
        customdata=list(zip(true["layer"].to_numpy(), true["position"].to_numpy(), strict=True)),
        hovertemplate="layer %{customdata[0]}, position %{customdata[1]}"
        "<br>exact %{x:+.4f}, estimated %{y:+.4f} nats<extra></extra>",
        name="a cell",
    )
    fig.update_layout(showlegend=False)
    fig.update_xaxes(title="exact change of the loss (nats)")
    fig.update_yaxes(title="estimated from gradients (nats)")
    return fig


def _map(data: xr.DataArray, down: str, across: str, title: str) -> go.Figure:
    mean = mean_over_sequences(data)
    check_dims(mean, (down, across))
    values = mean.transpose(down, across).to_numpy()
    rows, columns = mean[down].to_numpy().tolist(), mean[across].to_numpy().tolist()
    fig = theme.figure(
        title=title, height=height_of(len(rows), cell=theme.CELL if down == "layer" else 8)
    )
    heatmap(
        fig,
        values,
        x=_with_tokens(mean, across),
        y=_with_tokens(mean, down),
        hover=f"{down} %{{customdata[0]}}, {across} %{{customdata[1]}}<br>%{{z:+.4f}} nats",
        effect=True,
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
