"""Attention patterns of a few heads, drawn by circuitsvis."""

import xarray as xr

from helpers.escaping import escape_invisible
from helpers.viewers.loader import load_viewers
from helpers.viewers.packing import check_patterns, name_of, pack
from helpers.viewers.still import draw_still, token_panel
from helpers.viewers.view import View, script

_MOST = 12


def view_attention(patterns: xr.DataArray) -> View:
    """Attention patterns to hover over and lock, drawn by circuitsvis.

    Its script comes from one call of `load_viewers` for the whole notebook; the view itself is
    data only (3 decimals, lower triangle) and a still picture, which stays where scripts do not
    run. Nothing is asked of the network.

    Args:
        patterns: Result of `get_attention`, over `head_name`, `query`, `key`; at most 12 heads.

    Returns:
        HTML view.

    Raises:
        TypeError: If it is no labelled array.
        ValueError: If the dimensions are others, entries are not in [0, 1], or there are too many
            heads.
    """
    check_patterns(patterns, ["head_name"])
    names = [escape_invisible(name) for name in patterns["head_name"].to_numpy()]
    if not 1 <= len(names) <= _MOST:
        raise ValueError(
            f"view_attention draws 1 to {_MOST} heads, got {len(names)}: choose a few with "
            "get_attention, or see all of them with view_heads."
        )
    values = patterns.transpose("head_name", "query", "key").to_numpy()
    tokens = [escape_invisible(token) for token in patterns["key_token"].to_numpy()]
    packed = pack({"heads": names, "tokens": tokens}, values)
    view = name_of(packed)
    side = 300 if len(names) < 4 else 200
    panels = [
        token_panel(f"Attention of {name}", pattern, tokens, side=side)
        for name, pattern in zip(names, values, strict=True)
    ]
    summary = f"attention of {', '.join(names)}"
    return View(
        f'<div class="helpers-view helpers-attention" data-view="{view}">'
        f"{draw_still(panels, alt=summary)}</div>"
        + script(
            call=f'(window.helpersViews ??= []).push({{ view: "{view}", packed: "{packed}" }});'
        ),
        summary=f"{summary} (an interactive view)",
        needs=load_viewers,
    )
