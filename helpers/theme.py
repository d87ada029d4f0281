"""Every colour and size of the plots, in one place."""

from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

# A figure does not know what it will stand on. These are read on white and on dark ground alike,
# and no two are the same text: `SCHEMES` says what each becomes where the ground is known.
INK = "#70777f"
"""Text: 4.5 : 1 on white, 4.2 : 1 on JupyterLab's dark; no one colour has 4.5 on both."""
MUTED = "#6f777f"
GRID = "rgba(128, 136, 146, 0.25)"
PAPER = "rgba(255, 255, 255, 0)"
"""The ground of figures: what they stand on shows through, and saved pictures are white."""
GAP = "rgba(128, 136, 146, 0.2)"
"""Ground of maps: what shows where there is no number."""

FIRST = "#7b8794"
"""First half."""
SECOND = "#1079a8"
"""Second half."""
BOUNDARY = "#cf4a14"
"""The boundary, where the second half starts, and whatever else must not be overlooked."""
SERIES = (SECOND, BOUNDARY, "#2f855a", "#7c5cd6", "#a86d15", FIRST)
ORDERED = ("#2f78c4", "#8a5fd0", "#cc4f93", "#d9731a")
"""Sequential scale for dots, first to last."""

SCALES = {
    "light": ((255, 255, 255), (198, 219, 239), (107, 174, 214), (33, 113, 181), (8, 48, 107)),
    "dark": ((32, 37, 44), (28, 70, 112), (38, 116, 178), (107, 181, 232), (236, 247, 255)),
}
"""Sequential scale for attention and scores, from 0 to 1 in RGB: one hue, steadily darker on light
ground and steadily brighter on dark, so that colour-blind readers see the same order."""
BLANKS = {"light": (236, 239, 243), "dark": (11, 14, 18)}
"""Ground of entries that do not exist, above the diagonal."""
INKS = {
    "light": {"text": "#3b4754", "frame": "#c3cad1", "mark": "#b23a0a"},
    "dark": {"text": "#c7cfd8", "frame": "#55606b", "mark": "#ff9d5c"},
}
ATTENTION = [f"rgb{colour}" for colour in SCALES["light"]]
"""`SCALES` as plotly takes it, always over 0..1."""
EFFECT = ["#053061", "#2f79b5", "#a7cfe4", "#f7f7f7", "#fbb999", "#c53e3d", "#67001f"]
"""Diverging scale for signed effects, always centred at 0."""
ON_STRONG = "#fefefe"
"""Numbers on cells of a strong colour; on others they are `ON_WEAK`."""
ON_WEAK = "#1f2934"

_GROUNDS = {
    INK: ("#1f2933", "#e4e8ec"),
    MUTED: ("#52606d", "#a5b0bb"),
    SECOND: ("#0b6e99", "#6fc3ea"),
    BOUNDARY: ("#c2410c", "#ff9d5c"),
    SERIES[2]: (SERIES[2], "#84d7a6"),
    SERIES[3]: ("#6b46c1", "#b9a3f5"),
    SERIES[4]: (SERIES[4], "#e3b35c"),
    ON_STRONG: ("#ffffff", "#0d1117"),
    ON_WEAK: ("#1f2933", "#e4e8ec"),
    GAP: tuple(f"rgb{colour}" for colour in BLANKS.values()),
}
_DARK_EFFECT = ("#b5dcff", "#5aa9e6", "#2b5f8f", "#20252c", "#8f4630", "#e8795a", "#ffd0bd")
_DARK = dict(zip(EFFECT, _DARK_EFFECT, strict=True)) | {
    old: f"rgb{new}" for old, new in zip(ATTENTION, SCALES["dark"], strict=True)
}
SCHEMES = {
    "light": {colour: light for colour, (light, _) in _GROUNDS.items()},
    "dark": {colour: dark for colour, (_, dark) in _GROUNDS.items()} | _DARK,
}
"""What to draw in place of each colour where the ground is known to be light, or dark."""

WIDTH = 860
HEIGHT = 420
CELL = 22
"""Pixels that one cell of a head x layer map wants."""


LINE = 24
"""Pixels of a line of small print between title and plot: legend, note, titles of panels."""
_TITLE = 40


def palette() -> dict[str, dict[str, object]]:
    """What the interactive views draw with, on light and on dark ground."""
    return {
        scheme: {"stops": SCALES[scheme], "blank": BLANKS[scheme], "ink": INKS[scheme]}
        for scheme in SCALES
    }


class Figure(go.Figure):
    """A figure that notebooks show as data, which JupyterLab draws without network.

    It does so whatever plotly's default renderer is, so no setting has to travel with it.
    """

    def _ipython_display_(self) -> None:
        pio.show(self, renderer="plotly_mimetype")

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, Any]:
        return pio.renderers["plotly_mimetype"].to_mimebundle(self.to_dict())


def template() -> go.layout.Template:
    """The look of the walkthrough's figures."""
    axis = {
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "linecolor": MUTED,
        "tickcolor": MUTED,
        "ticks": "outside",
        "automargin": True,
        "title": {"standoff": 8},
    }
    title = {"font": {"size": 16}, "x": 0.0, "xref": "paper", "xanchor": "left"}
    return go.layout.Template(
        layout={
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
            "title": title | {"y": 1.0, "yref": "container", "yanchor": "top", "pad": {"t": 12}},
            "colorway": list(SERIES),
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "modebar": {"bgcolor": PAPER, "color": MUTED, "activecolor": INK},
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 70, "r": 30, "b": 60},
            "legend": {"orientation": "h", "x": 0.0, "yref": "container", "yanchor": "top"},
            "hoverlabel": {"font": {"family": "ui-monospace, monospace"}},
        }
    )


def figure(*, title: str, width: int = WIDTH, height: int = HEIGHT, lines: int = 0) -> Figure:
    """An empty figure in the walkthrough's look; global defaults stay as they are.

    Args:
        title: Its title.
        width: Pixels.
        height: Pixels.
        lines: Lines of small print between title and plot; a legend is the first.
    """
    return Figure(
        layout={
            "template": template(),
            "title": {"text": title},
            "width": width,
            "height": height,
            "margin": {"t": _TITLE + LINE * lines},
            "legend": {"y": 1 - (_TITLE - 6) / height},
        }
    )
