"""`python -m benchmarks memory [MODEL]`: what each chapter's kernel holds, and what started it.

The notebooks are executed as a run executes them; their kernels are looked at all the time.
Pages of files (the weights as they lie on the disk, libraries) are counted apart: the system takes
them back when somebody else needs room.
"""

import argparse
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil

from benchmarks.measure import Resident
from helpers.models import asked_for, find_source
from helpers.results import write_json
from helpers.run.notebooks import find_notebooks, run_notebook
from helpers.run.price import tell_price


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
    parent = psutil.Process().memory_info().rss / 1e6
    rows: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as results:
        for path in find_notebooks(chosen.notebooks):
            if not any(part in path.stem for part in chosen.only.split(",")):
                continue
            with _Kernels() as kernels:
                run_notebook(
                    path,
                    parameters={"MODEL": asked_for(chosen.model)},
                    environment={"HELPERS_RESULTS": results},
                )
            rows[path.stem] = {
                "peak": round(kernels.peak / 1e6),
                "without files": round(kernels.own / 1e6),
            }
            _say(f"{path.stem}: {rows[path.stem]}\n")
    path = chosen.build / f"memory-{source.name.replace('/', '--')}.json"
    write_json({"model": source.name, "parent": round(parent), "megabytes": rows}, path)
    table = pd.DataFrame(rows).T.to_string()
    _say(f"\nMB of each kernel\n{table}\nthe parent: {parent:.0f} MB\nwritten: {path}\n")
    return 0


class _Kernels(Resident):
    """The largest of this process's children, instead of the process itself.

    Attributes:
        peak: Its highest resident memory, bytes.
        own: The highest without pages of files and shared memory.
    """

    own = 0

    def _look(self) -> None:
        for child in self._process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                memory = child.memory_info()
                self.peak = max(self.peak, memory.rss)
                self.own = max(self.own, memory.rss - getattr(memory, "shared", 0))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
