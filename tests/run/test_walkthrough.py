"""The runner: what it writes, what it says when a notebook fails, what an interruption leaves."""

import json
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from plotly.offline import get_plotlyjs

from helpers.__main__ import main
from helpers.run import find_notebooks, run_walkthrough
from helpers.run import walkthrough as module

SETUP = new_code_cell('MODEL = "auto"', metadata={"tags": ["parameters"]})
KEPT = new_code_cell(
    "import pandas as pd\nfrom helpers import keep\nkeep(pd.DataFrame({'a': [1, 2]}), 'table')"
)
FIGURE = new_code_cell(
    "from helpers import theme\ntheme.use()\ntheme.figure(title=MODEL).add_bar(y=[1, 2])"
)


def write(folder: Path, name: str, *cells: nbformat.NotebookNode) -> None:
    folder.mkdir(exist_ok=True)
    notebook = new_notebook(cells=[new_markdown_cell(f"# Title of {name}"), SETUP, *cells])
    nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three notebooks: the second fails, the third must still run."""
    root = tmp_path_factory.mktemp("run")
    write(root / "notebooks", "01_good", FIGURE, FIGURE)
    write(root / "notebooks", "02_bad", new_code_cell("1 + 1"), new_code_cell("1 / 0"))
    write(root / "notebooks", "03_after", new_code_cell("MODEL.upper()"), KEPT)
    return run_walkthrough("mini", notebooks=root / "notebooks", build=root / "build")


def test_a_failure_names_notebook_cell_and_error_and_the_others_run(run):
    assert [outcome.notebook for outcome in run.outcomes] == ["01_good", "02_bad", "03_after"]
    assert [outcome.error for outcome in run.outcomes] == [
        None,
        "ZeroDivisionError: division by zero",
        None,
    ]
    # Title, parameters, injected parameters, 1 + 1, 1 / 0.
    assert run.outcomes[1].cell == 5
    assert "MINI" in (run.folder / "03_after.ipynb").read_text()


def test_everything_is_written_and_nothing_half(run):
    names = {path.name for path in run.folder.iterdir()}
    pages = {
        f"{name}.{kind}" for name in ("01_good", "02_bad", "03_after") for kind in ("html", "ipynb")
    }
    assert names == pages | {"index.html", "data"}
    assert [path.name for path in (run.folder / "data").iterdir()] == ["table.csv"]
    assert run.folder.name == "mini"


def test_pages_need_no_network_and_hold_plotly_once(run):
    page = (run.folder / "01_good.html").read_text()
    script = get_plotlyjs()
    assert page.count(script) == 1
    page = page.replace(script, "")  # it names addresses that it asks for maps only
    assert page.count("Plotly.newPlot(") >= 2
    for source in ("https://cdn", "unpkg", "cdnjs", "require.min.js", 'src="http'):
        assert source not in page
    assert '<a rel="next" href="02_bad.html">Title of 02_bad →</a>' in page
    assert script not in (run.folder / "03_after.html").read_text()


def test_the_index_links_the_pages_and_tells_of_the_failure(run):
    index = (run.folder / "index.html").read_text()
    assert '<a href="01_good.html">Title of 01_good</a>' in index
    assert "failed in cell 5: ZeroDivisionError" in index and "mini" in index
    assert "failed in cell 5: ZeroDivisionError" in (run.folder / "02_bad.html").read_text()


def test_the_index_tells_where_numbers_come_from(run):
    index = (run.folder / "index.html").read_text()
    assert '<a href="data/table.csv" download>' in index and '<a href="03_after.html"' in index
    assert "a table of 2 rows" in index
    assert f"torch {version('torch')}" in index and "sha256:" in index


def test_an_interrupted_run_leaves_no_half_written_files(tmp_path, monkeypatch):
    write(tmp_path / "notebooks", "01_good", FIGURE)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_notebook", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_walkthrough("mini", notebooks=tmp_path / "notebooks", build=tmp_path / "build")
    assert [path for path in (tmp_path / "build").rglob("*") if path.is_file()] == []


def test_no_notebooks_is_an_error_with_a_way_out(tmp_path):
    with pytest.raises(FileNotFoundError, match="--notebooks"):
        find_notebooks(tmp_path)


def test_the_command_line_exits_non_zero_and_names_the_cell(tmp_path, capsys):
    write(tmp_path / "notebooks", "01_bad", new_code_cell("raise ValueError('no')"))
    folders = ["--notebooks", str(tmp_path / "notebooks"), "--build", str(tmp_path / "build")]
    assert main(["run", "mini", *folders]) == 1
    assert "01_bad: cell 4: ValueError: no" in capsys.readouterr().err


def test_the_command_line_explains_a_model_that_is_not_there(capsys):
    assert main(["scan", "no-such-model"]) == 2
    assert "no model" in capsys.readouterr().err
    assert main(["claims", "no-such-run"]) == 2
    assert "make notebooks" in capsys.readouterr().err


def test_scan_prints_the_top_heads(capsys):
    assert main(["scan", "mini", "--n", "20", "--sequences", "4", "--top", "2"]) == 0
    said = capsys.readouterr().out
    assert "induction (uniform attention: 0.03" in said and "previous_token" in said
    assert said.count("L1H") + said.count("L2H") >= 1


def test_results_of_an_earlier_run_do_not_survive(tmp_path):
    write(tmp_path / "notebooks", "01_good", new_code_cell("1"))
    stale = tmp_path / "build" / "mini" / "data" / "scores.nc"
    stale.parent.mkdir(parents=True)
    stale.write_text("stale")
    (tmp_path / "build" / "mini" / "claims.json").write_text("stale")
    run_walkthrough("mini", notebooks=tmp_path / "notebooks", build=tmp_path / "build")
    assert not stale.exists()
    assert not (tmp_path / "build" / "mini" / "claims.json").exists()
    assert json.loads((tmp_path / "build" / "mini" / "01_good.ipynb").read_text())["cells"]
