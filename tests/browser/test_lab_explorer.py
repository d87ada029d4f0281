"""The explorer inside JupyterLab, which has plans of its own for arrow keys and addresses."""

import pytest
from browser.lab import Lab, copy_notebooks, end_kernel, open_notebook, serve_lab
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

SHORT = """
from helpers import attention, load_model, sample_repeated_tokens, scan, view_heads

model = load_model("mini")
sample = sample_repeated_tokens(model, n=10, sequences=1)
view_heads(scan.score_heads(model, sample), attention.get_all_attention(model, sample))
"""


@pytest.fixture(scope="module")
def short_lab(tmp_path_factory: pytest.TempPathFactory):
    folder = copy_notebooks(tmp_path_factory.mktemp("explorer") / "notebooks")
    cells = [new_code_cell("1"), new_code_cell(SHORT), new_code_cell("2")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    write(new_notebook(cells=cells, metadata=kernel), folder / "short.ipynb")
    with serve_lab(folder, tmp_path_factory.mktemp("explorer-home")) as lab:
        yield lab


def active_cell(page: Page) -> int:
    return page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex")


def test_keys_stay_in_the_explorer_and_the_address_as_it_is(page: Page, short_lab: Lab):
    open_notebook(page, short_lab, "short.ipynb")
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
    expect(page.locator(".helpers-heads[data-live=yes]")).to_be_visible(timeout=120_000)
    address = page.url
    page.locator(".cell[aria-label^='L0H0,']").click()
    before = active_cell(page)
    for key, name in [("ArrowDown", "L1H0"), ("ArrowRight", "L1H1"), ("End", "L1H7")]:
        page.keyboard.press(key)
        expect(page.locator(".heading")).to_contain_text(f"{name}:")
        expect(page.locator(f".cell[aria-label^='{name},']")).to_be_focused()
    canvas = page.locator("canvas.pattern")
    canvas.focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".readout")).to_contain_text("query 15 ")
    assert active_cell(page) == before
    assert page.url == address
    expect(page.locator(".link")).to_be_hidden()
    end_kernel(page)


def test_it_follows_jupyterlabs_theme(page: Page, short_lab: Lab):
    open_notebook(page, short_lab, "short.ipynb")
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
    box = page.locator(".helpers-heads[data-live=yes] .box")
    expect(box).to_have_attribute("data-theme", "light", timeout=120_000)
    change = "name => { jupyterapp.commands.execute('apputils:change-theme', { theme: name }) }"
    page.evaluate(change, "JupyterLab Dark")
    expect(box).to_have_attribute("data-theme", "dark")
    end_kernel(page)


def test_a_new_view_of_the_output_lives_as_well(page: Page, short_lab: Lab):
    open_notebook(page, short_lab, "short.ipynb")
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
    expect(page.locator(".helpers-heads[data-live=yes]")).to_have_count(1, timeout=120_000)
    page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
    page.evaluate("() => { jupyterapp.commands.execute('notebook:create-output-view') }")
    expect(page.locator(".helpers-heads[data-live=yes]")).to_have_count(2)
