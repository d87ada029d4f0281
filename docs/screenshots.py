"""Pictures of what one can click: explorer, page, live model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import xarray as xr
from playwright.sync_api import Page, sync_playwright

from helpers import view_heads
from helpers.drawing.chrome import OFFLINE, find_browser
from helpers.play import write_play
from helpers.results import load_result

SCHEMES = ("light", "dark")
_SHARPNESS = 1.5
"""Pixels of the picture for one of the page."""


def take_explorer(run: Path, docs: Path) -> list[Path]:
    """The explorer on the best head."""
    written = []
    scores, attention = (read(run, name) for name in ("scores", "attention"))
    patterns = attention["attention"].assign_attrs(attention.attrs)
    with TemporaryDirectory() as folder:
        page_of_its_own = view_heads(scores, patterns).save(Path(folder) / "heads.html")
        for scheme in SCHEMES:
            with open_page(page_of_its_own, scheme, width=980, height=1000) as page:
                explorer = page.locator(".helpers-heads[data-live=yes]")
                explorer.wait_for()
                written.append(docs / f"explorer-{scheme}.png")
                explorer.screenshot(path=written[-1])
    return written


def take_page(run: Path, docs: Path) -> list[Path]:
    """The first screen of a notebook's page, scrolled to its first figure."""
    written = []
    for scheme in SCHEMES:
        with open_page(run / "01_loss.html", scheme, width=1180, height=900) as page:
            page.locator(".js-plotly-plot .legend").first.wait_for()
            heading = page.locator("h2", has_text="The number, by hand")
            heading.evaluate("heading => heading.scrollIntoView()")
            written.append(docs / f"page-{scheme}.png")
            page.screenshot(path=written[-1])
    return written


def take_play(_run: Path, docs: Path) -> list[Path]:
    """The page with a live model, at the last answer of its story; it is mini in every run."""
    written = []
    with TemporaryDirectory() as folder:
        live = write_play(Path(folder) / "play.html")
        for scheme in SCHEMES:
            with open_page(live, scheme, width=1040, height=1200) as page:
                page.locator(".steps button").nth(5).click()
                page.locator(".options button").last.click()
                page.locator(".answer").wait_for()
                written.append(docs / f"play-{scheme}.png")
                page.locator(".box").screenshot(path=written[-1])
    return written


def read(run: Path, name: str) -> xr.Dataset:
    """What a notebook kept as `name`.

    Raises:
        FileNotFoundError: If it kept no such thing.
    """
    path = run / "data" / f"{name}.nc"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there.")
    return load_result(path)


@contextmanager
def open_page(path: Path, scheme: str, *, width: int, height: int) -> Iterator[Page]:
    """A page of a finished run in the installed browser, which reaches no network.

    Raises:
        FileNotFoundError: If the run has no such page.
        BrowserError: If there is no Chrome or Chromium.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(find_browser()), args=["--no-sandbox", "--disable-gpu", OFFLINE]
        )
        try:
            page = browser.new_page(
                color_scheme=scheme,  # type: ignore[arg-type] - one of SCHEMES
                viewport={"width": width, "height": height},
                device_scale_factor=_SHARPNESS,
            )
            page.goto(path.resolve().as_uri())
            yield page
        finally:
            browser.close()
