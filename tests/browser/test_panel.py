"""The live panel: in JupyterLab above a kernel, and as a still picture where there is none."""

import json

import nbformat
import pytest
from browser.lab import (
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
from browser.pages import open_page
from playwright.sync_api import Browser, Page, expect

from helpers import ablate, log_probs, predict_next, view_live
from helpers.run import run_notebook
from helpers.run.outline import Chapter
from helpers.run.pages import write_page

pytestmark = pytest.mark.browser

PLACE = 7
"""The cell of the playground that shows the panel; one with parameters has been put in."""
TEXT = "the old king gave the gold ring to anna, and then the old king gave the gold"


@pytest.fixture(scope="module")
def panel(mini):
    return view_live(mini)


@pytest.fixture(scope="module")
def notebook_folder(tmp_path_factory: pytest.TempPathFactory):
    return copy_notebooks(tmp_path_factory.mktemp("panel") / "notebooks", MODEL="mini")


@pytest.fixture(scope="module")
def panel_lab(notebook_folder, tmp_path_factory: pytest.TempPathFactory):
    with serve_lab(notebook_folder, tmp_path_factory.mktemp("panel-home")) as lab:
        yield lab


@pytest.fixture(scope="module")
def unsigned_lab(notebook_folder, tmp_path_factory: pytest.TempPathFactory):
    with serve_lab(notebook_folder, tmp_path_factory.mktemp("stranger-home")) as lab:
        yield lab


def asked(text: str, off: list[list[int]] | None = None, method="mean", at=None) -> dict:
    return {"text": text, "off": off or [], "method": method, "layer": 1, "head": 1, "at": at}


@pytest.mark.parametrize("method", ["mean", "zero"])
@pytest.mark.parametrize("off", [[], [[0, 1]], [[1, 1], [2, 2]]])
def test_it_answers_as_the_verbs_do(panel, mini, off, method):
    answer, pattern = panel.answer(**asked(TEXT, off, method))
    heads = [f"L{layer}H{head}" for layer, head in off]
    if heads:
        with ablate(mini, heads, method=method):
            table, losses = predict_next(mini, TEXT), -log_probs(mini, TEXT)[0].to_numpy()
    else:
        table, losses = predict_next(mini, TEXT), -log_probs(mini, TEXT)[0].to_numpy()
    assert [choice[0] for choice in answer["choices"][:5]] == list(table["token"])
    chances = [choice[1] for choice in answer["choices"][:5]]
    assert chances == pytest.approx(table["probability"].tolist(), abs=1e-5)
    assert answer["losses"][1:] == pytest.approx(losses.tolist(), abs=1e-4)
    assert pattern.shape == (len(answer["tokens"]),) * 2
    assert pattern.sum(1) == pytest.approx(1, abs=1e-5)
    assert "ring" in [choice[0] for choice in answer["choices"]]  # the clean model's, always


def test_what_the_tokenizer_has_no_word_for_is_named_and_not_read(panel):
    answer, _ = panel.answer(**asked("the wizard 👑 ring"))
    words = [(piece["word"], piece["read"]) for piece in answer["pieces"]]
    assert words == [("the", True), ("wizard", False), ("👑", False), ("ring", True)]
    assert len(answer["tokens"]) == 3
    answer, _ = panel.answer(**asked("king " * 200))
    assert sum(piece["read"] for piece in answer["pieces"]) == 120
    answer, pattern = panel.answer(**asked("", at=7))
    assert answer["at"] == 0 and pattern.shape == (1, 1)


def test_what_is_offered_can_be_appended(panel, mini):
    answer, _ = panel.answer(**asked(TEXT))
    text = TEXT + answer["choices"][0][3]
    assert text.endswith("gold ring")


def test_a_mistake_is_answered_and_ends_nothing(panel):
    class Widget:
        def send(self, content, buffers):
            self.said = content

    panel._receive(widget := Widget(), {"number": 3, "state": asked("king", [[9, 9]])}, [])
    assert widget.said["number"] == 3 and "L9H9" in widget.said["error"]
    with pytest.raises(TypeError, match="Give a text|Type-check"):
        view_live(panel.model, 3)
    with pytest.raises(TypeError, match="load_model|Type-check"):
        view_live("mini")


def settled(page: Page) -> None:
    page.wait_for_function(
        """() => {
          const root = document.querySelector(".jp-Notebook [data-live=yes]");
          const box = root?.shadowRoot?.querySelector(".box");
          return box && box.dataset.asked === box.dataset.painted;
        }"""
    )


def ring(page: Page) -> str:
    row = page.locator(".choices li").filter(has=page.locator("bdi:text-is('ring')"))
    return row.locator(".number").inner_text()


def test_in_jupyterlab_the_kernel_answers_and_a_picture_is_left(
    page: Page, panel_lab: Lab, unsigned_lab: Lab, chromium: Browser
):
    open_notebook(page, panel_lab, "00_playground.ipynb")
    run_all(page)
    outputs = [out for cell in read_notebook(page).cells for out in cell.get("outputs", [])]
    assert "error" not in {out.output_type for out in outputs}
    show_cell(page, PLACE)
    settled(page)
    expect(page.locator("[data-still]")).to_be_hidden()
    assert ring(page) == "99.9 %"
    page.locator(".cell[aria-label='L0H1']").click()
    settled(page)
    assert float(ring(page).strip("<% ")) < 1
    page.locator("textarea").fill("dog apple river dog apple")
    settled(page)
    page.locator(".box").get_by_label("remove").select_option("nothing")
    settled(page)
    expect(page.locator(".choices button").first).to_have_text("river")
    page.locator(".choices button").first.click()
    expect(page.locator("textarea")).to_have_value("dog apple river dog apple river")
    settled(page)
    save(page)
    end_kernel(page)
    saved = nbformat.read(panel_lab.folder / "00_playground.ipynb", as_version=4)
    assert "widgets" not in saved.metadata
    assert "class HeadGrid" not in json.dumps(saved)  # no script in the file
    with open_page(chromium) as (other, log):
        open_notebook(other, unsigned_lab, "00_playground.ipynb")
        assert not is_trusted(other)
        cell = show_cell(other, PLACE)
        expect(cell.locator("img.helpers-still")).to_be_visible()
        expect(cell).to_contain_text("A still picture: run the cell")
        end_kernel(other)
        assert not log.foreign


def test_an_exported_page_has_the_picture_alone(chromium: Browser, tmp_path, notebook_folder):
    path = notebook_folder / "00_playground.ipynb"
    outcome = run_notebook(path, parameters={}, environment={})
    assert outcome.error is None and "widgets" not in outcome.executed.metadata
    write_page(outcome, tmp_path, [Chapter("00_playground", "0 · Playground", "")])
    with open_page(chromium) as (page, log):
        page.goto((tmp_path / "00_playground.html").as_uri())
        expect(page.locator("[data-still] img.helpers-still")).to_be_visible()
        assert "Live(" not in page.locator("body").inner_text()
        assert not log.errors and not log.foreign
