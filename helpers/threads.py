"""How many threads a process that is started gets, and how long they spin when they wait.

OpenMP's threads, which torch multiplies with, spin after each product and wait for the next. Beside
another busy process a spinning thread keeps the core from the one that it waits for, and everything
takes several times as long. If they sleep at once instead, waking them costs time where nothing
else runs. A short spin has the best of both: `python -m benchmarks contention` measures it.
"""

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path

SPINS = 3_000
"""Turns of GNU OpenMP's waiting loop, some 15 µs; its own number is 300,000."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def thread_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment variables for a process that will import torch; what the user set stays.

    Args:
        environment: What is set already.

    Returns:
        `GOMP_SPINCOUNT`, and `OMP_NUM_THREADS` if a quota allows less than the cores one sees.
    """
    settings = {}
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & {*environment}:
        settings["GOMP_SPINCOUNT"] = str(SPINS)
    allowed = _allowed()
    if "OMP_NUM_THREADS" not in environment and allowed < _cores():
        settings["OMP_NUM_THREADS"] = str(allowed)
    return settings


def _cores() -> int:
    """On how many cores this process may run."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _allowed() -> int:
    """How many cores' time the container gives, in whole cores."""
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return min(_cores(), max(1, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return _cores()


if __name__ == "__main__":  # for a shell: env $(python -m helpers.threads) jupyter lab
    sys.stdout.write(" ".join(f"{name}={value}" for name, value in thread_settings().items()))
