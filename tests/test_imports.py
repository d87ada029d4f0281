"""The house: arrows point down, no import goes round in a circle, a name says one thing."""

import ast
import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "helpers"
LEVELS = {
    "arguments": -1,
    "escaping": 0,
    "folders": 0,
    "memory": 0,
    "heads": 0,
    "metrics": 0,
    "progress": 0,
    "threads": 0,
    "theme": 0,
    "known_roles": 1,
    "mini": 1,
    "models": 1,
    "results": 1,
    "inputs": 2,
    "drawing": 2,
    "running": 3,
    "viewers": 3,
    "interventions": 4,
    "weights": 4,
    "chapters": 5,
    "claims": 6,
    "exercises": 6,
    "run": 7,
    "play": 8,
    "__main__": 9,
}
MODULES = sorted(PACKAGE.rglob("*.py"))
REPEATED = {"__init__", "measure", "plot", "describe"}
"""File names that stand in every chapter."""


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {name_of(path) for path in MODULES}


def imported(path: Path) -> set[str]:
    """Modules of this package that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("helpers.")}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found |= {whole if whole in KNOWN else str(node.module)}
    return {name for name in found if name == "helpers" or name.startswith("helpers.")}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrows_point_down(path):
    part = part_of(path)
    if part == "__init__":
        return
    for name in imported(path):
        other = name.split(".")[1] if "." in name else "__main__"
        # What runs things offers the public names to people, and may use them as they do.
        assert other == part or LEVELS[other] < LEVELS[part] or part == "__main__", name


def test_no_import_goes_round_in_a_circle():
    graph = {name_of(path): imported(path) - {name_of(path)} for path in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1][::-1]))


def test_a_file_name_says_one_thing():
    places = defaultdict(list)
    for path in MODULES:
        if path.stem not in REPEATED:
            places[path.stem].append(name_of(path))
    assert {stem: where for stem, where in places.items() if len(where) > 1} == {}


def test_a_public_name_is_defined_once():
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names = [node.name]
            else:
                targets = getattr(node, "targets", [getattr(node, "target", None)])
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            for name in names:
                if not name.startswith("_"):
                    places[name].append(name_of(path))
    places.pop("main")  # the command lines
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_what_draws_or_says_never_sees_a_model():
    forbidden = {"models", "inputs", "running", "interventions", "weights"}
    for path in MODULES:
        drawn = part_of(path) in {"drawing", "viewers", "results", "theme", "claims"}
        if drawn or path.stem.startswith(("plot", "describe")):
            seen = {name.split(".")[1] for name in imported(path) if "." in name}
            assert not seen & forbidden, path


def test_only_models_names_the_model_classes():
    for path in MODULES:
        if part_of(path) not in {"models", "mini"}:
            text = path.read_text(encoding="utf-8")
            assert "TransformerBridge" not in text and "AutoModel" not in text, path


def test_every_part_has_a_level():
    assert {part_of(path) for path in MODULES} - {"__init__"} == set(LEVELS)


def test_the_front_door_is_small():
    import helpers

    assert len(helpers.__all__) <= 40
    assert all(hasattr(helpers, name) for name in helpers.__all__)


def test_importing_has_no_effect():
    code = (
        "import sys, helpers; assert 'torch' not in sys.modules;"
        "import plotly.io as pio; before = pio.renderers.default;"
        "import torch; state = torch.random.get_rng_state(); grad = torch.is_grad_enabled();"
        "[getattr(helpers, name) for name in helpers.__all__];"
        "assert pio.renderers.default == before and pio.templates.default == 'plotly';"
        "assert torch.is_grad_enabled() == grad;"
        "assert torch.equal(torch.random.get_rng_state(), state)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
