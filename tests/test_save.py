"""Figures as files: real pictures, whole or not at all, without network and without a word."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

from helpers import save_figure, theme
from helpers.chapters.attention import plot_attention
from helpers.drawing import chrome
from helpers.drawing.chrome import BrowserError, find_browser

HOSTILE = "</script><img src=x onerror=alert(1)>"
SVG = "{http://www.w3.org/2000/svg}"
needs_browser = pytest.mark.browser


@pytest.fixture
def attention() -> go.Figure:
    """Four tokens, the second of which would be a script if anybody let it."""
    tokens = ["BOS", HOSTILE, "a", "b"]
    pattern = xr.DataArray(
        np.where(np.tri(4) > 0, 0.25, np.nan),
        dims=("query", "key"),
        coords={"query_token": ("query", tokens), "key_token": ("key", tokens)},
        attrs={"model": "mini"},
    )
    return plot_attention(pattern)


@pytest.fixture
def small() -> go.Figure:
    return go.Figure(go.Scatter(y=[1, 3, 2]), layout={"width": 320, "height": 240})


def png_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[-8:-4] == b"IEND"
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


@needs_browser
def test_a_png_has_twice_the_pixels_and_nothing_is_said(small, tmp_path, capfd, caplog):
    caplog.set_level(logging.INFO)
    wanted = tmp_path / "made" / "on the way" / "x.PNG"
    assert save_figure(small, wanted) == wanted
    assert png_size(wanted) == (640, 480)
    assert [path.name for path in wanted.parent.iterdir()] == ["x.PNG"]
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@needs_browser
def test_figures_are_saved_on_white_in_dark_ink(tmp_path):
    path = save_figure(theme.figure(title="title", height=200), tmp_path / "x.svg")
    drawn = path.read_text(encoding="utf-8")
    assert "rgb(255, 255, 255)" in drawn and "rgb(31, 41, 51)" in drawn
    assert "rgb(112, 119, 127)" not in drawn  # what is read on any ground


@needs_browser
def test_scale_is_pixels_for_each_pixel(small, tmp_path):
    assert png_size(save_figure(small, str(tmp_path / "x.png"), scale=0.5)) == (160, 120)


@needs_browser
def test_an_svg_shows_a_hostile_token_as_itself(attention, tmp_path):
    path = save_figure(attention, tmp_path / "x.svg", scale=3)
    root = ElementTree.fromstring(path.read_bytes())
    assert root.tag == f"{SVG}svg"
    assert (root.get("width"), root.get("height")) == ("720", "680")  # the scale is for PNG
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert texts.count(HOSTILE) == 2  # once an axis
    assert "head of mini" in texts
    assert not list(root.iter(f"{SVG}script")) + list(root.iter(f"{SVG}foreignObject"))
    assert not [name for part in root.iter() for name in part.keys() if name.startswith("on")]
    links = [value for part in root.iter() for name, value in part.items() if "href" in name]
    assert all(link.startswith(("data:image/png;", "#")) for link in links)


@needs_browser
def test_a_pdf_is_one_page_of_the_size_of_the_figure(small, tmp_path):
    data = save_figure(small, tmp_path / "x.pdf").read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    (box,) = re.findall(rb"/MediaBox\s*\[([^]]*)\]", data)
    assert [float(side) for side in box.split()] == pytest.approx([0, 0, 240, 180], abs=0.5)


@needs_browser
@pytest.mark.skipif(os.name == "nt", reason="the stand-in for the browser is a shell script")
def test_the_browser_looks_for_no_other_machine(small, tmp_path, monkeypatch):
    log, stand_in = tmp_path / "net.json", tmp_path / "chrome"
    stand_in.write_text(f"#!/bin/sh\nexec '{find_browser()}' \"$@\" --log-net-log='{log}'\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(stand_in))
    save_figure(small, tmp_path / "x.png")
    said = json.loads(log.read_text())
    names = {number: name for name, number in said["constants"]["logEventTypes"].items()}
    seen = {names[event["type"]] for event in said["events"]}
    assert "URL_REQUEST_START_JOB" in seen
    assert not {
        name for name in seen if re.match("TCP_CONNECT_ATTEMPT|HOST_RESOLVER_.*TASK$", name)
    }
    asked = {event.get("params", {}).get("url", "") for event in said["events"]}
    assert not [url for url in asked if re.search("plot|mathjax|cdn", url)]


@pytest.mark.parametrize("name", ["x.jpg", "x", "x.png.txt", ".png"])
def test_another_ending_is_refused(small, tmp_path, name):
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf"):
        save_figure(small, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scale", [0, -1, 11, float("nan"), float("inf")])
def test_a_scale_out_of_range_is_refused(small, tmp_path, scale):
    with pytest.raises(ValueError, match="above 0 and at most 10"):
        save_figure(small, tmp_path / "x.png", scale=scale)


def test_without_a_browser_it_says_the_way_out(small, tmp_path, monkeypatch):
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setattr(
        "choreographer.browsers.chromium.Chromium.find_browser", lambda **options: None
    )
    with pytest.raises(BrowserError, match="Install Chrome.*apt install chromium.*BROWSER_PATH="):
        save_figure(small, tmp_path / "made" / "x.png")
    assert not list(tmp_path.iterdir())


def test_browser_path_comes_first_and_must_be_a_program(monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", sys.executable)
    assert find_browser() == Path(sys.executable)
    monkeypatch.setenv("BROWSER_PATH", "/no/such/chrome")
    with pytest.raises(BrowserError, match="/no/such/chrome is not a program"):
        find_browser()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for the browser is a shell script")
def test_a_browser_that_dies_is_named(small, tmp_path, monkeypatch, capfd):
    stand_in = tmp_path / "chrome"
    stand_in.write_text("#!/bin/sh\necho 'no display' >&2\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(stand_in))
    with pytest.raises(BrowserError, match=f"{re.escape(str(stand_in))} does not start"):
        save_figure(small, tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == [stand_in]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("failing", ["write_bytes", "replace"])
def test_an_interrupted_write_leaves_what_was_there(small, tmp_path, monkeypatch, failing):
    path = tmp_path / "x.png"
    path.write_bytes(b"the old one")

    def interrupt(self, *arguments):
        if failing == "write_bytes":
            with self.open("wb") as half:
                half.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("helpers.drawing.chrome.find_browser", lambda: Path("chrome"))
    monkeypatch.setattr(sys.modules["helpers.drawing.saving"], "_draw", lambda *arguments: b"new")
    monkeypatch.setattr(Path, failing, interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_figure(small, path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"the old one"


def test_nothing_of_it_is_imported_before_it_is_needed():
    code = (
        "import sys; from helpers import save_figure;"
        "assert not {'kaleido', 'choreographer', 'logistro'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_the_option_leaves_only_this_machine():
    assert chrome.OFFLINE.startswith("--host-resolver-rules=MAP * ~NOTFOUND,")
