"""A browser, its pages, and what they ask the network for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from helpers.drawing.chrome import OFFLINE, find_browser

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    OFFLINE,  # the second net, for what the log of requests might not see
]
SIZE = {"width": 1400, "height": 1000}
LONG = 120_000
"""Milliseconds that a page may take on two busy cores before a test gives up."""


@contextmanager
def start_browser() -> Iterator[Browser]:
    """Chromium without a window and without a way out of this machine; none is downloaded."""
    expect.set_options(timeout=LONG)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, **options: object) -> Iterator[tuple[Page, "Log"]]:
    """A page with nothing remembered, and the log of what it asks for and complains about."""
    context = browser.new_context(viewport=options.pop("viewport", SIZE), **options)
    try:
        context.set_default_timeout(LONG)
        log = Log(context)
        yield context.new_page(), log
    finally:
        context.close()


# What JupyterLab itself logs if a kernel ends while a message is on its way, on a slow machine.
_KERNEL_ENDED = re.compile(r"Canceled future|/api/(kernels|sessions)|/lab/.*WebSocket|kernel.*dead")


class Log:
    """What the pages of a context ask for, and what goes wrong in them."""

    def __init__(self, context: BrowserContext) -> None:
        self.addresses: list[str] = []
        self.errors: list[str] = []
        context.on("request", lambda request: self.addresses.append(request.url))
        context.on("page", self._follow)
        context.on("weberror", lambda error: self._note(f"uncaught: {error.error}"))
        context.on("console", self._read)

    @property
    def foreign(self) -> list[str]:
        """Addresses that are not on this machine."""
        return [address for address in self.addresses if not is_local(address)]

    def _follow(self, page: Page) -> None:
        page.on("websocket", lambda socket: self.addresses.append(socket.url))

    def _read(self, message: object) -> None:
        if message.type == "error":
            self._note(f"console: {message.text} ({message.location.get('url')})")

    def _note(self, said: str) -> None:
        if not _KERNEL_ENDED.search(said):
            self.errors.append(said)


def is_local(address: str) -> bool:
    """Whether an address stays on this machine."""
    parts = urlsplit(address)
    if parts.scheme in {"data", "blob", "file", "about"}:
        return not parts.netloc
    return parts.hostname in {"127.0.0.1", "localhost"}
