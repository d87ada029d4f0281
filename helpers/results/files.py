"""Results on disk: netCDF for labelled arrays, CSV for tables and for spreadsheets, JSON."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from helpers.memory import give_back_memory

Result = TypeVar("Result", xr.Dataset, xr.DataArray, pd.DataFrame)

MOST_ROWS = 100_000
"""Longest CSV beside a netCDF file: a spreadsheet still opens it, and it has a few megabytes."""
PARTIAL = ".partial"
"""Ending of a file that is being written; whoever finds one later knows that its writer died."""
_COMPRESSED_FROM = 32_768
"""Bytes from which an array is compressed; below, the bookkeeping costs more than it saves."""


def keep(result: Result, name: str) -> Result:
    """Save a result beside the run, if there is a run, and pass it on.

    `make notebooks` names a folder in `HELPERS_RESULTS`; there the result lands, for the claims
    table and for whoever wants the numbers behind a figure. Elsewhere nothing is written.

    A labelled array becomes `name.nc`, with the same numbers as `name.csv` beside it if they make
    no more than `MOST_ROWS` rows (see `to_long_table`). A table becomes `name.csv`, its heads by
    their names.

    Args:
        result: The result.
        name: File name without its ending.

    Returns:
        The very same result.

    Raises:
        TypeError: If it is none of the three.
    """
    if not isinstance(result, xr.Dataset | xr.DataArray | pd.DataFrame):
        raise TypeError(
            f"A {type(result).__name__} cannot be kept. Pass an xarray Dataset or DataArray, or a "
            "pandas DataFrame."
        )
    give_back_memory()  # here a measure has ended
    folder = os.environ.get("HELPERS_RESULTS")
    if folder:
        _write(result, Path(folder), name)
    return result


def save_result(result: xr.Dataset, path: Path) -> None:
    """Write a result as netCDF, large arrays compressed, in one step.

    A killed write leaves no half file.
    """
    packed = {
        str(name): {"zlib": True, "complevel": 4}
        for name, variable in result.data_vars.items()
        if variable.dtype.kind in "fiub" and variable.nbytes >= _COMPRESSED_FROM
    }
    write_whole(path, lambda to: result.to_netcdf(to, engine="h5netcdf", encoding=packed))


def load_result(path: Path) -> xr.Dataset:
    """Read a result that `save_result` wrote.

    Raises:
        FileNotFoundError: If it is not there.
    """
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()


def to_long_table(result: xr.Dataset) -> pd.DataFrame:
    """All numbers of a dataset in one table, a number a row.

    Args:
        result: Any dataset.

    Returns:
        Columns `variable`, every dimension and coordinate, and `value`, as text: numbers with all
        their digits. What a variable does not have, and what is missing, is empty.
    """
    parts = []
    for name, variable in result.data_vars.items():
        labels = [*map(str, variable.dims), *_coordinates(variable)]
        # The dimension "once" is for what has no other: pandas cannot hold a lone number.
        alone = variable.to_dataset(name="value").expand_dims(once=1)
        frame = alone.to_dataframe(dim_order=["once", *variable.dims]).reset_index()
        values = frame["value"].to_numpy()
        text = np.where(pd.isna(values), "", values.astype(str))
        # Whole numbers stay whole beside rows that lack them.
        parts.append(frame[labels].convert_dtypes().assign(variable=str(name), value=text))
    table = pd.concat(parts, ignore_index=True)
    labels = [column for column in table if column not in {"variable", "value"}]
    return table.loc[:, ["variable", *labels, "value"]]


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV in UTF-8, in one step; its index only if it is more than a count."""
    counted = isinstance(table.index, pd.RangeIndex)
    write_whole(path, lambda to: table.to_csv(to, index=not counted, encoding="utf-8"))


def write_json(data: object, path: Path) -> None:
    """Write JSON in one step: a killed write leaves no half file."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda to: to.write_text(text, encoding="utf-8"))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let a file appear whole or not at all: it is written beside its place and moved.

    Args:
        path: Its place; the folder is made.
        write: Writes to the path that it gets.

    Raises:
        OSError: If it cannot be written; nothing half is left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # One a process: two that write the same file must not write into one another's.
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        # HDF5 says it in five lines.
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def _write(result: xr.Dataset | xr.DataArray | pd.DataFrame, folder: Path, name: str) -> None:
    if isinstance(result, pd.DataFrame):
        save_table(result, folder / f"{name}.csv")
        return
    if isinstance(result, xr.DataArray):
        result = result.to_dataset(name=str(result.name or name), promote_attrs=True)
    save_result(result, folder / f"{name}.nc")
    if sum(variable.size for variable in result.data_vars.values()) <= MOST_ROWS:
        save_table(to_long_table(result), folder / f"{name}.csv")


def _coordinates(variable: xr.DataArray) -> list[str]:
    # Token text is the first sequence's: beside the rows of others it would be wrong.
    several = variable.sizes.get("sequence", 1) > 1
    return [
        str(name)
        for name, coordinate in variable.coords.items()
        if name not in variable.dims
        and not (several and str(name).endswith("_token") and "sequence" not in coordinate.dims)
    ]
