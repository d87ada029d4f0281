"""Interactive views as HTML that needs no network; never a model."""

import html
from collections.abc import Sequence

import xarray as xr

from helpers.plots.parts import check_dims


class View:
    """A piece of HTML that a notebook shows and a page keeps.

    Args:
        source: The HTML, self-contained.
        summary: What it shows, for places that do not draw HTML.
    """

    def __init__(self, source: str, *, summary: str) -> None:
        self.source = source
        self.summary = summary

    def _repr_html_(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return self.summary


def view_attention(patterns: xr.DataArray) -> View:
    """Attention patterns to hover over and lock, drawn by circuitsvis.

    The script is part of the output (some 1.3 MB a view), so that nothing is asked of the
    network: choose a few heads, not all of them.

    Args:
        patterns: Result of `get_attention`, over `head_name`, `query`, `key`.

    Returns:
        HTML view.

    Raises:
        ValueError: If the dimensions are others.
    """
    check_dims(patterns, ("head_name", "query", "key"))
    from circuitsvis.attention import attention_patterns

    names = [str(name) for name in patterns["head_name"].to_numpy()]
    values = patterns.transpose("head_name", "query", "key").fillna(0.0).to_numpy()
    rendered = attention_patterns(
        tokens=_as_text(patterns["key_token"].to_numpy().tolist()), attention=values
    )
    # circuitsvis numbers the heads it is given; this line says which is which.
    numbered = ", ".join(f"Head {i} is <b>{html.escape(name)}</b>" for i, name in enumerate(names))
    return View(
        # It closes its container as XML would; in HTML everything after it would disappear.
        f"<p>{numbered}</p>" + rendered.local_src.replace('"/>', '"></div>', 1),
        summary=f"attention of {', '.join(names)} (an interactive view)",
    )


def view_tokens(tokens: Sequence[str], *, n: int | None = None) -> View:
    """A line of tokens, each in a box; the repeat in another colour.

    Args:
        tokens: Token texts, BOS first, as `label_tokens` gives them.
        n: Length of the repeated half, if the sequence is one.

    Returns:
        HTML view, text escaped.
    """
    style = (
        "display:inline-block;margin:1px;padding:1px 5px;border-radius:4px;"
        "font-family:ui-monospace,monospace;font-size:12px;color:#1f2933;background:"
    )
    spans = []
    for position, token in enumerate(tokens):
        colour = "#fde8d7" if position == 0 else "#e4e7eb"
        if n is not None and position > n:
            colour = "#cfe8f3"
        spans.append(f'<span style="{style}{colour}">{html.escape(token)}</span>')
    return View(f"<div>{''.join(spans)}</div>", summary=" ".join(tokens))


def view_scores(trace: xr.DataArray) -> View:
    """A line of tokens, each the darker the higher its score; tokens without a score stay white.

    Args:
        trace: Scores in [0, 1] over `position`, with a coordinate `position_token`, for example
            the result of `trace_text_induction`. A coordinate `chance` is shown on hovering.

    Returns:
        HTML view, text escaped.

    Raises:
        ValueError: If the dimensions are others.
    """
    check_dims(trace, ("position",))
    style = (
        "display:inline-block;margin:1px 0;padding:1px 2px;border-bottom:2px solid %s;"
        "font-family:ui-monospace,monospace;font-size:13px;color:%s;background:rgba(11,110,153,%.2f)"
    )
    tokens, values = trace["position_token"].to_numpy(), trace.to_numpy()
    chances = trace["chance"].to_numpy() if "chance" in trace.coords else [None] * len(tokens)
    spans = []
    for token, value, chance in zip(tokens, values, chances, strict=True):
        seen = value == value  # NaN: no score
        title = f"{value:.2f}" if seen else "occurs for the first time"
        if seen and chance is not None:
            title += f" (uniform attention: {chance:.2f})"
        look = style % (
            "#0b6e99" if seen else "transparent",
            "#ffffff" if seen and value > 0.6 else "#1f2933",
            value if seen else 0.0,
        )
        spans.append(f'<span style="{look}" title="{title}">{html.escape(str(token))}</span>')
    caption = html.escape(f"{trace.attrs.get('head', '')}: {trace.attrs.get('long_name', '')}")
    return View(
        f'<div style="line-height:1.9"><p>{caption}</p>{" ".join(spans)}</div>',
        summary=" ".join(f"{token}" for token in tokens),
    )


def _as_text(tokens: Sequence[str]) -> list[str]:
    # circuitsvis writes token text into a script and into the page as HTML.
    return [html.escape(str(token)).replace("/", "&#47;") for token in tokens]
