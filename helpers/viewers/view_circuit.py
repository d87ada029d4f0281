"""The diagram of the two kinds of heads, for notebooks and pages."""

import base64
import html

from helpers.drawing.circuit_diagram import IN_WORDS, WIDTH, draw_circuit_diagram
from helpers.viewers.view import View


def diagram_address() -> str:
    """The diagram as an address that holds all of it."""
    data = base64.b64encode(draw_circuit_diagram().encode()).decode()
    return f"data:image/svg+xml;base64,{data}"


def view_circuit() -> View:
    """Two arrows over … A B … A: what a previous-token head and an induction head look at.

    Returns:
        A picture that needs no script: it is an image element, which keeps the words for those
        who do not see it also where a notebook is not trusted.
    """
    return View(
        f'<div class="helpers-view helpers-circuit">'
        f'<img alt="{html.escape(IN_WORDS)}" width="{WIDTH}" '
        f'style="max-width:100%;height:auto" src="{diagram_address()}"></div>',
        summary=IN_WORDS,
    )
