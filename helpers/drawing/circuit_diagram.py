"""The two kinds of heads of an induction circuit, as one diagram: … A B … A, and two arrows."""

from xml.sax.saxutils import escape

from helpers import theme

TITLE = "How two heads continue … A B … A"
IN_WORDS = (
    "Tokens in a row: … A B … A. A previous-token head looks from B back to A and notes at B: "
    "A came before me. An induction head looks from the second A back to that B, because of the "
    "note, and predicts B."
)
"""The diagram for those who do not see it."""

WIDTH, HEIGHT = 500, 282
_TOKENS = ((26, "…"), (92, "A"), (192, "B"), (268, "…"), (344, "A"))
_TOP, _SIDE = 118, 52
_INKS = {"first": theme.BOUNDARY, "second": theme.SECOND, "ink": theme.INK, "quiet": theme.MUTED}
_PAPER = {"light": "#ffffff", "dark": "#14181d"}


def draw_circuit_diagram() -> str:
    """The diagram as an SVG file of its own, which follows the light or dark scheme around it.

    Both arrows point from where a head stands to where it looks.
    """
    first, second = _arrow(192, 92, "first"), _arrow(344, 192, "second")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title desc" '
            'font-family="system-ui, sans-serif" font-size="17" text-anchor="middle">',
            f'<title id="title">{escape(TITLE)}</title>',
            f'<desc id="desc">{escape(IN_WORDS)}</desc>',
            f"<style>{_style()}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
            *(_token(x, letter) for x, letter in _TOKENS),
            _token(444, "B", "next"),
            first,
            second,
            _text(124, 28, "1 · previous-token head", "first strong"),
            _text(366, 28, "2 · induction head", "second strong"),
            _text(192, 208, "“A came", "first"),
            _text(192, 230, "before me”", "first"),
            _text(344, 208, "“who comes", "second"),
            _text(344, 230, "after A?”", "second"),
            _text(444, 208, "predicts", "second"),
            _text(444, 230, "B", "second"),
            _text(250, 266, "An arrow points to where the head looks.", "quiet"),
            "</svg>",
            "",
        ]
    )


def _style() -> str:
    rules = {
        scheme: f".paper{{fill:{_PAPER[scheme]}}}"
        + "".join(
            f".{name}{{fill:{theme.SCHEMES[scheme][colour]}}}"
            f".{name}-line{{stroke:{theme.SCHEMES[scheme][colour]}}}"
            for name, colour in _INKS.items()
        )
        for scheme in _PAPER
    }
    return (
        "rect{fill:none;stroke-width:2}path{fill:none;stroke-width:3}.strong{font-weight:600}"
        f".letter{{font-size:24px;font-weight:600}}{rules['light']}"
        f"@media(prefers-color-scheme:dark){{{rules['dark']}}}"
    )


def _token(x: int, letter: str, kind: str = "") -> str:
    said = f'<text class="letter ink" x="{x}" y="{_TOP + 35}">{letter}</text>'
    if letter == "…":
        return said
    line = ' class="second-line" stroke-dasharray="5 4"' if kind else ' class="quiet-line"'
    return (
        f'<rect{line} x="{x - _SIDE // 2}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" rx="8"/>'
        + said
    )


def _arrow(start: int, end: int, kind: str) -> str:
    """An arc over the tokens from where the head stands, its point where it looks."""
    top, x = _TOP - 6, end + 6
    bow = 46 + (start - end) // 8
    point = f"{x},{top} {x + 1.5},{top - 14} {x + 12},{top - 6}"
    return (
        f'<path class="{kind}-line" d="M{start - 6},{top} C{start - 14},{top - bow} '
        f'{x + 22},{top - bow} {x + 5},{top - 8}"/><polygon class="{kind}" points="{point}"/>'
    )


def _text(x: int, y: int, said: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(said)}</text>'
