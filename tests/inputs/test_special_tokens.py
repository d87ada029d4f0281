"""Tokenizers of other kinds: SentencePiece's space, added special tokens, rows without a token."""

from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from helpers import load_model, predict_next, sample_repeated_tokens, sample_text
from helpers.chapters.circuit.accuracies import sample_tokens
from helpers.chapters.text.measure_perturbed import _unused_tokens
from helpers.inputs import (
    bos_token,
    label_tokens,
    listed_tokens,
    ordinary_tokens,
    read_tokens,
    sample_unrepeated_tokens,
)
from helpers.models import untrained_network
from tests.shapes import LLAMA

ADDED = [f"<|extra_{i}|>" for i in range(9)]
WORDS = ["▁the", "the", "▁", "▁a", "<0x0A>", "▁king", "▁▁"]
ROWS = LLAMA.vocab_size
SIZE = 280
"""Tokens that the tokenizer has; the embedding has 300 rows."""


def llama_like(**special):
    names = ["<unk>", "<s>", "</s>", *WORDS]
    names += [f"▁w{i}" for i in range(SIZE - len(names) - len(ADDED))]
    tokenizer = Tokenizer(
        models.BPE({name: i for i, name in enumerate(names)}, [], byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in ADDED])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def saved(where, **special):
    untrained_network(LLAMA).save_pretrained(where)
    llama_like(**special).save_pretrained(where)
    return str(where)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    where = tmp_path_factory.mktemp("llama-like")
    return load_model(saved(where, bos_token="<s>", eos_token="</s>", unk_token="<unk>"))


@pytest.fixture(scope="module")
def added(model):
    ids = model.tokenizer.convert_tokens_to_ids(ADDED)
    assert len(set(ids)) == 9 and not set(ids) & set(model.tokenizer.all_special_ids)
    return torch.tensor(ids)


def ids_of(model, *names):
    return torch.tensor(model.tokenizer.convert_tokens_to_ids([*names]))


def test_a_space_that_decoding_leaves_out_is_shown(model):
    labels = label_tokens(model, ids_of(model, "▁the", "the", "▁", "▁▁", "<0x0A>"))
    assert labels == ["·the", "the", "·", "··", "↵"]


def test_a_row_without_a_token_is_named_by_its_number(model):
    assert label_tokens(model, torch.tensor([SIZE, 299])) == [f"t{SIZE}", "t299"]
    assert "None" not in predict_next(model, torch.tensor([1, 5, 6]), k=ROWS)["token"].tolist()


def test_what_is_added_and_what_is_no_token_is_not_ordinary(model, added):
    ordinary = ordinary_tokens(model)
    assert not torch.isin(ordinary, added).any()
    assert ordinary.max() < SIZE and not torch.isin(ordinary, torch.tensor([0, 1, 2])).any()
    assert len(ordinary) == SIZE - 3 - 9


DRAWS = {
    "repeated": lambda m: sample_repeated_tokens(m, n=60, sequences=40).tokens[:, 1:],
    "unrepeated": lambda m: sample_unrepeated_tokens(m, n=60, sequences=40)[:, 1:],
    "circuit": lambda m: sample_tokens(m, 250, 0),
    "text": lambda m: sample_text(m, length=60, sequences=5).tokens[:, 1:],
    "perturbed": lambda m: _unused_tokens(m, sample_repeated_tokens(m, n=20, sequences=9), 200),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_added_special_tokens_are_never_drawn(model, added, draw, monkeypatch):
    if draw == "text":  # drawn, not read: as for a tokenizer that knows no English
        monkeypatch.setattr("helpers.inputs.ordinary_text.reads_english", lambda _: False)
    drawn = DRAWS[draw](model)
    assert not torch.isin(drawn, added).any()
    assert drawn.max() < SIZE


def test_a_seed_draws_what_it_drew_but_for_special_tokens(model, added):
    """The order is drawn over all that is listed, and special ones are passed over."""
    listed = listed_tokens(model)
    generator = torch.Generator().manual_seed(7)
    found = sample_repeated_tokens(model, n=20, sequences=6, seed=7).tokens[:, 1:21]
    for row in found:
        order = listed[torch.randperm(len(listed), generator=generator)]
        assert row.tolist() == [i for i in order.tolist() if i not in added.tolist()][:20]


def test_holes_in_a_vocabulary_are_no_tokens(tmp_path):
    """A tokenizer whose ids leave some out: the highest is above how many there are."""
    untrained_network(LLAMA).save_pretrained(tmp_path)
    names = {"<s>": 0, "▁a": 1, "▁b": 3, "▁c": 9}
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE(names, [])), bos_token="<s>"
    ).save_pretrained(tmp_path)
    model = load_model(str(tmp_path))
    assert ordinary_tokens(model).tolist() == [1, 3, 9]
    assert label_tokens(model, torch.tensor([1, 2, 9])) == ["·a", "t2", "·c"]


def test_a_tokenizer_without_a_start_is_an_error_before_any_work(tmp_path, monkeypatch):
    model = load_model(saved(tmp_path, unk_token="<unk>"))
    monkeypatch.setattr(type(model), "run", lambda *_, **__: pytest.fail("it was run"))
    for call in (
        lambda: bos_token(model),
        lambda: read_tokens(model, "the king"),
        lambda: predict_next(model, "the king"),
        lambda: sample_repeated_tokens(model, n=5),
        lambda: sample_unrepeated_tokens(model, n=5),
        lambda: sample_text(model, length=5),
    ):
        with pytest.raises(ValueError, match="no BOS and no EOS token"):
            call()


def test_eos_starts_where_there_is_no_bos(tmp_path):
    model = load_model(saved(tmp_path, eos_token="</s>"))
    assert bos_token(model) == 2
    assert sample_repeated_tokens(model, n=5, sequences=2).tokens[:, 0].tolist() == [2, 2]


def test_a_run_says_so_before_its_first_kernel(tmp_path, monkeypatch):
    from helpers.run import run_walkthrough, walkthrough

    monkeypatch.setattr(walkthrough, "run_notebook", lambda *_, **__: pytest.fail("a kernel ran"))
    where = saved(tmp_path / "startless", unk_token="<unk>")
    with pytest.raises(ValueError, match="no BOS and no EOS token"):
        run_walkthrough(
            where, notebooks=Path("notebooks"), build=tmp_path / "build", parameters={"N": 10}
        )
    assert not list(tmp_path.glob("build/*/*.html"))
