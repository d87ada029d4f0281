"""The recipe at work, small enough for a test."""

import json

import pytest
import torch

from helpers import load_model
from helpers.mini.tokenizer import build_tokenizer, load_words
from helpers.mini.train import Recipe, pick_length, sample_repeats, save, shrink_heads, train

TINY = Recipe(steps=12, tokens=512, n_layer=2, n_head=2, n_embd=32, n_positions=64)


@pytest.fixture(scope="module")
def trained():
    return train(TINY)


def test_words_are_few_short_and_different():
    words = load_words()
    assert 450 <= len(words) <= 600 and len(set(words)) == len(words)
    assert max(len(word) for word in words) <= 8 and all(w == w.lower() for w in words)


def test_the_tokenizer_knows_whole_words():
    tokenizer = build_tokenizer(context=64)
    ids = tokenizer("The dog, unseen")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["the", "dog", ",", "<unk>"]
    assert len(tokenizer) == len(load_words()) + 2


def test_repeats_repeat_without_repeats_inside():
    rows = sample_repeats(torch.arange(100), 20, 40, generator=torch.Generator().manual_seed(0))
    periods = set()
    for row in rows.tolist():
        period = row.index(row[0], 1)
        assert len(set(row[:period])) == period
        assert all(row[t] == row[t - period] for t in range(period, 40))
        periods.add(period)
    assert min(periods) >= 6 and max(periods) <= 20 and len(periods) > 5


def test_sequences_grow_up_to_the_context():
    generator = torch.Generator().manual_seed(0)
    early = {pick_length(0.1, TINY, generator=generator) for _ in range(50)}
    late = {pick_length(0.9, TINY, generator=generator) for _ in range(50)}
    assert max(early) < max(late) == TINY.n_positions - 1


def test_shrinking_takes_the_same_norm_off_every_head(trained):
    from copy import deepcopy

    model = deepcopy(trained[0])
    weight = model.transformer.h[0].attn.c_proj.weight
    before = weight.detach().view(2, 16, 32).flatten(1).norm(dim=1)
    shrink_heads(model, 0.1)
    after = weight.detach().view(2, 16, 32).flatten(1).norm(dim=1)
    assert torch.allclose(before - after, torch.tensor([0.1, 0.1]), atol=1e-5)
    shrink_heads(model, 1e9)
    assert weight.abs().max() == 0


def test_training_is_seeded_and_learns(trained):
    model, curve = trained
    again, _ = train(TINY)
    for one, two in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-5)
    assert curve[-1]["step"] == 12
    assert curve[-1]["train_loss"] < torch.log(torch.tensor(588.0))  # below knowing nothing


def test_saving_is_all_or_nothing_and_loads(trained, tmp_path):
    model, curve = trained
    into = tmp_path / "model"
    into.mkdir()
    (into / "README.md").write_text("a card")
    save(model, TINY, curve, into, 0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (into / "README.md").read_text() == "a card"
    assert json.loads((into / "training.json").read_text())["recipe"]["steps"] == 12
    loaded = load_model(str(into))
    assert (loaded.n_layers, loaded.n_heads, loaded.n_ctx) == (2, 2, 64)
