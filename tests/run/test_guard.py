"""No run is lost: kernels that die, folders that cannot be written, runs beside runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from whole import read_all

from helpers.__main__ import main
from helpers.run import RunError, guard, kernels, run_notebook, run_walkthrough
from helpers.run import walkthrough as module
from helpers.run.outline import parameter_names

PARAMETERS = new_code_cell('MODEL = "auto"\nN = 5', metadata={"tags": ["parameters"]})
KEPT = "import pandas as pd\nfrom helpers import keep\n_ = keep(pd.DataFrame({'a': [1, 2]}), 'one')"


def write(folder: Path, name: str, *cells: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    made = new_notebook(cells=[PARAMETERS, *map(new_code_cell, cells)])
    nbformat.write(made, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def listing(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def said(path: Path, **settings: str) -> list[str]:
    outcome = run_notebook(path, parameters={"MODEL": "mini"}, environment=settings)
    assert outcome.error is None
    outputs = [output for cell in outcome.executed.cells for output in cell.get("outputs", [])]
    return [output.data["text/plain"] for output in outputs]


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("os.kill(os.getpid(), 9)", "the kernel was killed (signal 9): out of memory?"),
        ("os.kill(os.getpid(), 11)", "the kernel was killed (signal 11)"),
        ("os._exit(3)", "the kernel left with exit status 3"),
    ],
)
def test_a_kernel_that_dies_is_a_chapter_that_failed(tmp_path, ending, reason, capfd):
    half = "open(os.environ['HELPERS_RESULTS'] + '/x.nc.7.partial', 'w').write('half')"
    write(tmp_path / "notebooks", "01_dies", KEPT, "import os", f"{half}\n{ending}", "'never'")
    write(tmp_path / "notebooks", "02_after", "MODEL.upper()")
    run = run_walkthrough("mini", notebooks=tmp_path / "notebooks", build=tmp_path / "build")
    assert [(outcome.cell, outcome.error) for outcome in run.outcomes] == [
        (5, reason),
        (None, None),
    ]
    assert f"failed in cell 5: {reason}" in (run.folder / "index.html").read_text()
    told = json.loads((run.folder / "run.json").read_text())
    assert list(told["seconds"]) == ["02_after"] and told["kept"]["01_dies"] == ["one.csv"]
    assert "MINI" in (run.folder / "02_after.ipynb").read_text()
    assert capfd.readouterr().err == ""  # the libraries' logs would say it a second time


def test_a_kernel_that_does_not_start_is_a_chapter_that_failed(tmp_path, monkeypatch):
    path = write(tmp_path, "01_one", "1")
    monkeypatch.setattr(kernels.sys, "executable", "/bin/false")
    outcome = run_notebook(path, parameters={}, environment={})
    assert (outcome.cell, outcome.error) == (None, "the kernel left with exit status 1")


def test_the_kernel_is_this_interpreter_whatever_python3_is_elsewhere(tmp_path, monkeypatch):
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = ["/bin/false", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    path = write(tmp_path / "notebooks", "01_one", "import sys; sys.executable")
    assert said(path) == [repr(sys.executable)]


@pytest.mark.parametrize("length", [0, 120])
def test_nothing_is_written_beside_the_notebooks(tmp_path, monkeypatch, length):
    """Nor is a socket, also where the folder of temporary files is too long a path for one."""
    if length:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("t" * length)))
        (tmp_path / ("t" * length)).mkdir()
    path = write(tmp_path / "notebooks", "01_one", "import os; sorted(os.listdir('.'))")
    before = listing(path.parent)
    assert said(path) == ["['01_one.ipynb']"]
    assert listing(path.parent) == before


def test_notebooks_that_cannot_be_written_run(tmp_path):
    write(tmp_path / "notebooks", "01_one", "from pathlib import Path; Path('x').touch()")
    mount = ["mount", "--bind", "-o", "ro", str(tmp_path / "notebooks"), str(tmp_path / "ro")]
    (tmp_path / "ro").mkdir()
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this process may not mount a folder read-only")
    try:
        run = run_walkthrough("mini", notebooks=tmp_path / "ro", build=tmp_path / "build")
    finally:
        subprocess.run(["umount", str(tmp_path / "ro")], check=True)
    assert "Read-only file system" in str(run.outcomes[0].error)  # it did run, and there


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], 'run "auto"'),
        (["MODEL=mini", "N=20"], 'run "mini" --n "20"'),
        (["SEED=1", "SEQUENCES=4"], 'run "auto" --sequences "4" --seed "1"'),
    ],
)
def test_make_hands_the_parameters_on(given, expected):
    if shutil.which("make") is None:
        pytest.skip("there is no make on this machine")
    made = ["make", "--dry-run", "--old-file", ".venv/ready", "notebooks", *given]
    root = Path(__file__).parents[2]
    # The tests are run by make as well: what it hands on to a make below it is not the reader's.
    handed = {
        "MODEL",
        "N",
        "SEED",
        "SEQUENCES",
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "MAKEOVERRIDES",
    }
    own = {name: value for name, value in os.environ.items() if name not in handed}
    done = subprocess.run(made, cwd=root, capture_output=True, text=True, check=True, env=own)
    assert " ".join(done.stdout.replace("\\\n", " ").split()).endswith(expected)


def test_only_notebooks_that_have_a_parameter_get_it(tmp_path):
    plain = new_notebook(cells=[new_code_cell("MODEL = 'own'; MODEL")])
    nbformat.write(plain, tmp_path / "01_plain.ipynb")
    assert said(tmp_path / "01_plain.ipynb") == ["'own'"]
    path = write(tmp_path, "02_two", "N")
    outcome = run_notebook(path, parameters={"N": 7, "SEED": 1}, environment={})
    assert outcome.executed.cells[-1].outputs[0].data["text/plain"] == "7"
    assert not any("SEED" in cell.source for cell in outcome.executed.cells)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('MODEL = "auto"  # N = 5', {"MODEL"}),
        ("MODEL, N = 'auto', -1\nSEED: int = 2**5", {"MODEL", "N", "SEED"}),
        ("%load_ext x\nN = 5\nassert N == 5", {"N"}),
        ("not python", set()),
    ],
)
def test_the_parameters_of_a_notebook(source, names):
    cells = [new_code_cell(source, metadata={"tags": ["parameters"]}), new_code_cell("OTHER = 1")]
    assert parameter_names(new_notebook(cells=cells)) == names


def test_paths_of_the_environment_mean_the_same_in_a_kernel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HELPERS_CACHE", "cache")
    monkeypatch.setenv("HF_HOME", "~/hub")
    code = "import os; os.environ['HELPERS_CACHE'] + ' ' + os.environ['HF_HOME']"
    path = write(tmp_path / "notebooks", "01_one", code)
    assert said(path) == [repr(f"{tmp_path / 'cache'} {Path.home() / 'hub'}")]


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_a_relative_directory_is_the_same_model_in_a_kernel(tmp_path, monkeypatch, way):
    from helpers.models.sources import MINI_DIRECTORY

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").symlink_to(MINI_DIRECTORY)
    monkeypatch.setenv("HELPERS_MODEL", "mine")
    code = "import os; from pathlib import Path; Path(MODEL) == Path(os.environ['HELPERS_MODEL'])"
    write(tmp_path / "notebooks", "01_one", f"{code}, Path(MODEL).is_absolute()")
    asked = "./mine" if way == "argument" else "auto"
    run = run_walkthrough(asked, notebooks=Path("notebooks"), build=Path("build"))
    assert "(True, True)" in str(run.outcomes[0].executed)


def test_a_folder_called_mini_is_not_mini(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "notebooks", "01_one", "MODEL")
    run = run_walkthrough("mini", notebooks=Path("notebooks"), build=Path())
    assert (tmp_path / "mini" / "index.html").is_file()
    run = run_walkthrough("mini", notebooks=Path("notebooks"), build=Path("build"))
    assert run.outcomes[0].executed.cells[-1].outputs[0].data["text/plain"] == "'mini'"


SLOW = """
import time
from pathlib import Path
Path({!r}).touch()
for _ in range(1000):
    if not Path({!r}).exists():
        time.sleep(0.05)
