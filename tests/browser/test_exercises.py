"""Exercises in a page: a guess first, then the figure; all of it visible where no script runs."""

import pytest
from browser.pages import open_page
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chapter(mini_run) -> str:
    return (mini_run.folder / "02_scan.html").as_uri()


def asked(page: Page):
    return page.locator('.helpers-check[data-check="induction chance level"]').first


def test_a_guess_uncovers_what_follows(page: Page, chapter: str, mini_run):
    page.goto(chapter)
    answer = page.get_by_text("chance 0.0", exact=False)
    expect(answer.first).not_to_be_in_viewport()
    assert page.locator(".covered").count() > 2
    guess = asked(page).get_by_label("Your guess")
    guess.fill("much")
    guess.press("Enter")
    expect(asked(page)).to_contain_text("Write a number")
    assert page.locator(".covered").count() > 2
    guess.fill("0,02")
    guess.press("Enter")
    expect(asked(page).locator(".guessed")).to_have_text("Your guess: 0,02. In this run: 0.01357.")
    expect(asked(page)).not_to_contain_text("Not answered yet")
    answer.first.scroll_into_view_if_needed()
    expect(answer.first).to_be_in_viewport()


def test_show_everything_shows_everything(page: Page, chapter: str):
    page.goto(chapter)
    widths = page.locator(".js-plotly-plot").evaluate_all("(all) => all.map((f) => f.clientWidth)")
    assert min(widths) > 300  # figures were drawn as wide as they are, covered or not
    page.get_by_role("button", name="Show everything").click()
    expect(page.locator(".covered")).to_have_count(0)
    expect(page.locator(".guess")).to_have_count(0)
    assert (
        page.locator("details.solution[open]").count() == page.locator("details.solution").count()
    )
    expect(page.get_by_role("button", name="Show everything")).to_have_count(0)


def test_hints_open_one_after_the_other(page: Page, chapter: str):
    page.goto(chapter)
    for number in (1, 2, 3):
        hint = asked(page).get_by_text(f"Hint {number}", exact=True)
        hint.click()
        expect(hint.locator("xpath=following-sibling::p")).to_be_visible()


def test_covered_cells_are_out_of_reach_of_the_keyboard(page: Page, chapter: str):
    page.goto(chapter)
    assert page.locator(".covered").evaluate_all("(all) => all.every((cell) => cell.inert)")
    for _ in range(25):
        page.keyboard.press("Tab")
        assert not page.evaluate("Boolean(document.activeElement.closest('.covered'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(chromium: Browser, chapter: str, scheme):
    size = {"width": 390, "height": 844}
    with open_page(chromium, viewport=size, color_scheme=scheme) as (page, log):
        page.goto(chapter)
        expect(asked(page).get_by_label("Your guess")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert not log.errors


def test_without_scripts_all_is_visible(chromium: Browser, chapter: str):
    with open_page(chromium, java_script_enabled=False) as (page, _):
        page.goto(chapter)
        expect(page.locator(".celltag_solution").first).to_be_visible()
        expect(page.get_by_text("chance 0.0", exact=False).first).to_be_visible()
        assert page.locator(".covered, .guess, details.solution").count() == 0
