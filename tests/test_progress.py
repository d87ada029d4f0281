"""One bar where somebody watches, nothing anywhere else."""

import io
import os
import subprocess
import sys

import pytest

from helpers.progress import is_watched, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def look_at(monkeypatch, stderr) -> None:
    """A program whose errors go there, and that is no notebook."""
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys, "stderr", stderr)


def test_all_items_come_in_their_order():
    assert list(progress([3, 1, 2], "counting")) == [3, 1, 2]
    assert list(progress(iter("ab"), "", total=2)) == ["a", "b"]


def test_a_terminal_is_watched_and_a_file_is_not(monkeypatch):
    look_at(monkeypatch, Terminal())
    assert is_watched()
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert not is_watched()
    monkeypatch.delenv("TQDM_DISABLE")
    look_at(monkeypatch, io.StringIO())
    assert not is_watched()


@pytest.mark.parametrize("stderr", [None, object(), io.StringIO()])
def test_a_program_without_a_usable_stderr_works_on(stderr, monkeypatch):
    if isinstance(stderr, io.StringIO):
        stderr.close()
    look_at(monkeypatch, stderr)
    assert list(progress([1, 2], "counting")) == [1, 2]


def test_what_is_quick_shows_nothing(monkeypatch):
    terminal = Terminal()
    look_at(monkeypatch, terminal)
    assert sum(progress(range(5), "counting")) == 10
    assert terminal.getvalue() == ""


def test_the_command_line_keeps_stderr_empty_where_it_is_no_terminal():
    options = ["scan", "mini", "--n", "10", "--sequences", "2", "--top", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "helpers", *options], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0 and done.stderr == "" and "induction" in done.stdout
    assert "%" not in done.stdout and "\r" not in done.stdout
