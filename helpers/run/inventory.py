"""What lies in a run's data folder, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import xarray as xr


class Shaped(NamedTuple):
    """Numbers of one shape.

    Args:
        names: Name of each variable, and what it is in words; a table's columns have no words.
        shape: Their dimensions: "sequence 32 × layer 4".
    """

    names: dict[str, str]
    shape: str


@dataclass(frozen=True)
class Kept:
    """A result that a notebook kept.

    Args:
        name: Under which name.
        notebook: Which notebook kept it, or nothing if that is not known.
        holds: Its numbers, by shape.
        files: Its files and their sizes in words.
    """

    name: str
    notebook: str
    holds: list[Shaped]
    files: dict[str, str]


def list_kept(folder: Path, kept_by: Mapping[str, str]) -> list[Kept]:
    """Every result in a data folder, in the order of the notebooks.

    Args:
        folder: The folder.
        kept_by: The notebook that kept each name.
    """
    names = {path.stem for path in folder.glob("*.nc")} | {p.stem for p in folder.glob("*.csv")}
    found = []
    for name in sorted(names, key=lambda name: (kept_by.get(name, ""), name)):
        arrays, table = folder / f"{name}.nc", folder / f"{name}.csv"
        holds = _say_arrays(arrays) if arrays.is_file() else _say_table(table)
        files = {path.name: say_size(path) for path in (arrays, table) if path.is_file()}
        found.append(Kept(name, kept_by.get(name, ""), holds, files))
    return found


def say_size(path: Path) -> str:
    """The size of a file: "31 kB"."""
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


def _say_arrays(path: Path) -> list[Shaped]:
    shapes: dict[tuple[str, ...], dict[str, str]] = {}
    with xr.open_dataset(path, engine="h5netcdf") as result:
        sizes = dict(result.sizes)
        for name, variable in result.data_vars.items():
            what, units = (str(variable.attrs.get(key, "")) for key in ("long_name", "units"))
            said = f"{what} ({units})" if what and units else what or units
            shapes.setdefault(tuple(map(str, variable.dims)), {})[str(name)] = said
    return [
        Shaped(names, " × ".join(f"{dim} {sizes[dim]}" for dim in dims))
        for dims, names in shapes.items()
    ]


def _say_table(path: Path) -> list[Shaped]:
    try:
        table = pd.read_csv(path, dtype=str)
    except pd.errors.EmptyDataError:
        return [Shaped({}, "an empty table")]
    rows = f"{len(table)} row" + ("" if len(table) == 1 else "s")
    return [Shaped({str(column): "" for column in table}, f"a table of {rows}")]
