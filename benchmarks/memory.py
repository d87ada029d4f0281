"""`python -m benchmarks memory [MODEL]`: what each chapter's kernel holds, and what started it.

The notebooks are executed as a run executes them; their kernels are looked at ten times a second.
Pages of files (the weights as they lie on the disk, libraries) are counted apart: the system takes
them back when somebody else needs room.
"""

import argparse
import os
import sys
import tempfile
import threading
from pathlib import Path

import pandas as pd
import psutil

from helpers.models import asked_for, find_source
from helpers.results import write_json
from helpers.run.notebooks import find_notebooks, run_notebook
from helpers.run.price import tell_price

MEGABYTE = 1e6


def main(arguments: list[str]) -> int:
    """Execute the notebooks, print a table, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks memory", description=__doc__)
    parser.add_argument("model", nargs="?", default="mini", help="what load_model takes (mini)")
    parser.add_argument("--notebooks", type=Path, default=Path("notebooks"))
    parser.add_argument("--only", default="", help="chapters whose names hold one of these: 4,6,7")
    parser.add_argument("--build", type=Path, default=Path("build/bench"), help="where to write")
    chosen = parser.parse_args(arguments)
    source = find_source(asked_for(chosen.model))
    tell_price(source)  # all that a run does before its first kernel starts
    parent = psutil.Process().memory_info().rss / MEGABYTE
    rows: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as results:
        for path in find_notebooks(chosen.notebooks):
            if not any(part in path.stem for part in chosen.only.split(",")):
                continue
            with _Watch() as watch:
                run_notebook(
                    path,
                    parameters={"MODEL": asked_for(chosen.model)},
                    environment={"HELPERS_RESULTS": results},
                )
            rows[path.stem] = {
                "peak": round(watch.peak / MEGABYTE),
                "without files": round(watch.own / MEGABYTE),
                "at the end": round(watch.last / MEGABYTE),
            }
            _say(f"{path.stem}: {rows[path.stem]}\n")
    path = chosen.build / f"memory-{source.name.replace('/', '--')}.json"
    write_json({"model": source.name, "parent": round(parent), "megabytes": rows}, path)
    table = pd.DataFrame(rows).T.to_string()
    _say(f"\nMB of each kernel\n{table}\nthe parent: {parent:.0f} MB\nwritten: {path}\n")
    return 0


class _Watch:
    """The largest of this process's children, while the context lasts.

    Attributes:
        peak: Its highest resident memory, bytes.
        own: The highest without pages of files and shared memory.
        last: What it held when it was last seen.
    """

    def __enter__(self) -> "_Watch":
        self.peak = self.own = self.last = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        here = psutil.Process(os.getpid())
        while not self._done.wait(0.1):
            held = []
            for child in here.children(recursive=True):
                try:
                    held.append(child.memory_info())
                except psutil.NoSuchProcess:
                    continue
            if not held:
                continue
            most = max(held, key=lambda memory: memory.rss)
            self.peak = max(self.peak, most.rss)
            self.own = max(self.own, most.rss - getattr(most, "shared", 0))
            self.last = most.rss


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
