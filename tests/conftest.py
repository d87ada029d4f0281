"""Models the tests run on, and the tiers that need a model which is not always there."""

import os

# Before any kernel starts: what the notebooks and load_model("auto") run on here.
os.environ["HELPERS_MODEL"] = "mini"

import pytest

from helpers import Model, load_model
from helpers.models import ModelError, find_source

TIERS = {"pretrained": "smollm2", "gpt2": "gpt2"}


@pytest.fixture(scope="session")
def compiled() -> Model:
    from compiled import compile_model

    return compile_model()


@pytest.fixture(scope="session")
def mini() -> Model:
    return load_model("mini")


@pytest.fixture(scope="session")
def smollm2() -> Model:
    return load_model("smollm2")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for tier, model in TIERS.items():
        if item.get_closest_marker(tier) is None:
            continue
        reason = _missing(model)
        if reason is None:
            continue
        if tier in os.environ.get("HELPERS_REQUIRE", "").split(","):
            pytest.fail(f"{tier} is required here, but {reason}", pytrace=False)
        pytest.skip(reason)


_reasons: dict[str, str | None] = {}


def _missing(model: str) -> str | None:
    if model not in _reasons:
        try:
            find_source(model)
            _reasons[model] = None
        except ModelError as error:
            _reasons[model] = str(error).splitlines()[0]
    return _reasons[model]
