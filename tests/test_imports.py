"""Arrows point down: a module may import from lower levels, and from its own package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "helpers"
LEVELS = {
    "browser": 0,
    "heads": 0,
    "metrics": 0,
    "theme": 0,
    "visible": 0,
    "progress": 0,
    "published": 1,
    "source": 0,
    "mini": 1,
    "models": 1,
    "groups": 2,
    "stability": 2,
    "tokens": 2,
    "texts": 3,
    "forward": 3,
    "interventions": 4,
    "circuits": 4,
    "results": 1,
    "experiments": 5,
    "claims": 6,
    "prose": 6,
    "plots": 6,
    "viewers": 7,
    "run": 8,
    "__main__": 9,
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "helpers" and len(parts) > 1:
                found.add(parts[1] if parts[1] in LEVELS else "__main__")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_down(path):
    part = part_of(path)
    if part == "__init__":
        return
    for other in imported_parts(path) - {part}:
        # What runs things offers the public API to people, and may use it as they do.
        assert LEVELS[other] < LEVELS[part] or part == "__main__", f"{part} imports {other}"


def test_plots_and_viewers_never_see_a_model():
    for path in MODULES:
        if part_of(path) in {"plots", "viewers", "prose", "results", "theme"}:
            forbidden = {"models", "forward", "interventions", "circuits", "tokens", "experiments"}
            assert not imported_parts(path) & forbidden, path


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
