"""Kills a run, or a conversion, at moments drawn from a seed; then lets the next one end.

    python tests/killed.py run|conversion FOLDER SEED KILLS

In a process of its own, which imports everything once and forks what is to be killed.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from whole import read_all

from helpers.models import smollm2
from helpers.models.directory import fingerprint
from helpers.models.sources import MINI_DIRECTORY
from helpers.run import run_walkthrough

CHAPTER = """
import numpy as np
import xarray as xr
from helpers import keep
for name in "ab":
    numbers = np.arange(50_000.0) + ord(name)
    said = {{"model": "mini", "revision": "by hand"}}
    keep(xr.Dataset({{name: ("cell", numbers)}}, attrs=said), "{chapter}-" + name)
"""


def fork(work: Callable[[], object], kill_after: float | None = None) -> float:
    """Do something in a process of its own; how long that took."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        sys.stdout = Path(os.devnull).open("w")
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in ({0} if kill_after is None else {0, -9}), status
    return time.monotonic() - start


def kill_runs(folder: Path, moments: list[float]) -> None:
    (folder / "notebooks").mkdir(parents=True)
    parameters = new_code_cell('MODEL = "auto"', metadata={"tags": ["parameters"]})
    for chapter in ("01_one", "02_two"):
        cells = [parameters, new_code_cell(CHAPTER.format(chapter=chapter))]
        path = folder / "notebooks" / f"{chapter}.ipynb"
        nbformat.write(new_notebook(cells=cells), path)

    def go(build: str) -> Callable[[], object]:
        folders = {"notebooks": folder / "notebooks", "build": folder / build}
        return lambda: run_walkthrough("mini", **folders)

    took = fork(go("whole"))
    expected = results(folder / "whole" / "mini")
    for number, moment in enumerate(moments):
        build = f"killed{number}"
        fork(go(build), kill_after=moment * took)
        left = read_all(folder / build, partial=True)
        fork(go(build))
        read_all(folder / build)
        assert results(folder / build / "mini") == expected
        sys.stdout.write(f"killed at {moment:.3f} of {took:.1f} s: {len(left)} files, all whole\n")


def results(folder: Path) -> dict[str, object]:
    """What must not depend on whether a run was killed before."""
    told = json.loads((folder / "run.json").read_text())
    data = {path.name: path.read_bytes() for path in sorted((folder / "data").glob("*.csv"))}
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    kept = {chapter: told["kept"][chapter] for chapter in sorted(told["kept"])}
    return {"data": data, "names": names, "kept": kept, "finished": told["finished"]}


def kill_conversions(folder: Path, moments: list[float]) -> None:
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(MINI_DIRECTORY)

    def convert(_gguf: Path, into: Path) -> None:  # as the real one: weights, then a tokenizer
        network.save_pretrained(into)
        for path in MINI_DIRECTORY.glob("tokenizer*"):
            shutil.copy(path, into)

    smollm2._convert = convert
    smollm2._installed_gguf = lambda: MINI_DIRECTORY / "config.json"
    smollm2.check_sha256 = lambda path: None
    os.environ["HELPERS_CACHE"] = str(folder / "whole")
    took = fork(smollm2.smollm2_directory)
    expected = fingerprint(smollm2.converted_directory())
    for number, moment in enumerate(moments):
        os.environ["HELPERS_CACHE"] = str(folder / f"killed{number}")
        fork(smollm2.smollm2_directory, kill_after=moment * took)
        made = smollm2.converted_directory()
        there = made.exists()
        if there:
            read_all(made)
        fork(smollm2.smollm2_directory)
        assert fingerprint(made) == expected
        assert sorted(path.name for path in made.parent.iterdir()) == [made.name, "smollm2.lock"]
        read_all(made)
        sys.stdout.write(f"killed at {moment:.3f} of {took:.2f} s: {'made' if there else '-'}\n")


if __name__ == "__main__":
    what, where, seed, kills = sys.argv[1:]
    draw = random.Random(int(seed))
    kill = {"run": kill_runs, "conversion": kill_conversions}[what]
    kill(Path(where), [draw.random() for _ in range(int(kills))])