"""
RUN = [sys.executable, "-m", "helpers", "run", "mini"]


def test_a_second_run_of_one_folder_says_so_and_leaves(tmp_path, capsys):
    """The lock dies with its process, so that nobody has to clean up after a killed run."""
    begun, go = tmp_path / "begun", tmp_path / "go"
    write(tmp_path / "notebooks", "01_one", SLOW.format(str(begun), str(go)))
    options = ["--notebooks", str(tmp_path / "notebooks"), "--build", str(tmp_path / "build")]
    first = subprocess.Popen([*RUN, *options], stdout=subprocess.DEVNULL)
    try:
        while not begun.exists():
            assert first.poll() is None
        before = listing(tmp_path / "build")
        assert main(["run", "mini", *options]) == 2
        assert "Another run is writing to" in capsys.readouterr().err
        assert listing(tmp_path / "build") == before
    finally:
        first.kill()
        first.wait()
    go.touch()
    assert main(["run", "mini", *options]) == 0


def test_runs_side_by_side_do_not_disturb_one_another(tmp_path):
    """Of the same notebooks, at the same time, each into a folder of its own."""
    write(tmp_path / "notebooks", "01_one", KEPT, "N * 11")
    started = [
        subprocess.Popen(
            [*RUN, "--notebooks", str(tmp_path / "notebooks")]
            + ["--build", str(tmp_path / f"build{n}"), "--n", str(n)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for n in (12, 13, 14)
    ]
    assert [process.communicate()[1] for process in started] == [b"", b"", b""]
    for n in (12, 13, 14):
        folder = tmp_path / f"build{n}" / "mini"
        executed = nbformat.read(folder / "01_one.ipynb", as_version=4)
        assert executed.cells[-1].outputs[0].data["text/plain"] == str(n * 11)
        assert (folder / "data" / "one.csv").read_text() == "a\n1\n2\n"


@pytest.mark.parametrize("what", ["a file", "in a file", "read-only"])
def test_a_build_folder_that_cannot_be_written_is_one_line_before_any_kernel(
    tmp_path, monkeypatch, capsys, what
):
    write(tmp_path / "notebooks", "01_one", "1")
    monkeypatch.setattr(module, "run_notebook", lambda *_, **__: pytest.fail("a kernel started"))
    build = tmp_path / "build"
    if what == "read-only":
        build.mkdir(mode=0o555)

        def refused(**_):
            raise OSError(30, os.strerror(30))

        monkeypatch.setattr(guard.tempfile, "TemporaryFile", refused)  # root may write anywhere
    else:
        build.write_text("a file")
    options = ["--notebooks", str(tmp_path / "notebooks")]
    named = build / "deeper" if what == "in a file" else build
    assert main(["run", "mini", *options, "--build", str(named)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"Cannot write to {build}") and error.count("\n") == 1
    assert "--build" in error


def test_a_full_disk_is_one_line_and_nothing_is_half_written(tmp_path):
    """On a disk of 200 kB; each page takes more."""
    write(
        tmp_path / "notebooks",
        "01_one",
        KEPT,
        "from helpers import theme; theme.figure(title=MODEL)",
    )
    (tmp_path / "build").mkdir()
    disk = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path / "build")]
    if subprocess.run(disk, capture_output=True).returncode != 0:
        pytest.skip("this process may not mount a small disk")
    try:
        with pytest.raises(RunError, match="No space left on device") as raised:
            run_walkthrough("mini", notebooks=tmp_path / "notebooks", build=tmp_path / "build")
        read_all(tmp_path / "build")
    finally:
        subprocess.run(["umount", str(tmp_path / "build")], check=True)
    assert "goes on where it stopped" in str(raised.value) and "\n" not in str(raised.value)


def test_a_disk_that_fills_in_the_middle_of_a_file_leaves_the_old_one(tmp_path, monkeypatch):
    write(tmp_path / "notebooks", "01_one", "1")
    folders = {"notebooks": tmp_path / "notebooks", "build": tmp_path / "build"}
    run = run_walkthrough("mini", **folders)
    before = (run.folder / "01_one.ipynb").read_bytes()

    def full(notebook, path):
        Path(path).write_text('{"cells": [')
        raise OSError(28, os.strerror(28), str(path))

    monkeypatch.setattr(module.nbformat, "write", full)
    with pytest.raises(RunError, match=r"The run stopped: No space left on device .*make room"):
        run_walkthrough("mini", **folders)
    assert (run.folder / "01_one.ipynb").read_bytes() == before
    read_all(run.folder)
