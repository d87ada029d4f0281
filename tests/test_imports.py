"""Arrows point down: a module may import from lower levels, and from its own package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "helpers"
LEVELS = {
    "heads": 0,
    "metrics": 0,
    "theme": 0,
    "progress": 0,
    "published": 1,
    "source": 0,
    "mini": 1,
    "models": 1,
    "results": 1,
    "drawing": 2,
    "groups": 2,
    "stability": 2,
    "tokens": 3,
    "texts": 4,
    "forward": 4,
    "interventions": 5,
    "circuits": 5,
    "experiments": 6,
    "claims": 7,
    "chapters": 7,
    "viewers": 7,
    "run": 8,
    "__main__": 9,
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(path: Path) -> set[str]:
    """What a module imports from this package, without the package's own name."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.removeprefix("helpers.") for name in names if name.startswith("helpers.")}


def imported_parts(path: Path) -> set[str]:
    parts = {name.split(".")[0] for name in imported_names(path)}
    return {part if part in LEVELS else "__main__" for part in parts}


def imported_modules(path: Path) -> set[Path]:
    """Files that a module imports: of `a.b.c` the longest beginning that is one."""
    found = set()
    for name in imported_names(path):
        place = PACKAGE.joinpath(*name.split("."))
        options = [
            file
            for folder in (place, place.parent)
            for file in (folder.with_suffix(".py"), folder / "__init__.py")
        ]
        found |= set([file for file in options if file.is_file()][:1])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_down(path):
    part = part_of(path)
    if part == "__init__":
        return
    for other in imported_parts(path) - {part}:
        # What runs things offers the public API to people, and may use it as they do.
        assert LEVELS[other] < LEVELS[part] or part == "__main__", f"{part} imports {other}"


def test_what_is_shown_never_sees_a_model():
    """A chapter measures in `measure`; what it draws and tells is made from the result."""
    for path in MODULES:
        shows = part_of(path) in {"drawing", "viewers", "results", "theme"}
        if shows or path.stem.startswith(("plot", "describe")):
            forbidden = {"models", "forward", "interventions", "circuits", "tokens", "experiments"}
            assert not imported_parts(path) & forbidden, path
            assert not {other for other in imported_modules(path) if other.stem == "measure"}, path


def test_no_circles():
    arrows = {path: imported_modules(path) for path in MODULES}
    while ends := [path for path, others in arrows.items() if not others & set(arrows)]:
        for path in ends:
            del arrows[path]
    assert not arrows


def test_only_models_names_the_model_classes():
    for path in MODULES:
        if part_of(path) not in {"models", "mini"}:
            text = path.read_text(encoding="utf-8")
            assert "TransformerBridge" not in text and "AutoModel" not in text, path


def test_every_part_has_a_level():
    assert {part_of(path) for path in MODULES} - {"__init__"} <= set(LEVELS)


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
