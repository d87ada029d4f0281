"""Chromium and JupyterLab, once a module: playwright's event loop must not outlive it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.lab import Lab, copy_notebooks, serve_lab
from browser.pages import open_page, start_browser
from playwright.sync_api import Browser, Page

from helpers.play import write_play


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that must ask nothing of another machine and throw no error."""
    with open_page(chromium) as (page, log):
        yield page
        assert not log.errors
    assert not log.foreign  # now that the page is closed, nothing more can come


@pytest.fixture(scope="session")
def play_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of the page with a live model in it."""
    return write_play(tmp_path_factory.mktemp("play") / "play.html").as_uri()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebooks with other parameters than they come with: shorter, fewer, another seed."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    return copy_notebooks(folder, MODEL="mini", N=20, SEQUENCES=8, SEED=7)


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Where the notebooks are run."""
    with serve_lab(folder, tmp_path_factory.mktemp("home")) as lab:
        yield lab


@pytest.fixture(scope="module")
def stranger(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Another reader of the same folder, who has signed nothing."""
    with serve_lab(folder, tmp_path_factory.mktemp("stranger")) as lab:
        yield lab
