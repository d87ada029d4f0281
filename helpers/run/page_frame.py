"""What stands around every page: templates, style sheets, an icon."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader

TEMPLATES = Path(str(files("helpers.run") / "templates"))
"""Templates and style sheets of the pages."""

ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect width="16" height="16" rx="3" fill="#0b6e99"/>'
    '<path d="M3 3l10 10M3 9l4 4" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>'
)
"""The picture beside a page's name: an induction head's stripe below the diagonal."""


@cache
def frame_page(sheet: str) -> dict[str, str]:
    """What a page's template puts into its head.

    Args:
        sheet: Its style sheet, besides the one that all pages share.
    """
    sheets = [(TEMPLATES / f"{name}.css").read_text(encoding="utf-8") for name in ("common", sheet)]
    scheme = (TEMPLATES / "scheme.js").read_text(encoding="utf-8")
    return {"icon": ICON, "style": "\n".join(sheets), "scheme": scheme}


def page_environment() -> Environment:
    """Templates that escape everything that they do not call safe."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
