"""The bar of a run: how long cells will take, and how it follows the bars that they show."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pytest import approx

import helpers
from helpers.__main__ import main
from helpers.progress import Bar
from helpers.progress import bars as progress
from helpers.run import run_notebook
from helpers.run import walkthrough as module
from helpers.run.forecast import SECONDS, WEIGHTS, forecast_cells


def test_what_a_cell_calls_says_how_long_it_takes():
    cells = [
        new_markdown_cell("# score_heads("),
        new_code_cell("from helpers import score_heads"),
        new_code_cell("scores = keep(score_heads(model, sample), 'scores')"),
        new_code_cell("1 + 1"),
    ]
    text, start, scan, other = forecast_cells(new_notebook(cells=cells))
    assert text == 0.0 and start == approx(5.1) and other == approx(0.1)
    assert scan == approx(0.1 + SECONDS["score_heads"])
    smaller = forecast_cells(new_notebook(cells=cells), weights=WEIGHTS / 10)
    assert smaller[2] == approx(0.1 + SECONDS["score_heads"] / 10)
    assert set(SECONDS) <= set(helpers.__all__)


def test_a_cell_that_ran_before_takes_as_long_as_it_took(tmp_path):
    cells = [new_code_cell("x = measure_loss(model)"), new_code_cell("new"), new_code_cell("short")]
    cells[0].metadata["papermill"] = {"duration": 42.5}
    cells[2].metadata["papermill"] = {"duration": None}
    nbformat.write(new_notebook(cells=cells), tmp_path / "last.ipynb")
    cells[1].source = "newer"
    seconds = forecast_cells(new_notebook(cells=cells), last=tmp_path / "last.ipynb")
    assert seconds == approx([42.5, 0.1, 0.1])
    assert forecast_cells(new_notebook(cells=cells), last=tmp_path / "no.ipynb")[1] == approx(0.1)


SHOWS = """
from helpers.progress import bars as progress
progress.DELAY = 0.0
progress._PATIENCE = 0.0
with progress.track(4, "inside") as bar:
    for _ in range(4):
        bar.advance()
"""


@pytest.fixture
def moves(monkeypatch) -> list[float]:
    """Where the bar of a notebook is, whenever it moves."""
    shares: list[float] = []
    monkeypatch.setattr(progress, "_ignore", lambda bar: shares.append(bar.share))
    return shares


def test_the_bar_follows_the_bars_of_the_cells(tmp_path, moves):
    """A cell that takes 80 of 100 seconds; the parameters that papermill puts in take none."""
    setup = new_code_cell('MODEL = "auto"', metadata={"tags": ["parameters"]})
    cells = [setup, new_code_cell(SHOWS), new_markdown_cell("text"), new_code_cell("2")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_some.ipynb")
    outcome = run_notebook(
        tmp_path / "01_some.ipynb",
        parameters={"MODEL": "mini"},
        environment={},
        seconds=[10.0, 80.0, 0.0, 10.0],
        track=progress.silent,
    )
    assert outcome.error is None and moves == sorted(moves) and moves[-1] == 1.0
    assert {0.1, 0.3, 0.5, 0.7, 0.9} <= {round(share, 6) for share in moves}
    # What the bar left behind when it vanished is not in the notebook.
    assert [cell.get("outputs", []) for cell in outcome.executed.cells[:-1]] == [[]] * 4


def test_a_notebook_that_fails_has_come_as_far_as_it_will(tmp_path, moves):
    cells = [new_code_cell("1 / 0"), new_code_cell("2")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_some.ipynb")
    run_notebook(tmp_path / "01_some.ipynb", parameters={}, environment={}, track=progress.silent)
    assert set(moves) == {0.0, 1.0} and moves[-1] == 1.0


def test_a_run_shows_one_bar_and_only_on_a_terminal(tmp_path, monkeypatch, capfd):
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for name in ("01_one", "02_two"):
        setup = new_code_cell('MODEL = "auto"', metadata={"tags": ["parameters"]})
        notebook = new_notebook(cells=[new_markdown_cell(f"# {name}"), setup, new_code_cell("1")])
        nbformat.write(notebook, notebooks / f"{name}.ipynb")
    bars: list[Bar] = []

    class Recorded(Bar):
        def __init__(self, total, moved) -> None:
            super().__init__(total, moved)
            bars.append(self)

    monkeypatch.setattr(progress, "Bar", Recorded)
    monkeypatch.setattr(progress, "DELAY", 0.0)
    options = ["--notebooks", str(notebooks), "--build", str(tmp_path / "build")]
    assert main(["run", "mini", *options]) == 0
    whole, *parts = bars
    assert len(parts) == 2 and [bar.done for bar in bars] == approx([bar.total for bar in bars])
    assert whole.total == approx(sum(part.total for part in parts)) and whole.note == "02_two"
    said = capfd.readouterr()
    assert said.err == "" and "%" not in said.out and "\r" not in said.out


def test_an_interrupted_run_ends_with_a_word_and_the_status_of_a_signal(
    tmp_path, monkeypatch, capsys
):
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title")]), tmp_path / "01_one.ipynb")

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_notebook", interrupted)
    options = ["--notebooks", str(tmp_path), "--build", str(tmp_path / "build")]
    assert main(["run", "mini", *options]) == 130
    assert capsys.readouterr().err == "interrupted\n"
