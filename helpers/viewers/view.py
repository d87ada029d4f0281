"""What every view is: HTML that asks nothing of the network and shows itself."""

import html
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from helpers.results import write_whole


class View:
    """A piece of HTML that a notebook shows, a page keeps and a file can hold.

    Args:
        source: The HTML, self-contained but for the viewers' script if it needs that.
        summary: What it shows, for places that do not draw HTML.
        needs: What makes the view that must come before it, once a notebook or page, if it does
            not come to life by itself: `load_viewers`.
    """

    def __init__(
        self, source: str, *, summary: str, needs: Callable[[], "View"] | None = None
    ) -> None:
        self.source = source
        self.summary = summary
        self.needs = needs

    def _repr_html_(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return self.summary

    def save(self, path: str | Path) -> Path:
        """Write the view as a page of its own, which opens from the disk without network.

        Args:
            path: File to write, ending in `.html`. Its folder is made if need be.

        Returns:
            The path.

        Raises:
            ValueError: If the name does not end in `.html`.
        """
        path = page_path(path)
        before = self.needs().source if self.needs else ""
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            '<link rel="icon" href="data:,">'
            f"<title>{html.escape(self.summary)}</title></head>"
            f'<body style="font-family:system-ui,sans-serif">{before}{self.source}</body></html>\n'
        )
        write_whole(path, lambda to: to.write_text(page, encoding="utf-8"))
        return path


def page_path(path: str | Path) -> Path:
    """Where a page goes; a name that is none of a page is refused.

    Raises:
        ValueError: If the name does not end in `.html`.
    """
    path = Path(path)
    if path.suffix.lower() not in {".html", ".htm"}:
        raise ValueError(f"A view is saved as a page: name it {path.stem}.html, not {path.name}.")
    return path


def code(*names: str) -> str:
    """Scripts of this package as one text, without the lines that only people read.

    Args:
        *names: Files in `scripts/`, without ending, in the order in which they are needed.
    """
    folder = files("helpers.viewers") / "scripts"
    lines = [
        line.strip()
        for name in names
        for line in (folder / f"{name}.js").read_text(encoding="utf-8").splitlines()
    ]
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def script(*names: str, call: str = "") -> str:
    """Scripts of this package as one element that leaves nothing in the page's own names.

    Args:
        *names: See `code`.
        call: What to do with them. Must hold no text from outside.
    """
    return f"<script>(() => {{\n{code(*names)}\n{call}\n}})();</script>"


def style(name: str) -> str:
    """A style sheet of this package, without line breaks."""
    text = (files("helpers.viewers") / "scripts" / f"{name}.css").read_text(encoding="utf-8")
    return " ".join(text.split())
