"""What is installed, pinned and promised stays one thing."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def direct() -> dict[str, str]:
    every = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    pairs = (re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?(.*)", line) for line in every)
    return {canonicalize_name(m[1]): m[2] for m in pairs if m and m[1] != PROJECT["name"]}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_conda_takes_everything_from_the_project():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"]
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert [re.split("[=<>]", entry)[0] for entry in conda] == ["python", "pip"]
    assert pip == ["-c constraints.txt", "-e .[all]"]
    version = tuple(int(part) for part in conda[0].split("=")[1].split("."))
    assert (3, 11) <= version < (3, 14) and PROJECT["requires-python"] == ">=3.11,<3.14"


def test_every_direct_dependency_is_pinned_inside_its_range():
    pinned = pins()
    for name, wanted in direct().items():
        assert name in pinned, f"{name} has no pin in constraints.txt"
        assert pinned[name] in SpecifierSet(wanted), f"{name}=={pinned[name]} is outside {wanted}"


@pytest.mark.skipif(sys.platform != "linux", reason="the pins were frozen on Linux")
def test_whatever_a_pinned_package_needs_is_pinned():
    pinned = pins()
    # Torch brings its own CUDA packages, or none; setuptools belongs to the environment.
    free = re.compile(r"setuptools|triton|cuda-|nvidia-")
    for name in pinned:
        try:
            needs = [Requirement(line) for line in distribution(name).requires or []]
        except PackageNotFoundError:
            continue
        for need in needs:
            wanted = canonicalize_name(need.name)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert wanted in pinned or free.match(wanted), f"{name} needs {wanted}"


def test_every_direct_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in direct():
        (line,) = [
            x for x in text.splitlines() if re.match(rf'\s*"{re.escape(name)}[\[><=]', x, re.I)
        ]
        assert re.search(r"# \S+", line), f"{name} says nothing of itself"


def test_what_is_installed_is_what_is_pinned():
    for name, wanted in pins().items():
        try:
            found = version(name).split("+")[0]
        except PackageNotFoundError:
            continue
        assert found == wanted, f"{name} is {found}, constraints.txt says {wanted}"


def test_the_readme_names_every_notebook_and_the_docs_every_command():
    readme, *others = (
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("README.md", "CONTRIBUTING.md", "docs/install.md")
    )
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{path.name}" in readme
    for command in ("notebooks", "test", "lab"):
        assert f"make {command}" in readme
    told = "\n".join([readme, *others])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.M)
    for command in targets.split():
        assert f"make {command}" in told
    for command in ("run", "student", "scan", "claims"):
        assert f"python -m helpers {command}" in told


def test_the_docs_name_every_environment_variable_of_ours():
    told = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "helpers").rglob("*.py")]
    asked = set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', "\n".join(sources)))
    assert {"HELPERS_MODEL", "HELPERS_CACHE", "BROWSER_PATH"} <= asked
    for name in asked:
        assert f"`{name}`" in told, f"docs/install.md says nothing of {name}"
