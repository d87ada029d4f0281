"""What runs elsewhere (workflows, the container, Colab): checked by what can be checked here."""

import json
import re
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

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
    (opened,) = told["customizations"]["codespaces"]["openFiles"]
    assert opened == "notebooks/00_playground.ipynb" and (ROOT / opened).is_file()
    version = told["image"].rpartition(":")[2]
    wanted = re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text()
    )
    assert int(wanted[1]) <= int(version.split(".")[1]) < int(wanted[2])


@pytest.fixture
def only_torch(tmp_path) -> Path:
    """The Python of an environment that holds torch and what torch needs, and nothing else."""
    venv.create(tmp_path / "env", with_pip=True)
    (there,) = (tmp_path / "env").glob("lib/python*/site-packages")
    todo, seen = ["torch"], set()
    while todo:
        name = todo.pop()
        seen.add(name)
        found = distribution(name)
        for top in {
            Path(str(file)).parts[0] for file in found.files or [] if ".." not in str(file)
        }:
            if top != "__pycache__" and not (there / top).exists():
                (there / top).symlink_to(found.locate_file(top))
        asked = (Requirement(line) for line in found.requires or [])
        needs = {
            need.name for need in asked if not need.marker or need.marker.evaluate({"extra": ""})
        }
        todo += needs - seen
    return tmp_path / "env" / "bin" / "python"


def colab() -> list[str]:
    """The lines of the cell for Colab."""
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    return re.search(r"## On Google Colab.*?```\n(.*?)```", page, re.S)[1].splitlines()


def test_colab_keeps_its_torch(only_torch, tmp_path):
    """What pip would do there: everything is found, and torch is not among it."""
    clone, install, go = colab()
    folder = clone.split()[-1]
    assert go == f"%cd {folder}/notebooks" and install == f"%pip install -q ./{folder}"
    report = tmp_path / "report.json"
    options = ["--dry-run", "--quiet", "--report", str(report), str(ROOT)]
    subprocess.run([only_torch, "-m", "pip", "install", *options], check=True)
    names = {one["metadata"]["name"].lower() for one in json.loads(report.read_text())["install"]}
    assert "transformer-lens" in names and "torch" not in names


@pytest.mark.long
def test_the_cell_for_colab_runs_and_so_does_the_playground(only_torch, tmp_path):
    """The lines as they stand, this project being what is cloned; then the playground's cells."""
    clone, install, go = colab()
    bare = tmp_path / "origin"
    subprocess.run(["git", "clone", "-q", "--bare", ROOT, bare], check=True)
    commands = [clone.removeprefix("!").replace("ADDRESS", str(bare))]
    commands += [install.replace("%pip", f"{only_torch} -m pip"), go.removeprefix("%")]
    cells = "import json; b = json.load(open('00_playground.ipynb'))['cells']; " + (
        "exec('\\n'.join(''.join(c['source']) for c in b if c['cell_type'] == 'code'))"
    )
    script = "\n".join(["set -e", *commands, f'HELPERS_MODEL=mini {only_torch} -c "{cells}"'])
    subprocess.run(["bash", "-c", script], check=True, cwd=tmp_path)
