"""Whatever the reader has set in torch, every measure gives the numbers that it gives without."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from interventions.test_every_measure import RUN, WEIGHTS, Case, numbers
from shapes import LLAMA

from helpers import ablate, log_probs, mlps, patch, sample_repeated_tokens, scan
from helpers.models import untrained_model

MEASURES = {**RUN, **WEIGHTS}


@contextmanager
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SETTINGS = {
    # ARENA's notebooks begin with torch.set_grad_enabled(False).
    "no gradients": lambda: torch.set_grad_enabled(False),
    "inference mode": torch.inference_mode,
    "float64": float64,
}


@pytest.fixture(scope="module")
def plain(mini) -> Case:
    return Case(mini)


@pytest.fixture(scope="module")
def cases(mini) -> dict[str, Case]:
    """Samples are drawn under the setting, as in the reader's notebook."""
    found = {}
    for name, setting in SETTINGS.items():
        with setting():
            found[name] = Case(mini)
    return found


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_is_the_same(plain, cases, name):
    measure = MEASURES[name]
    right = numbers(measure(plain))
    for setting, case in cases.items():
        with SETTINGS[setting]():
            assert np.array_equal(numbers(measure(case)), right), setting
    # What was drawn in inference mode can be used when it is over.
    assert np.array_equal(numbers(measure(cases["inference mode"])), right)


def on_a_new_model() -> list[np.ndarray]:
    """A model that is made here, tried out, replayed, intervened in and differentiated."""
    model = untrained_model(LLAMA)
    sample = sample_repeated_tokens(model, n=6, sequences=2)
    with ablate(model, ["L0H1", "L1.mlp"]), patch(model, "L2H0", 0.5):
        found = [mlps.attribute_positions(model, sample), log_probs(model, sample)]
    found += [mlps.ablate_positions(model, sample, component="z"), scan.score_heads(model, sample)]
    return [numbers(one) for one in found]


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_model_made_under_a_setting_is_the_same(setting):
    right = on_a_new_model()
    with SETTINGS[setting]():
        found = on_a_new_model()
    assert all(map(np.array_equal, found, right))
