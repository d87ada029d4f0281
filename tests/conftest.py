"""Models the tests run on, and the tiers that need what is not always there: models, a browser."""

import os

# Before any kernel starts: what the notebooks and load_model("auto") run on here.
os.environ["HELPERS_MODEL"] = "mini"

from pathlib import Path

import pytest

from helpers import Model, load_model
from helpers.browser import BrowserError, find_browser
from helpers.models import ModelError, find_source
from helpers.run import WalkthroughRun, run_walkthrough

TIERS = {
    "pretrained": lambda: find_source("smollm2"),
    "gpt2": lambda: find_source("gpt2"),
    "browser": find_browser,
}
"""What each marker needs: how it is found, or why it cannot be."""


@pytest.fixture(scope="session")
def compiled() -> Model:
    from compiled import compile_model

    return compile_model()


@pytest.fixture(scope="session")
def mini() -> Model:
    return load_model("mini")


@pytest.fixture(scope="session")
def mini_run(tmp_path_factory: pytest.TempPathFactory) -> WalkthroughRun:
    """All notebooks on mini, as `make notebooks MODEL=mini` runs them, once for all tests."""
    notebooks = Path(__file__).parents[1] / "notebooks"
    return run_walkthrough("mini", notebooks=notebooks, build=tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def smollm2() -> Model:
    return load_model("smollm2")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is quick and can be derived by hand first, browsers last."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    required = {name.strip() for name in os.environ.get("HELPERS_REQUIRE", "").split(",")}
    for tier in TIERS:
        if item.get_closest_marker(tier) is None:
            continue
        reason = _missing(tier)
        if reason is None:
            continue
        if tier in required:
            pytest.fail(f"{tier} is required here, but {reason}", pytrace=False)
        pytest.skip(reason)


_reasons: dict[str, str | None] = {}


def _missing(tier: str) -> str | None:
    if tier not in _reasons:
        try:
            TIERS[tier]()
            _reasons[tier] = None
        except (ModelError, BrowserError) as error:
            _reasons[tier] = str(error).splitlines()[0]
    return _reasons[tier]
