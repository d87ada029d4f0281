"""Whether files are whole: each that is there can be read to its end."""

import json
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pandas as pd
from safetensors import safe_open

from helpers.results import load_result


def read_all(folder: Path, *, partial: bool = False) -> list[Path]:
    """Read every file of a folder to its end, and fail at one that is half.

    Args:
        folder: The folder.
        partial: Whether files that say themselves that they are half may be there.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if partial:
        files = [path for path in files if path.suffix != ".partial"]
    for path in files:
        assert path.suffix in _READERS, f"nobody knows how to read {path}"
        _READERS[path.suffix](path)
    return files


def _read_safetensors(path: Path) -> None:
    with safe_open(path, framework="np") as file:
        for name in file.keys():  # noqa: SIM118
            file.get_tensor(name)


def _read_page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</html>"), path
    HTMLParser().feed(text)


_READERS = {
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".ipynb": lambda path: nbformat.read(path, as_version=4),
    ".nc": load_result,
    ".csv": pd.read_csv,
    ".html": _read_page,
    ".safetensors": _read_safetensors,
    ".lock": lambda path: path.stat(),
}
