"""Paths in the environment: the same place, wherever a process runs."""

import os
from pathlib import Path

import pytest

from helpers.folders import expand_home, folder_settings


@pytest.mark.parametrize("name", ["HELPERS_GPT2_DIR", "HELPERS_CACHE", "HF_HOME", "HF_HUB_CACHE"])
@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("models", Path("models").absolute()),
        ("../models", Path("../models").absolute()),
        ("~/models", Path.home() / "models"),
    ],
)
def test_a_path_becomes_absolute(name, named, meant):
    assert folder_settings({name: named}) == {name: str(meant)}


def test_what_is_absolute_or_not_set_stays():
    assert folder_settings({"HF_HOME": "/srv/hub", "HELPERS_CACHE": "", "HOME": "home"}) == {}


def test_every_part_of_the_search_path_becomes_absolute():
    here = str(Path.cwd())
    given = {"PYTHONPATH": os.pathsep.join(["src", "", "/srv"])}
    expected = os.pathsep.join([str(Path(here) / "src"), here, "/srv"])
    assert folder_settings(given) == {"PYTHONPATH": expected}


def test_a_browser_may_be_a_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder_settings({"BROWSER_PATH": "chromium"}) == {}
    (tmp_path / "chromium").touch()
    assert folder_settings({"BROWSER_PATH": "chromium"}) == {
        "BROWSER_PATH": str(tmp_path / "chromium")
    }


def test_a_home_that_nobody_has_stays():
    assert expand_home("~nobody-here/x") == Path("~nobody-here/x")
    assert expand_home("~/x") == Path.home() / "x"
