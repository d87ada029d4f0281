"""The checks of the browser tests, checked: nothing slips past the log, and pixels are pixels."""

import numpy as np
import pytest
from browser.pages import is_local, open_page
from browser.pixels import is_drawn, read_rows, take_picture, take_pixels
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ELSEWHERE = "elsewhere.invalid"


@pytest.mark.parametrize(
    "source",
    [
        f'<img src="http://{ELSEWHERE}/picture.png" onerror="done()">',
        f'<link rel="stylesheet" href="https://{ELSEWHERE}/style.css" onerror="done()">',
        f'<iframe src="https://{ELSEWHERE}/" onload="done()"></iframe>',
        f"<script>fetch('https://{ELSEWHERE}/data').catch(done)</script>",
        f"<script>new WebSocket('wss://{ELSEWHERE}/socket').onerror = done</script>",
    ],
)
def test_what_would_leave_the_machine_is_seen(chromium: Browser, source: str) -> None:
    with open_page(chromium) as (page, log):
        page.set_content(
            f"<script>function done() {{ document.title = 'refused' }}</script>{source}"
        )
        page.wait_for_function("() => document.title === 'refused'")
    assert [address for address in log.foreign if ELSEWHERE in address]


def test_what_goes_wrong_is_seen(chromium: Browser) -> None:
    with open_page(chromium) as (page, log):
        page.set_content("<script>console.error('said'); throw new Error('thrown')</script>")
        page.wait_for_function("() => true")
    assert len(log.errors) == 2


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://127.0.0.1:8888/lab", True),
        ("ws://localhost/api", True),
        ("data:image/png;base64,AAAA", True),
        ("blob:http://127.0.0.1/1", True),
        ("file:///tmp/page.html", True),
        ("file://server/share/page.html", False),
        ("http://127.0.0.1.elsewhere.invalid/", False),
        ("https://elsewhere.invalid/?127.0.0.1", False),
    ],
)
def test_what_is_local(address: str, local: bool) -> None:
    assert is_local(address) == local


def test_pixels_are_those_of_the_page(page: Page) -> None:
    # Many colours in a small space: the picture is packed with several of PNG's filters.
    cells = np.random.default_rng(0).integers(0, 256, (24, 16, 3), dtype=np.uint8)
    cells[8:16] = np.arange(8 * 16 * 3).reshape(8, 16, 3) // 3
    page.set_content(
        "<main style='display:grid;grid-template-columns:repeat(16, 4px);width:64px'>"
        + "".join(
            f"<i style='height:4px;background:rgb({r},{g},{b})'></i>"
            for r, g, b in cells.reshape(-1, 3)
        )
        + "</main>"
    )
    pixels = take_pixels(page.locator("main"))
    assert (pixels[..., :3] == cells.repeat(4, axis=0).repeat(4, axis=1)).all()


def test_an_empty_box_is_not_drawn(page: Page) -> None:
    page.set_content('<p style="width:80px;height:20px;margin:9px">-</p>')
    box = page.locator("p")
    assert is_drawn(read_rows(take_picture(box)))
    box.evaluate("box => box.replaceChildren()")
    assert not is_drawn(read_rows(take_picture(box)))
