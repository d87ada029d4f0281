"""Every colour and size of the plots, in one place."""

import plotly.graph_objects as go
import plotly.io as pio

NAME = "walkthrough"

INK = "#1f2933"
MUTED = "#7b8794"
GRID = "#e4e7eb"
PAPER = "#ffffff"

FIRST = "#7b8794"
"""First half."""
SECOND = "#0b6e99"
"""Second half."""
BOUNDARY = "#c2410c"
"""The boundary, where the repeat starts, and whatever else must not be overlooked."""

ATTENTION = "Blues"
"""Sequential scale for attention and scores, always over 0..1."""
SCALES = {
    "light": ((255, 255, 255), (198, 219, 239), (107, 174, 214), (33, 113, 181), (8, 48, 107)),
    "dark": ((32, 37, 44), (28, 70, 112), (38, 116, 178), (107, 181, 232), (236, 247, 255)),
}
"""The same for the viewers, from 0 to 1 in RGB: one hue, steadily darker on light ground and
steadily brighter on dark, so that colour-blind readers see the same order."""
BLANKS = {"light": (247, 248, 250), "dark": (24, 28, 33)}
"""Ground of entries that do not exist, above the diagonal."""
INKS = {
    "light": {"text": "#3b4754", "frame": "#c3cad1", "mark": "#b23a0a"},
    "dark": {"text": "#c7cfd8", "frame": "#55606b", "mark": "#ff9d5c"},
}
EFFECT = "RdBu_r"
"""Diverging scale for signed effects, always centred at 0."""
SERIES = ("#0b6e99", "#c2410c", "#2f855a", "#6b46c1", "#b7791f", "#7b8794")

WIDTH = 860
HEIGHT = 420
CELL = 22
"""Pixels that one cell of a head x layer map wants."""


def template() -> go.layout.Template:
    """The look of the walkthrough's figures."""
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": MUTED, "ticks": "outside"}
    return go.layout.Template(
        layout={
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
            "title": {"font": {"size": 16}, "x": 0.0, "xref": "paper", "xanchor": "left"},
            "colorway": list(SERIES),
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 70, "r": 30, "t": 60, "b": 60},
            "legend": {
                "orientation": "h",
                "y": 1.0,
                "yanchor": "bottom",
                "x": 1.0,
                "xanchor": "right",
            },
            "hoverlabel": {"font": {"family": "ui-monospace, monospace"}},
        }
    )


def figure(*, title: str, width: int = WIDTH, height: int = HEIGHT) -> go.Figure:
    """An empty figure in the walkthrough's look; global defaults stay as they are."""
    return go.Figure(
        layout={"template": template(), "title": {"text": title}, "width": width, "height": height}
    )


def use() -> None:
    """Show figures as plotly's small mimetype, which JupyterLab draws without network.

    Changes plotly's default renderer for this session: the one setting that cannot travel with
    a figure. Call it once, at the top of a notebook.
    """
    pio.renderers.default = "plotly_mimetype"
