"""The pages that `make notebooks` writes, opened from the disk as one opens a mail's attachment."""

import re
from pathlib import Path

import numpy as np
import pytest
from browser.pages import LONG, open_page
from browser.pixels import is_drawn, take_pixels
from playwright.sync_api import Browser, Page, expect

from helpers.run import WalkthroughRun

pytestmark = pytest.mark.browser

NAMES = sorted(path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("0*.ipynb"))
VIEWS = {"01_loss": 2, "02_scan": 1, "03_attention": 3, "08_text": 1}
"""How many views of ours a page holds."""


def uncover(page: Page) -> None:
    """What a page covers until its reader has guessed."""
    everything = page.get_by_role("button", name="Show everything")
    if everything.count():
        everything.click()


def check_shown(page: Page, name: str) -> None:
    """Every figure and view is there, has a size and is not a blank."""
    uncover(page)
    figures = page.locator(".js-plotly-plot")
    views = page.locator(".helpers-view")
    expect(views).to_have_count(VIEWS.get(name, 0))
    for view in page.locator(".helpers-attention, .helpers-heads").all():
        expect(view).to_have_attribute("data-live", "yes")
        expect(view.locator("img.helpers-still")).to_have_count(0)
    assert figures.count() + views.count() + page.locator("td").count() > 0
    for element in [*figures.all(), *views.all()]:
        element.scroll_into_view_if_needed()
        expect(element).to_be_visible()
        box = element.bounding_box()
        assert box is not None and box["width"] > 200 and box["height"] > 20
        assert is_drawn(take_pixels(element))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_everything_shows(chromium: Browser, mini_run: WalkthroughRun, name: str, scheme: str):
    with open_page(chromium, color_scheme=scheme) as (page, log):
        page.goto((mini_run.folder / f"{name}.html").as_uri())
        check_shown(page, name)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = np.mean([float(part) for part in re.findall(r"[\d.]+", ground)[:3]])
        assert (brightness > 128) == (scheme == "light")
        assert not log.foreign and not log.errors


def test_in_the_dark_figures_and_views_stand_on_the_page(
    chromium: Browser, mini_run: WalkthroughRun
):
    with open_page(chromium, color_scheme="dark") as (page, log):
        page.goto((mini_run.folder / "03_attention.html").as_uri())
        check_shown(page, "03_attention")
        for element in page.locator(".js-plotly-plot, .helpers-attention").all():
            assert np.median(take_pixels(element)[..., :3]) < 60
        page.emulate_media(color_scheme="light")
        expect(page.locator(".gtitle").first).to_have_css("fill", "rgb(31, 41, 51)")
        assert np.median(take_pixels(page.locator(".js-plotly-plot").first)[..., :3]) > 200
        assert not log.errors


def test_the_index_leads_everywhere_and_back(page: Page, mini_run: WalkthroughRun):
    page.goto((mini_run.folder / "index.html").as_uri())
    expect(page.locator(".helpers-heads[data-live=yes]")).to_be_visible()
    for href in page.eval_on_selector_all("a", "links => links.map(a => a.getAttribute('href'))"):
        if href and not href.startswith(("http", "#", "mailto:", "data:")):
            assert (mini_run.folder / href.partition("#")[0]).is_file(), href
    chapter = page.locator(f"a[href='{NAMES[0]}.html']").first
    chapter.click()
    for name in NAMES[1:]:
        page.locator(f"a[href='{name}.html']").first.click()
        page.wait_for_url(f"**/{name}.html")
    page.locator("a[href='index.html']").first.click()
    page.wait_for_url("**/index.html")


def test_a_link_to_a_head_opens_it(page: Page, mini_run: WalkthroughRun):
    address = (mini_run.folder / "03_attention.html").as_uri()
    page.goto(f"{address}#L2H5:previous_token:2")
    expect(page.locator(".helpers-heads .heading")).to_contain_text("L2H5: previous-token score")
    assert page.locator("select.sequence").input_value() == "1"


def test_circuitsvis_comes_once_and_follows_the_pointer(page: Page, mini_run: WalkthroughRun):
    path = mini_run.folder / "03_attention.html"
    assert path.read_text(encoding="utf-8").count("helpers-loader") == 1
    page.goto(path.as_uri())
    uncover(page)
    view = page.locator(".helpers-attention[data-live=yes]").first
    token = view.locator(".tokens button").nth(9)
    before = take_pixels(view)
    token.hover()
    # Nothing says when circuitsvis has coloured the tokens.
    waited = 0
    while (take_pixels(view) == before).all() and waited < LONG:
        page.wait_for_timeout(300)
        waited += 300
    assert (take_pixels(view) != before).any()


@pytest.mark.parametrize("name", ["03_attention", "index"])
def test_without_scripts_pictures_stay(chromium: Browser, mini_run: WalkthroughRun, name: str):
    with open_page(chromium, java_script_enabled=False) as (page, log):
        page.goto((mini_run.folder / f"{name}.html").as_uri())
        pictures = page.locator("img.helpers-still")
        assert pictures.count() == (3 if name.startswith("03") else 1)
        for picture in pictures.all():
            expect(picture).to_be_visible()
            assert is_drawn(take_pixels(picture))
        assert not log.foreign


def test_on_a_phone_nothing_pushes_the_page_aside(chromium: Browser, mini_run: WalkthroughRun):
    with open_page(chromium, viewport={"width": 390, "height": 800}) as (page, log):
        for name in [*NAMES, "index"]:
            page.goto((mini_run.folder / f"{name}.html").as_uri())
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, name
            for figure in page.locator(".figure:has(.js-plotly-plot)").all():
                # It fits, or scrolls; and lines without names on them fit.
                ends = figure.evaluate("box => [box.clientWidth, box.scrollWidth]")
                assert ends[1] <= 660
        page.goto((mini_run.folder / "01_loss.html").as_uri())
        expect(page.locator(".js-plotly-plot .legend")).to_be_visible()
        ends = page.locator(".figure").evaluate("box => [box.clientWidth, box.scrollWidth]")
        assert ends[0] == ends[1] <= 390
        assert not log.foreign and not log.errors
