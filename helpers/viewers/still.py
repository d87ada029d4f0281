"""Still pictures of heatmaps as SVG: for places where no script may run."""

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from helpers import theme
from helpers.escaping import escape_invisible

_STYLE = (
    f".paper{{fill:#ffffff}}text{{fill:{theme.SCHEMES['light'][theme.INK]}}}"
    f".frame{{fill:none;stroke:{theme.INKS['light']['frame']}}}"
    f".mark{{fill:none;stroke:{theme.INKS['light']['mark']};stroke-width:1.25}}"
    "image{image-rendering:pixelated}.dark{display:none}"
    "@media(prefers-color-scheme:dark){.paper{fill:#14181d}"
    f"text{{fill:{theme.SCHEMES['dark'][theme.INK]}}}.frame{{stroke:{theme.INKS['dark']['frame']}}}.mark{{stroke:{theme.INKS['dark']['mark']}}}"
    ".light{display:none}.dark{display:inline}}"
)
_LABELS = 74
"""Pixels left of and above a heatmap for its labels."""
_TITLE = 26
_GAP = 28


@dataclass(frozen=True)
class Panel:
    """One heatmap of a still picture.

    Args:
        title: What it shows.
        values: Numbers in [0, 1], NaN where there is nothing.
        rows: Label of each row.
        columns: Label of each column.
        cell: Pixels that one entry takes.
        outline: Column and row of an entry to mark.
        axes: What the columns are, and what the rows are.
    """

    title: str
    values: np.ndarray
    rows: Sequence[str]
    columns: Sequence[str]
    cell: float
    outline: tuple[int, int] | None = None
    axes: tuple[str, str] = ("", "")

    @property
    def width(self) -> float:
        """Pixels from its first label to its last column."""
        return max(_LABELS + self.cell * self.values.shape[1], 7.2 * len(self.title))

    @property
    def height(self) -> float:
        """Pixels from its title to its last row."""
        return _TITLE + _LABELS + self.cell * self.values.shape[0]


def draw_still(panels: Sequence[Panel], *, alt: str) -> str:
    """Heatmaps side by side as an image element whose source is part of it.

    Args:
        panels: What to draw, from left to right.
        alt: The picture in words.

    Returns:
        `<img>` with an SVG inside, which follows the light or dark scheme around it, and a line
        for readers whose browser runs no scripts here.
    """
    left, parts = 12.0, []
    for panel in panels:
        parts.append(f'<g transform="translate({left:.1f},10)">{_draw(panel)}</g>')
        left += panel.width + _GAP
    width = left - _GAP + 16
    height = max(panel.height for panel in panels) + 22
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="system-ui, sans-serif">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" rx="8" class="paper"/>'
        f"{''.join(parts)}</svg>"
    )
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<img class="helpers-still" alt={quoteattr(escape_invisible(alt))} width="{width:.0f}" '
        f'style="max-width:100%;height:auto" src="data:image/svg+xml;base64,{data}">'
        "<noscript><p><small>A still picture: scripts do not run here. In JupyterLab "
        "<i>File → Trust Notebook</i> wakes it up.</small></p></noscript>"
    )


def token_panel(title: str, pattern: np.ndarray, tokens: Sequence[str], *, side: int) -> Panel:
    """An attention pattern, with tokens on both axes.

    Args:
        title: What it shows.
        pattern: Attention over query and key, NaN above the diagonal.
        tokens: Text of each position.
        side: Pixels it may take.
    """
    cell = min(20.0, max(2.0, side / len(tokens)))
    return Panel(title, pattern, tokens, tokens, cell, axes=("key: looked at", "query: looks"))


def _draw(panel: Panel) -> str:
    rows, columns = panel.values.shape
    cell, step = panel.cell, max(1, -(-10 // int(max(1, panel.cell))))
    top = _TITLE + _LABELS
    place = f'x="{_LABELS}" y="{top}" width="{cell * columns:.1f}" height="{cell * rows:.1f}"'
    parts = [
        f'<text y="13" font-size="14" font-weight="600">{_shown(panel.title)}</text>',
        *(
            f'<image class="{scheme}" {place} preserveAspectRatio="none" '
            f'href="data:image/png;base64,{_png(_colours(panel.values, scheme))}"/>'
            for scheme in theme.SCALES
        ),
        f'<rect {place} class="frame"/>',
        *(
            f'<text x="{_LABELS - 8}" y="{y}" text-anchor="end" font-size="10" font-weight="600" '
            f'textLength="{min(_LABELS - 9, 6 * len(name))}" lengthAdjust="spacingAndGlyphs">'
            f"{_shown(name)}</text>"
            for name, y in zip(panel.axes, (_TITLE + 12, top - 8), strict=True)
            if name
        ),
        '<g font-family="ui-monospace, monospace" font-size="10">',
    ]
    for i in range(0, rows, step):
        y = top + (i + 0.5) * cell + 3.5
        parts.append(_label(panel.rows[i], f'x="{_LABELS - 5}" y="{y:.1f}" text-anchor="end"'))
    for i in range(0, columns, step):
        x = _LABELS + (i + 0.5) * cell + 3.5
        parts.append(
            _label(panel.columns[i], f'transform="translate({x:.1f},{top - 5}) rotate(-90)"')
        )
    parts.append("</g>")
    if panel.outline is not None:
        x, y = _LABELS + panel.outline[0] * cell, top + panel.outline[1] * cell
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" height="{cell:.1f}" class="mark"/>'
        )
    return "".join(parts)


def _label(label: str, place: str) -> str:
    short = label if len(label) <= 12 else label[:11] + "…"
    return f'<text {place} direction="ltr" unicode-bidi="isolate">{_shown(short)}</text>'


def _shown(text: str) -> str:
    return escape(escape_invisible(text))


def _colours(values: np.ndarray, scheme: str) -> np.ndarray:
    stops = np.array(theme.SCALES[scheme], dtype=float)
    places = np.linspace(0, 1, len(stops))
    filled = np.clip(np.nan_to_num(values, nan=0.0), 0, 1)
    colours = np.stack([np.interp(filled, places, stops[:, part]) for part in range(3)], axis=-1)
    colours[np.isnan(values)] = theme.BLANKS[scheme]
    return np.rint(colours).astype(np.uint8)


def _png(colours: np.ndarray) -> str:
    """An RGB image in the plainest form of PNG."""
    height, width, _ = colours.shape
    lines = b"".join(b"\0" + line.tobytes() for line in colours)

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    image = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(lines, 9))
        + chunk(b"IEND", b"")
    )
    return base64.b64encode(image).decode()
