"""A model that learned nothing goes through every chapter, and is told so."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedModel,
)

from helpers.run import run_walkthrough

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
MINI = Path(__file__).parents[1] / "helpers/mini/model"


def neox() -> PreTrainedModel:
    shape = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
    sizes = {"intermediate_size": 64, "vocab_size": 588, "max_position_embeddings": 128}
    return GPTNeoXForCausalLM(GPTNeoXConfig(**shape, **sizes))


def gpt2() -> PreTrainedModel:
    config = GPT2Config(n_layer=2, n_head=2, n_embd=32, vocab_size=588, n_positions=128)
    return GPT2LMHeadModel(config)


@pytest.mark.parametrize("make", [neox, pytest.param(gpt2, marks=pytest.mark.long)])
def test_every_chapter_runs_and_nothing_holds(make, tmp_path, monkeypatch):
    monkeypatch.setenv("HELPERS_STRICT", "")
    torch.manual_seed(0)
    make().save_pretrained(tmp_path / "nothing")
    for path in MINI.glob("*token*"):
        shutil.copy(path, tmp_path / "nothing")
    few = {"N": 10, "SEQUENCES": 4}
    run = run_walkthrough(
        str(tmp_path / "nothing"), notebooks=NOTEBOOKS, build=tmp_path / "build", parameters=few
    )
    assert [outcome.error for outcome in run.outcomes] == [None] * len(run.outcomes)
    lines = json.loads((run.folder / "claims.json").read_text())
    own = {line["id"]: line["verdict"] for line in lines if line["id"].startswith("E")}
    assert [name for name, verdict in own.items() if verdict == "holds"] == []
    said = "".join((run.folder / f"{o.notebook}.html").read_text() for o in run.outcomes)
    assert "Does not hold on this model" in said
