"""What a run will cost: measured for the models that ship, scaled by size for others."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from helpers.models import find_source
from helpers.models.sources import Source
from helpers.run import price, tell_price

ROOT = Path(__file__).parents[2]


@pytest.fixture
def other(tmp_path: Path) -> Source:
    """60 layers and 134.5 million parameters: twice SmolLM2's work."""
    (tmp_path / "config.json").write_text(json.dumps({"num_hidden_layers": 60}))
    for i, rows in enumerate((100_000, 34_500)):
        save_file(
            {"w": torch.zeros(rows, 1000, dtype=torch.float8_e4m3fn)}, tmp_path / f"{i}.safetensors"
        )
    return Source("other", tmp_path, "unpinned", "a directory")


def test_work_is_measured_or_scaled_by_layers_and_parameters(other):
    assert price.estimate_work(find_source("mini")) == price.WORK["mini"]
    assert price.estimate_work(other) == pytest.approx(2 * price.WORK["smollm2"])


def test_the_sentence_says_work_rate_minutes_and_the_cheaper_choice(other, monkeypatch):
    monkeypatch.setattr(price, "measure_rate", lambda: 100e9)
    said = tell_price(other)
    minutes = (price.START + 2 * price.WORK["smollm2"] * 1e12 / (price.SHARE * 100e9)) / 60
    assert f"{2 * price.WORK['smollm2']:.3g} TFLOP (estimated by its size)" in said
    assert f"100 GFLOP/s: about {minutes:.0f} minutes" in said
    assert re.search(r"Cheaper: MODEL=mini takes (a minute|\d+ minutes)\.$", said)
    assert "Cheaper" not in tell_price(find_source("mini"))


def test_the_work_is_what_was_counted():
    counted = json.loads((ROOT / "docs" / "measured" / "work.json").read_text())
    assert {*counted} == {*price.WORK}
    for model, work in price.WORK.items():
        assert work == pytest.approx(counted[model]["tflop"], rel=0.02)


def test_the_rate_is_a_rate():
    assert 1e8 < price.measure_rate(0.05) < 1e14


def test_a_model_whose_layers_are_not_told_has_a_price_all_the_same(other):
    (other.directory / "config.json").write_text("{}")
    assert price.estimate_work(other) > 0
