"""Models the tests run on, the tiers that need what is not always there, and who runs what.

The notebooks run several times, each time for a purpose of its own:

* nbmake, on mini: each as it is in the repository, as one test. `make test` collects them.
* `mini_run`, on mini: as `make notebooks` runs them; pages, index, pictures and claims.
* `tests/browser/test_lab.py`, on mini in JupyterLab, with other parameters than they come with:
  run, saved, opened by somebody who does not trust them, trusted.
* `tests/test_walkthrough.py`, on SmolLM2, with few sequences: everything runs on a real language
  model and no claim goes missing.
* The same as they are, marker `long`, for `make full` only: what a real language model shows.
"""

import os

# Before any kernel starts: what the notebooks and load_model("auto") run on here.
os.environ["HELPERS_MODEL"] = "mini"
# A check of a notebook that fails on the models it was written on fails the test.
os.environ["HELPERS_STRICT"] = "1"
# Before torch loads, and for kernels as well: two threads that wait for one another keep both
# cores busy with nothing, and the small models here are no faster for the second.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pickle
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

# Before helpers: what a module imports while jaxtyping's hook watches it is compiled from source,
# all of torch and transformers, and compiled again in the next process.
import pandas  # noqa: F401
import plotly.graph_objects  # noqa: F401
import pytest
import torch  # noqa: F401
import transformer_lens.model_bridge  # noqa: F401
import xarray  # noqa: F401
from filelock import FileLock

from helpers import Model, load_model
from helpers.drawing.chrome import BrowserError, find_browser
from helpers.models import ModelError, can_replay, find_source
from helpers.run import WalkthroughRun, run_walkthrough

TIERS = {
    "pretrained": lambda: find_source("smollm2"),
    "gpt2": lambda: find_source("gpt2"),
    "browser": find_browser,
}
"""What each marker needs: how it is found, or why it cannot be."""


@pytest.fixture(scope="session")
def compiled() -> Model:
    from helpers.models.compiled import compile_model

    model = compile_model()
    with pytest.warns(UserWarning, match="compiled is run whole for each change"):
        can_replay(model, 2)  # it keeps no cache, and says so once
    return model


@pytest.fixture(scope="session")
def mini() -> Model:
    return load_model("mini")


@pytest.fixture(scope="session")
def mini_run(tmp_path_factory: pytest.TempPathFactory) -> WalkthroughRun:
    """All notebooks on mini, as `make notebooks MODEL=mini` runs them, once for all processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    kept = shared / "mini_run.pickle"
    with FileLock(shared / "mini_run.lock"):
        if not kept.is_file():
            notebooks = Path(__file__).parents[1] / "notebooks"
            run = run_walkthrough("mini", notebooks=notebooks, build=shared / "build")
            kept.write_bytes(pickle.dumps(run))
    return pickle.loads(kept.read_bytes())


@pytest.fixture(scope="session")
def smollm2() -> Model:
    return load_model("smollm2")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is long waits to be asked for; the rest in the order that ends soonest."""
    if not re.search(r"\blong\b", config.getoption("markexpr")):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    if hasattr(config, "workerinput"):
        items.sort(key=_place)
    else:
        # One after the other: what is quick and can be derived by hand first, browsers last.
        items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def _place(item: pytest.Item) -> int:
    """Side by side: what takes long first, so that no process is alone with it at the end."""
    if item.get_closest_marker("pretrained") is not None:
        return 0
    if item.get_closest_marker("browser") is not None:
        return 1
    return 2 if item.path.suffix == ".ipynb" else 3


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Where tiers are required nothing may be skipped but what needs GPT2-small's own weights."""
    report = yield
    excused = item.get_closest_marker("gpt2") is not None or hasattr(report, "wasxfail")
    if report.skipped and os.environ.get("HELPERS_REQUIRE") and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


_reasons: dict[str, str | None] = {}


def _missing(tier: str) -> str | None:
    if tier not in _reasons:
        try:
            TIERS[tier]()
            _reasons[tier] = None
        except (ModelError, BrowserError) as error:
            _reasons[tier] = str(error).splitlines()[0]
    return _reasons[tier]
