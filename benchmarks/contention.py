"""`python -m benchmarks contention [MODEL]`: a scan alone, and beside one busy process.

A scan of 8 sequences, in a process of its own for each way of waiting: as OpenMP comes, as this
project's runner sets it, and passive. The busy neighbour multiplies matrices with all its threads.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import pandas as pd

from helpers.threads import thread_settings

_SCAN = """
import json, sys, time
from helpers import load_model, sample_repeated_tokens, scan
sys.stdout, out = sys.stderr, sys.stdout
model = load_model(sys.argv[1])
sample = sample_repeated_tokens(model, n=50, sequences=8)
scan.score_heads(model, sample)
times = []
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    scan.score_heads(model, sample)
    times.append(time.perf_counter() - start)
json.dump(times, out)
"""
_BUSY = """
import torch
a = torch.randn(512, 512)
while True:
    a @ a
"""
_NAMES = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"}
CLEAN = {name: value for name, value in os.environ.items() if name not in _NAMES}
WAYS = {
    "as OpenMP comes": {},
    "as the runner sets it": thread_settings(CLEAN),
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
}


def main(arguments: list[str]) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks contention", description=__doc__)
    parser.add_argument("model", nargs="?", default="mini", help="what load_model takes (mini)")
    parser.add_argument("--turns", type=int, default=5, help="scans of each way (5)")
    chosen = parser.parse_args(arguments)
    rows: dict[str, dict[str, float]] = {}
    for way, settings in WAYS.items():
        for where in ("alone", "beside one busy process"):
            with _neighbour(busy=where != "alone"):
                seconds = _time(chosen.model, chosen.turns, settings)
            rows.setdefault(way, {})[where] = seconds
            sys.stdout.write(f"{way} ({_say(settings)}), {where}: {seconds:.2f} s\n")
            sys.stdout.flush()
    table = pd.DataFrame(rows).T
    ratio = table / table.loc["as OpenMP comes", "alone"]
    sys.stdout.write(
        f"\nseconds of a scan of 8 sequences on {chosen.model}, medians of {chosen.turns}\n"
        f"{table.round(2).to_string()}\n\nbeside OpenMP alone\n{ratio.round(2).to_string()}\n"
    )
    return 0


def _time(model: str, turns: int, settings: dict[str, str]) -> float:
    found = subprocess.run(
        [sys.executable, "-c", _SCAN, model, str(turns)],
        env={**CLEAN, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return median(json.loads(found.stdout))


@contextmanager
def _neighbour(*, busy: bool) -> Iterator[None]:
    """One process that multiplies matrices for ever, while the context lasts."""
    if not busy:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", _BUSY], env=CLEAN)
    try:
        time.sleep(3)  # until it has imported torch
        yield
    finally:
        process.kill()
        process.wait()


def _say(settings: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items()) or "nothing set"
