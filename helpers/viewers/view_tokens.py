"""Lines of text whose tokens are coloured: by their half, or by a value each."""

import html
from collections.abc import Sequence

import numpy as np
import xarray as xr

from helpers.arguments import check_whole, say_value
from helpers.drawing.heatmap import check_dims
from helpers.escaping import escape_invisible
from helpers.viewers.view import View

# Half transparent, and ink is left to the page: so it reads on light and on dark ground, also where
# JupyterLab, in a notebook it does not trust, takes every other way of saying it out.
_BOX = (
    "display:inline-block;margin:1px;padding:1px 4px;border-radius:4px;white-space:pre;"
    "font-family:monospace;font-size:12px;background:"
)
_PLAIN, _BOS, _REPEAT = "rgba(123,135,148,0.18)", "rgba(194,65,12,0.22)", "rgba(11,110,153,0.30)"
_HIGH, _LOW = "11,110,153", "194,65,12"
_STRONGEST = 0.6


def view_tokens(
    tokens: Sequence[str] | xr.DataArray, *, n: int | None = None, limit: float | None = None
) -> View:
    """A line of tokens, each in a box; with values, each the stronger the higher its value.

    It is text without any script: it shows wherever HTML does. Hovering a token shows its value,
    and a table below, closed at first, says all of them.

    Args:
        tokens: Token texts, BOS first, as `label_tokens` gives them; or values over `position`
            with a coordinate `position_token`, such as one sequence of `measure_loss` or the result
            of `trace_text_induction`. NaN is a token without a value; if there are such, those with
            one are underlined. A coordinate `chance` is shown on hovering.
        n: Length of the repeated half, if the sequence is one: the second half gets another colour,
            or with values a line break before it.
        limit: Value of the full colour; if not given, 1 for values in [0, 1], else the largest.
            Negative values are orange, on the same scale.

    Returns:
        HTML view.

    Raises:
        TypeError: If it is neither texts nor labelled values.
        ValueError: If values have other dimensions or no token texts, or the limit is not positive.
    """
    if limit is not None and not (isinstance(limit, float | int) and 0 < limit < np.inf):
        raise ValueError(f"limit is the value of the full colour, above 0; got {limit!r}.")
    if n is not None:
        check_whole(n=n)
    if isinstance(tokens, xr.DataArray):
        return _with_values(tokens, n=n, limit=limit)
    texts = isinstance(tokens, Sequence | np.ndarray) and not isinstance(tokens, str)
    if not texts or not all(isinstance(token, str) for token in tokens):
        raise TypeError(
            f"Texts of tokens are shown, as label_tokens(model, ids) gives them, or values over "
            f"position; not {say_value(tokens)}."
        )
    boxes = []
    for position, token in enumerate(tokens):
        colour = _BOS if position == 0 else _REPEAT if n is not None and position > n else _PLAIN
        boxes.append(_box(token, colour))
    return _view(boxes, summary=" ".join(escape_invisible(token) for token in tokens))


def _with_values(values: xr.DataArray, *, n: int | None, limit: float | None) -> View:
    check_dims(values, ("position",))
    if values.dtype.kind not in "fiub":
        raise TypeError("The values are no numbers; texts of tokens are shown as a list.")
    if "position_token" not in values.coords:
        raise ValueError("The values have no coordinate position_token: the texts of their tokens.")
    tokens = [str(token) for token in values["position_token"].to_numpy()]
    numbers = values.to_numpy().astype(float)
    places = values["position"].to_numpy() if "position" in values.coords else range(len(tokens))
    if limit is None:
        top = float(np.nanmax(np.abs(numbers), initial=0.0))
        limit = 1.0 if top <= 1 else top
    chances = values["chance"].to_numpy() if "chance" in values.coords else [np.nan] * len(tokens)
    gaps = bool(np.isnan(numbers).any())
    boxes, lines = [], []
    for place, token, value, chance in zip(places, tokens, numbers, chances, strict=True):
        strength = 0.0 if np.isnan(value) else _STRONGEST * min(1.0, abs(value) / limit)
        said = "no value" if np.isnan(value) else f"{value:z.3f}"
        if not np.isnan(value) and not np.isnan(chance):
            said += f" (uniform attention: {chance:.3f})"
        if n is not None and place == n + 1:
            boxes.append("<br>")
        hue = _LOW if value < 0 else _HIGH
        line = gaps and not np.isnan(value)
        boxes.append(
            _box(token, f"rgba({hue},{strength:.3f})", title=f"{place}: {said}", line=line)
        )
        lines.append(f"<tr><td>{place}</td><td>{_isolated(token)}</td><td>{said}</td></tr>")
    about = (values.attrs.get("head"), values.attrs.get("long_name"))
    name = " ".join(escape_invisible(part) for part in about if part)
    units = escape_invisible(values.attrs.get("units", ""))
    caption = html.escape(name[:1].upper() + name[1:])
    scale = (
        f"<p><small>{caption}&ensp;"
        '<span style="padding:1px 14px;border:1px solid rgba(123,135,148,0.5);'
        f'background:linear-gradient(to right,rgba({_HIGH},0),rgba({_HIGH},{_STRONGEST}))"></span>'
        f"&ensp;0 … {limit:.3g} {html.escape(units)}</small></p>"
    )
    table = (
        "<details><summary><small>the values as a table</small></summary>"
        f"<table><tr><th>position</th><th>token</th><th>value</th></tr>{''.join(lines)}</table></details>"
    )
    said = " ".join(escape_invisible(token) for token in tokens)
    return _view(boxes, before=scale, after=table, summary=f"{name}: {said}")


def _view(boxes: Sequence[str], *, summary: str, before: str = "", after: str = "") -> View:
    line = f'<div style="line-height:1.9" dir="ltr">{"".join(boxes)}</div>'
    return View(
        f'<div class="helpers-view helpers-tokens">{before}{line}{after}</div>', summary=summary
    )


def _box(token: str, colour: str, *, title: str = "", line: bool = False) -> str:
    hover = f' title="{html.escape(title)}"' if title else ""
    under = ";border-bottom:2px solid rgba(11,110,153,0.8)" if line else ""
    return f'<span style="{_BOX}{colour}{under}"{hover}>{_isolated(token)}</span>'


def _isolated(token: str) -> str:
    return f"<bdi>{html.escape(escape_invisible(token))}</bdi>"
