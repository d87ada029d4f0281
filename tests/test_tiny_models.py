"""One layer, one head a layer, one of each: every chapter says what cannot be measured there."""

import json
import shutil
from pathlib import Path

import pytest
import xarray as xr
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import GPT2Config, PreTrainedTokenizerFast

from helpers.claims import CLAIMS, EVIDENCE, collect_claims, explain_failures
from helpers.models import untrained_network
from helpers.models.sources import MINI_DIRECTORY
from helpers.run import run_walkthrough

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
FEW = {"N": 10, "SEQUENCES": 4}


def save(where: Path, **shape: int) -> str:
    sizes = {"n_embd": 32, "vocab_size": 588, "n_positions": 64, "initializer_range": 0.2} | shape
    config = GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)
    untrained_network(config).save_pretrained(where)
    for path in MINI_DIRECTORY.glob("*token*"):
        shutil.copy(path, where)
    return str(where)


@pytest.mark.parametrize(
    "shape",
    [
        {"n_layer": 1, "n_head": 1},
        pytest.param({"n_layer": 1, "n_head": 4}, marks=pytest.mark.long),
        pytest.param({"n_layer": 2, "n_head": 1}, marks=pytest.mark.long),
        pytest.param({"n_layer": 3, "n_head": 1}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_every_chapter_goes_as_far_as_the_model_does(shape, tmp_path, monkeypatch):
    monkeypatch.setenv("HELPERS_STRICT", "")
    run = run_walkthrough(
        save(tmp_path / "tiny", **shape),
        notebooks=NOTEBOOKS,
        build=tmp_path / "build",
        parameters=FEW,
    )
    assert [outcome.error for outcome in run.outcomes] == [None] * len(run.outcomes)
    index = (run.folder / "index.html").read_text(encoding="utf-8")
    lines = json.loads((run.folder / "claims.json").read_text(encoding="utf-8"))
    assert len(lines) == len(CLAIMS) + len(EVIDENCE)
    verdicts = {line["id"]: line["verdict"] for line in lines}
    assert "not run" not in verdicts.values() and "not measured" not in verdicts.values()
    assert not [name for name, said in verdicts.items() if name[0] == "E" and said == "holds"]
    if shape["n_layer"] == 1:
        unmeasured = [line for line in lines if line["verdict"] == "cannot be measured here"]
        assert {"C8", "E3", "E4", "E6", "E15"} <= {line["id"] for line in unmeasured}
        why = {line["subject"] for line in unmeasured}
        assert all("layer" in said or "head" in said or "can read 64" in said for said in why)
        page = (run.folder / "05_circuit.html").read_text(encoding="utf-8")
        for text in (index, page):
            assert "cannot be measured here: a circuit of two heads takes two layers" in text
        last = explain_failures(collect_claims(run.folder / "data"))
        assert "Cannot be measured here:" in last and "two layers" in last


def test_a_context_shorter_than_a_text_ends_no_run(tmp_path, monkeypatch):
    """What needs no text runs; what does says how many tokens the model takes."""
    monkeypatch.setenv("HELPERS_STRICT", "")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("00_playground", "01_loss"):
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", folder)
    model = save(tmp_path / "short", n_layer=2, n_head=2, n_positions=32)
    letters = {
        sign: i for i, sign in enumerate(["<bos>", "<unk>", *"abcdefghijklmnopqrstuvwxyz ,"])
    }
    tokenizer = Tokenizer(WordLevel(letters, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Split("", "isolated")  # every letter is a token
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", unk_token="<unk>"
    ).save_pretrained(model)
    few = {"N": 10, "SEQUENCES": 4}
    run = run_walkthrough(model, notebooks=folder, build=tmp_path / "build", parameters=few)
    assert [outcome.error for outcome in run.outcomes] == [None, None]
    play, loss = run.outcomes
    assert "takes 1 to 31" in str(play.ended) and loss.ended is None
    assert "takes 1 to 31" in (run.folder / "01_loss.html").read_text(encoding="utf-8")


def test_the_index_is_written_whatever_a_result_is_like(tmp_path, monkeypatch, capfd):
    """A chapter of the reader's own that keeps what no claim can be made from."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    cells = [
        "import xarray as xr\nfrom helpers import results",
        "odd = xr.Dataset({'loss': 1.0}, attrs={'model': 'mini', 'revision': 'r'})",
        "results.keep(odd, 'loss'), results.keep(odd, 'loss_blog'), results.keep(odd, 'scores')",
    ]
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbformat.write(
        new_notebook(cells=[new_code_cell(cell) for cell in cells]), folder / "01_odd.ipynb"
    )
    run = run_walkthrough("mini", notebooks=folder, build=tmp_path / "build")
    assert [outcome.error for outcome in run.outcomes] == [None]
    assert (run.folder / "index.html").is_file()
    assert xr.open_dataset(run.folder / "data" / "loss.nc").attrs["model"] == "mini"
    assert "claims of this run cannot be judged" in capfd.readouterr().err
