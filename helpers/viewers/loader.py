"""The script of circuitsvis, brought into a notebook or page once, by one visible call."""

from functools import cache
from importlib.resources import files

from helpers.viewers.packing import compress
from helpers.viewers.view import View, script


def load_viewers() -> View:
    """Bring the script that draws `view_attention` into this notebook.

    Call it once, in a cell of its own near the top; its output holds the script (some 0.5 MB,
    compressed), so a saved notebook or an exported page carries it along and nothing is asked of
    the network. Views that were shown earlier wait for it; running the cell again does no harm.

    Returns:
        HTML view that says the script is there.
    """
    return View(
        '<div class="helpers-loader"><small>Viewers are ready: circuitsvis, once for this page, '
        "without network.</small></div>"
        + script("unpack", "dark", "loader", call=f'load("{_packed()}");'),
        summary="the script that draws attention (circuitsvis)",
    )


@cache
def _packed() -> str:
    source = (files("circuitsvis") / "dist" / "cdn" / "iife.js").read_bytes()
    return compress(b"{}", source.rpartition(b"//# sourceMappingURL")[0] or source)
