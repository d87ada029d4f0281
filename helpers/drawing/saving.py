"""A figure as a file that needs no script: PNG, SVG or PDF, drawn by the browser that is there."""

import asyncio
import logging
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import plotly.graph_objects as go
import plotly.io as pio

from helpers import theme
from helpers.drawing import chrome
from helpers.results import write_whole

Format = Literal["png", "svg", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)
_LARGEST = 10
"""Browsers draw no more than some 16,000 pixels a side."""
_PRINTED = "<style>@page { margin: 0 } img { display: block }</style>"
"""Without it the margins of a sheet of paper push the foot of a figure off its PDF."""


def save_figure(fig: go.Figure, path: str | Path, *, scale: int | float = 2) -> Path:
    """Write a figure as a picture on white ground, its format by the ending of the name.

    Drawn without network by kaleido and the installed Chrome or Chromium (`find_browser`), with
    the plotly.js that came with plotly. A browser starts each time, for about three seconds.

    Args:
        fig: The figure; its own width and height count.
        path: Where to, ending in .png, .svg or .pdf. The folder is made; the file appears whole
            or not at all.
        scale: Pixels of a PNG for each pixel of the figure, above 0 and at most 10. SVG and PDF
            are sharp at any size.

    Returns:
        The path.

    Raises:
        TypeError: If it is no figure, or path or scale are of another type.
        ValueError: If the ending is another, or the scale out of range.
        BrowserError: If there is no browser, or it does not start. It says what to do.
    """
    if not isinstance(fig, go.Figure):
        raise TypeError(
            f"A figure is saved here, as plot_… returns it, not a {type(fig).__name__}; a view has "
            ".save(path)."
        )
    if not isinstance(path, str | Path) or not isinstance(scale, int | float):
        raise TypeError('path is the name of a file and scale a number: save_figure(fig, "a.png").')
    target = Path(path)
    kind = target.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise ValueError(f"{target.name!r} must end in .png, .svg or .pdf: what it shall become.")
    if not (math.isfinite(scale) and 0 < scale <= _LARGEST):
        raise ValueError(f"scale must be above 0 and at most {_LARGEST}, got {scale}.")
    picture = _draw(_on_white(fig), kind, scale if kind == "png" else 1)
    write_whole(target, lambda to: to.write_bytes(picture))
    return target


def _on_white(fig: go.Figure) -> go.Figure:
    """The same figure on white paper, in the colours for that."""
    text = str(fig.to_json())
    for old, new in (theme.SCHEMES["light"] | {theme.PAPER: "#ffffff"}).items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return go.Figure(pio.from_json(text))


def _draw(fig: go.Figure, kind: Format, scale: int | float) -> bytes:
    program = chrome.find_browser()
    try:
        import kaleido
        from choreographer.browsers.chromium import Chromium
        from kaleido.errors import BrowserClosedError, BrowserFailedError
    except ImportError as error:
        raise chrome.BrowserError(
            "Pictures are drawn with kaleido, which is not installed: "
            "pip install -c constraints.txt -e '.[notebooks]'"
        ) from error

    class Offline(Chromium):
        def get_cli(self) -> Sequence[str]:
            return [*super().get_cli(), chrome.OFFLINE]

    class Page(kaleido.PageGenerator):
        header = f"{kaleido.PageGenerator.header}{_PRINTED}"

    drawing = kaleido.calc_fig(
        fig,
        opts={"format": kind, "scale": scale},
        kopts={
            "path": program,
            "browser_cls": Offline,
            # MathJax would be asked of a CDN, and no label here is LaTeX.
            "page_generator": Page(mathjax=False),
        },
    )
    try:
        # In a thread of its own: a notebook's thread already runs an event loop.
        with _silent(), ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, drawing).result()
    except (BrowserClosedError, BrowserFailedError) as error:
        raise chrome.BrowserError(
            f"{program} does not start. `{program} --headless --no-sandbox --dump-dom about:blank` "
            "says why; BROWSER_PATH=/path/to/chrome takes another."
        ) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Keep to itself what kaleido and the browser log; what matters comes as an error."""
    loggers = [logging.getLogger(name) for name in ("kaleido", "choreographer", "browser_proc")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
