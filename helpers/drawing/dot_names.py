"""Names beside dots: where they cover no other dot and no other name."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import plotly.graph_objects as go

_PLACES = (
    *("top center", "middle right", "middle left", "bottom center"),
    *(f"{up} {side}" for up, side in product(("top", "bottom"), ("right", "left"))),
)
_SIGNS = {"top": 1, "right": 1, "middle": 0, "center": 0, "bottom": -1, "left": -1}
_LETTER, _LINE, _DOT = 7.0, 13.0, 6.0
"""Pixels of a letter, of a line of text, and from the middle of a dot to its edge."""


def name_dots(
    fig: go.Figure,
    dots: np.ndarray,
    names: Sequence[str],
    *,
    color: str | Sequence[str],
    ends: tuple[Sequence[int | float], Sequence[int | float]],
    around: np.ndarray | None = None,
) -> None:
    """Write names beside dots, each in turn where it covers least.

    Args:
        fig: Figure of one panel to draw into.
        dots: x and y of every dot, one a row.
        names: Name of each; the empty ones are not written.
        color: Colour of all names, or of each.
        ends: Ends of the x axis and of the y axis, which are set.
        around: x and y of what must not be covered either: ends of whiskers, other dots.
    """
    fig.update_xaxes(range=ends[0]).update_yaxes(range=ends[1])
    low, high = np.array(ends, dtype=float).T
    size = (fig.layout.width - 100, fig.layout.height - fig.layout.margin.t - 60)
    seen = dots if around is None else np.vstack([dots, around])
    pixels, seen = ((points - low) / (high - low) * size for points in (dots, seen))
    chosen = [i for i, name in enumerate(names) if name]
    boxes: list[tuple[np.ndarray, np.ndarray]] = []
    places = []
    for i in chosen:
        half = np.array([_LETTER * len(names[i]), _LINE]) / 2
        tried = {place: pixels[i] + _away(place) * (half + _DOT) for place in _PLACES}
        costs = {
            place: (np.abs(seen - middle) < half + _DOT - 1).all(1).sum()
            + 4 * sum((np.abs(other - middle) < half + its).all() for other, its in boxes)
            + np.dot((middle < half) | (middle + half > size), [50, 2])  # cut off at the sides
            for place, middle in tried.items()
        }
        places.append(min(_PLACES, key=costs.__getitem__))
        boxes.append((tried[places[-1]], half))
    look: dict[str, Any] = {"size": 11, "color": color}
    if not isinstance(color, str):
        look["color"] = [color[i] for i in chosen]
    fig.add_scatter(
        x=dots[chosen, 0],
        y=dots[chosen, 1],
        mode="markers+text",
        marker={"size": 2 * _DOT, "opacity": 0},  # unseen: keeps the names off the dots
        text=[names[i] for i in chosen],
        textposition=places,
        textfont=look,
        cliponaxis=False,
        name="named",
        showlegend=False,
        hoverinfo="skip",
    )


def _away(place: str) -> np.ndarray:
    up, across = place.split()
    return np.array([_SIGNS[across], _SIGNS[up]])
