"""What processes are told about threads: only what they start with, and never against the user."""

import os
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers import threads
from helpers.run import run_notebook
from helpers.threads import thread_settings


@pytest.mark.parametrize(
    ("quota", "cores", "expected"),
    [
        ("max 100000", 2, None),
        ("150000 100000", 4, "2"),
        ("20000 100000", 4, "1"),
        ("800000 100000", 4, None),
        ("nonsense", 4, None),
    ],
)
def test_a_quota_below_the_cores_says_how_many_threads(
    tmp_path, monkeypatch, quota, cores, expected
):
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(threads, "_cores", lambda: cores)
    assert thread_settings({}).get("OMP_NUM_THREADS") == expected
    assert "OMP_NUM_THREADS" not in thread_settings({"OMP_NUM_THREADS": "7"})


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_what_the_user_set_about_waiting_stays(name):
    assert "GOMP_SPINCOUNT" in thread_settings({})
    assert "GOMP_SPINCOUNT" not in thread_settings({name: "1"})


def test_importing_helpers_changes_nothing():
    code = "import os; a = {**os.environ}; import helpers.run; assert a == {**os.environ}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_kernel_is_told_and_this_process_is_not(tmp_path, monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "01_one.ipynb"
    cells = [new_code_cell("import os; os.environ['GOMP_SPINCOUNT']")]
    nbformat.write(new_notebook(cells=cells), path)
    outcome = run_notebook(path, parameters={}, environment={})
    assert not outcome.error
    (said,) = outcome.executed.cells[-1].outputs
    assert said.data["text/plain"] == f"'{threads.SPINS}'"
    assert "GOMP_SPINCOUNT" not in os.environ


def test_the_command_line_sets_it_before_torch_reads_it():
    code = (
        "import os; from helpers.__main__ import main; main(['claims', 'none', '--build', '.']);"
        "print(os.environ['GOMP_SPINCOUNT'])"
    )
    env = {k: v for k, v in os.environ.items() if k not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}}
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert said.stdout.strip().endswith(str(threads.SPINS)), said.stderr
