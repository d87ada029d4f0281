"""What runs elsewhere (workflows, the container, Colab): checked by what can be checked here."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def commands(path: Path) -> list[str]:
    """Every command of a workflow, line by line."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    steps = [step for job in jobs for step in job["steps"]]
    return [line for step in steps for line in step.get("run", "").splitlines()]


def test_both_workflows_fit_their_schema():
    assert [path.stem for path in WORKFLOWS] == ["ci", "nightly"]
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    subprocess.run([*checker, "vendor.github-workflows", *WORKFLOWS], check=True)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_of_a_workflow_is_one_that_is_there(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {*re.findall(r"^([\w./]+):", makefile, re.M)}
    asked = {line.split()[1] for line in commands(path) if line.startswith("make ")}
    assert asked and asked <= targets, asked - targets
    for code in re.findall(r'-c "([^"]+)"', path.read_text(encoding="utf-8")):
        imports, *_ = code.partition(";")
        subprocess.run([sys.executable, "-c", imports], check=True)
    for module in re.findall(r"python -m (\w+) (\w+)", "\n".join(commands(path))):
        subprocess.run([sys.executable, "-m", *module, "--help"], check=True, capture_output=True)


def test_only_the_file_of_its_own_has_a_schedule():
    on = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))[True] for path in WORKFLOWS}
    assert "schedule" in on["nightly"] and "schedule" not in on["ci"]


def test_the_container_sets_up_what_the_readme_does():
    told = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert told["postCreateCommand"] == "make .venv/ready"
    version = told["image"].rpartition(":")[2]
    wanted = re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text()
    )
    assert int(wanted[1]) <= int(version.split(".")[1]) < int(wanted[2])
