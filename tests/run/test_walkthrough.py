"""The runner: what it writes, what it says when a notebook fails, what an interruption leaves."""

import io
import json
import os
import re
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from plotly.offline import get_plotlyjs

from helpers.__main__ import main
from helpers.run import Outcome, find_notebooks, run_notebook, run_walkthrough
from helpers.run import walkthrough as module

SETUP = new_code_cell('MODEL = "auto"', metadata={"tags": ["parameters"]})
KEPT = new_code_cell(
    "import pandas as pd\nfrom helpers import keep\nkeep(pd.DataFrame({'a': [1, 2]}), 'table')"
)
FIGURE = new_code_cell("from helpers import theme\ntheme.figure(title=MODEL).add_bar(y=[1, 2])")


def write(folder: Path, name: str, *cells: nbformat.NotebookNode) -> None:
    folder.mkdir(parents=True, exist_ok=True)
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
    assert names == pages | {"index.html", "run.json", "data"}
    assert [path.name for path in (run.folder / "data").iterdir()] == ["table.csv"]
    assert run.folder.name == "mini"


def test_the_run_says_how_long_each_chapter_took_that_did_not_fail(run):
    told = json.loads((run.folder / "run.json").read_text())
    assert told["model"] == "mini" and told["revision"].startswith("sha256:")
    assert told["parameters"] == {"MODEL": "mini"}
    assert list(told["seconds"]) == ["01_good", "03_after"]
    assert all(0 < seconds < 600 for seconds in told["seconds"].values())


def test_pages_need_no_network_and_hold_plotly_once(run):
    page = (run.folder / "01_good.html").read_text()
    script = get_plotlyjs()
    assert page.count(script) == 1
    page = page.replace(script, "")  # it names addresses that it asks for maps only
    assert page.count('type="application/json"') >= 2
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
    assert "All numbers here are those of mini" in index and "4 layers of 8 heads" in index
    assert f"torch {version('torch')}" in index and "sha256:" in index


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Two notebooks that end without a kernel, the second with an error; runs them."""
    write(tmp_path / "notebooks", "01_one")
    write(tmp_path / "notebooks", "02_two")

    def run_quickly(path: Path, **_) -> Outcome:
        failure = (3, "Error: why") if path.stem == "02_two" else ()
        return Outcome(path.stem, nbformat.read(path, as_version=4), *failure)

    monkeypatch.setattr(module, "run_notebook", run_quickly)
    folders = {"notebooks": tmp_path / "notebooks", "build": tmp_path / "build"}
    return lambda: run_walkthrough("mini", **folders)


def test_without_a_terminal_every_chapter_that_ended_is_a_line(quick, capsys):
    quick()
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert re.fullmatch(r"notebook 1 of 2: Title of 01_one: \d+ s", first)
    assert second == "notebook 2 of 2: Title of 02_two: failed in cell 3: Error: why"
    assert err == ""


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """Three notebooks that keep a file each; the second is interrupted the first time."""
    for name in ("01_one", "02_two", "03_three"):
        write(tmp_path / "notebooks", name)
    ran: list[str] = []

    def run_quickly(path: Path, *, environment, **_) -> Outcome:
        ran.append(path.stem)
        data = Path(environment["HELPERS_RESULTS"])
        data.mkdir(parents=True, exist_ok=True)
        (data / f"{path.stem}.csv").write_text("1")
        if path.stem == "02_two" and ran.count("02_two") == 1:
            (data / "half.csv").write_text("1")
            raise KeyboardInterrupt
        return Outcome(path.stem, nbformat.read(path, as_version=4))

    monkeypatch.setattr(module, "run_notebook", run_quickly)

    def go(**options):
        folders = {"notebooks": tmp_path / "notebooks", "build": tmp_path / "build"}
        return run_walkthrough("mini", **folders, **options)

    with pytest.raises(KeyboardInterrupt):
        go()
    return go, ran, tmp_path


def test_an_interrupted_run_leaves_a_readable_index_and_the_next_goes_on(counted, capsys):
    go, ran, root = counted
    index = (root / "build" / "mini" / "index.html").read_text()
    assert '<a href="01_one.html">Title of 01_one</a>' in index
    assert "This run is not finished" in index and index.count("Not run yet") == 2
    assert "02_two.html" not in index
    run = go()
    assert ran == ["01_one", "02_two", "02_two", "03_three"]
    assert "Title of 01_one: as the interrupted run left it" in capsys.readouterr().out
    assert [outcome.notebook for outcome in run.outcomes] == ["01_one", "02_two", "03_three"]
    index = (run.folder / "index.html").read_text()
    assert "not finished" not in index
    assert 'href="data/01_one.csv"' in index and 'href="data/02_two.csv"' in index
    assert not (run.folder / "data" / "half.csv").exists()
    go()
    assert ran[4:] == ["01_one", "02_two", "03_three"]  # that one was finished: anew


@pytest.mark.parametrize("change", ["parameters", "notebook", "data", "run.json", "page"])
def test_only_a_run_of_the_same_goes_on(counted, change):
    go, ran, root = counted
    options = {}
    if change == "parameters":
        options["parameters"] = {"N": 20}
    elif change == "notebook":
        write(root / "notebooks", "03_three", new_code_cell("2"))
    elif change == "data":
        (root / "build" / "mini" / "data" / "01_one.csv").unlink()
    elif change == "run.json":
        (root / "build" / "mini" / "run.json").write_text("{")
    else:
        (root / "build" / "mini" / "01_one.ipynb").unlink()
    go(**options)
    assert ran[2:] == ["01_one", "02_two", "03_three"]


def test_a_terminal_shows_a_bar_of_chapters(quick, capsys, monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr", terminal)
    quick()
    assert capsys.readouterr().out == ""
    drawn = terminal.getvalue().split("\r")
    assert any(line.startswith("notebook 1 of 2: Title of 01_one:   0%") for line in drawn)
    assert drawn[-1].startswith("notebook 2 of 2: Title of 02_two: 100%") and "2/2" in drawn[-1]


def test_a_kernel_draws_no_bars_and_the_environment_is_as_before(tmp_path):
    bar = new_code_cell("import os\nfrom tqdm import tqdm\nsum(tqdm(range(3)))")
    asked = new_code_cell("os.environ['TQDM_DISABLE'], os.environ['HERE']")
    write(tmp_path, "01_bar", bar, asked)
    before = dict(os.environ)
    outcome = run_notebook(tmp_path / "01_bar.ipynb", parameters={}, environment={"HERE": "yes"})
    assert dict(os.environ) == before and outcome.error is None
    shown = [output for cell in outcome.executed.cells[2:] for output in cell.outputs]
    assert [output.data["text/plain"] for output in shown] == ["3", "('1', 'yes')"]


def test_an_interrupted_run_ends_with_a_word_and_the_status_of_a_signal(
    tmp_path, monkeypatch, capsys
):
    write(tmp_path, "01_one")

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_notebook", interrupted)
    options = ["--notebooks", str(tmp_path), "--build", str(tmp_path / "build")]
    assert main(["run", "mini", *options]) == 130
    assert capsys.readouterr().err == "interrupted\n"


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
    assert "01_bad: failed in cell 4: ValueError: no" in capsys.readouterr().err


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
