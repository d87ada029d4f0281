"""Every notebook in JupyterLab: run, saved, and opened again by somebody who does not trust it."""

import re
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from browser.lab import (
    NOTEBOOKS,
    TRACKER,
    Lab,
    copy_notebooks,
    end_kernel,
    is_trusted,
    open_notebook,
    read_notebook,
    run_all,
    save,
    serve_lab,
    show_cell,
)
from browser.pixels import is_drawn, read_rows, take_picture
from nbformat import NotebookNode
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

NAMES = sorted(path.name for path in NOTEBOOKS.glob("[0-9]*.ipynb") if path.stem[:2] != "00")
"""The chapters; the playground is in `test_panel.py`."""
PLOTLY = "application/vnd.plotly.v1+json"
SCRIPTED = ".helpers-attention, .helpers-heads"


@pytest.mark.parametrize("name", NAMES)
def test_runs_saves_and_opens_again(
    name: str, lab: Lab, stranger: Lab, folder: Path, page: Page
) -> None:
    open_notebook(page, lab, name)
    run_all(page)
    ran = read_notebook(page)
    assert not errors(ran)
    assert all(count for count, _ in results(ran))
    check_cells(page, ran, live=True)
    save(page)
    end_kernel(page)
    kept = nbformat.read(folder / name, as_version=4)
    assert results(kept) == results(ran)

    # Somebody else opens the file: data and pictures, but nothing that runs.
    open_notebook(page, stranger, name)
    assert not is_trusted(page)
    check_cells(page, kept, live=False)
    end_kernel(page)

    # And trusts it: what was saved comes to life, with nothing run.
    stranger.trust(name)
    open_notebook(page, stranger, name)
    assert is_trusted(page)
    check_cells(page, kept, live=True)
    assert results(read_notebook(page)) == results(kept)
    end_kernel(page)


def test_views_stay_alive_out_of_sight(page: Page, tmp_path: Path) -> None:
    # The habit of JupyterLab up to 4.4: cells out of sight are taken out of the document.
    folder = copy_notebooks(tmp_path / "notebooks")
    with serve_lab(folder, tmp_path / "home", **{TRACKER: {"windowingMode": "full"}}) as lab:
        open_notebook(page, lab, "03_attention.ipynb")
        run_all(page)
        ran = read_notebook(page)
        for _ in range(2):
            check_cells(page, ran, live=True)
            show_cell(page, 0)


def results(notebook: NotebookNode) -> list[tuple[int, list[NotebookNode]]]:
    """What the code cells hold, without the pictures that JupyterLab adds to plotly's figures."""
    kept = []
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        outputs = deepcopy(cell.outputs)
        for output in outputs:
            if PLOTLY in output.get("data", {}):
                output.data.pop("image/png", None)
        kept.append((cell.execution_count, outputs))
    return kept


def errors(notebook: NotebookNode) -> list[str]:
    """What cells died of."""
    outputs = [output for _, some in results(notebook) for output in some]
    return [output.evalue for output in outputs if output.output_type == "error"]


def check_cells(page: Page, notebook: NotebookNode, *, live: bool) -> None:
    """Every figure and every view is to be seen, from the first cell to the last."""
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.outputs:
            continue
        shown = show_cell(page, place)
        figures = shown.locator(".jp-RenderedPlotly")
        expect(figures).to_have_count(sum(PLOTLY in out.get("data", {}) for out in cell.outputs))
        for figure in figures.all():
            check_figure(figure, live=live)
        views = shown.locator(".helpers-view")
        expect(views).to_have_count(len(re.findall(r"\bview_\w+\(", cell.source)))
        for view in views.all():
            check_view(view, live=live)


def check_figure(figure: Locator, *, live: bool) -> None:
    """A figure is there: from the file as a picture, which the mouse brings to life."""
    drawn = figure.locator(".svg-container")
    expect(drawn.or_(figure.locator(".plot-img[src^='data:']")).first).to_be_visible()
    if live:
        figure.hover()
        expect(drawn).to_be_visible()
    check_visible(figure, width=300, height=150)


def check_view(view: Locator, *, live: bool) -> None:
    """A view is alive, or the picture or text that it is where scripts may not run."""
    still = view.locator(".helpers-still")
    picture = view.locator(":scope > img:not(.helpers-still)")
    if picture.count():
        assert (
            picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 100
        )
        assert "induction head" in (picture.get_attribute("alt") or "")
    elif not view.evaluate("(view, scripted) => view.matches(scripted)", SCRIPTED):
        expect(view).not_to_be_empty()
    elif live:
        expect(view).to_have_attribute("data-live", "yes")
        expect(still).to_have_count(0)
    else:
        assert view.get_attribute("data-live") is None
        assert still.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 100
        check_visible(still, width=200, height=100)
    check_visible(view, width=200, height=16)


def check_visible(element: Locator, *, width: int, height: int) -> None:
    """It has a size, shows something, and is not wider than its cell."""
    assert is_drawn(read_rows(take_picture(element)))
    box = element.bounding_box()
    assert box is not None
    assert box["width"] >= width
    assert box["height"] >= height
    assert element.evaluate(
        """element => {
            const output = element.closest('.jp-OutputArea-output');
            return output.scrollWidth <= output.clientWidth;
        }"""
    )
