"""Killed at any moment, a run or a conversion leaves no half file, and the next one is right."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLED = Path(__file__).parents[1] / "killed.py"


@pytest.mark.parametrize("what", ["run", "conversion"])
@pytest.mark.parametrize(
    ("seed", "kills"), [(0, 3), pytest.param(1, 20, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_what_is_killed_leaves_nothing_half_and_the_next_is_right(tmp_path, what, seed, kills):
    path = os.pathsep.join([str(KILLED.parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, KILLED, what, tmp_path / "work", str(seed), str(kills)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)  # noqa: T201
    assert done.stdout.count("killed at") == kills
