import pytest
import torch
from unchecked import unchecked

from helpers import sample_text
from helpers.inputs import bos_token, load_paragraphs, reads_english
from helpers.metrics import token_log_probs
from helpers.mini.language import MarkovLanguage


def test_the_paragraphs_are_many_old_and_different():
    paragraphs = load_paragraphs()
    assert len(paragraphs) >= 32 and len({p.text for p in paragraphs}) == len(paragraphs)
    assert len({p.title for p in paragraphs}) >= 10
    for paragraph in paragraphs:
        assert paragraph.year < 1925
        assert 95 <= len(paragraph.text.split()) <= 160
        assert paragraph.text == " ".join(paragraph.text.split())


def test_mini_gets_the_language_it_was_trained_on(mini):
    assert not reads_english(mini)
    sample = sample_text(mini, length=60, sequences=8)
    assert sample.tokens.shape == (8, 61) and (sample.tokens[:, 0] == bos_token(mini)).all()
    assert sample.source == "the random language that it was trained on (586 words)"
    assert sample.titles == ()
    # Nothing can predict it better than its entropy allows, and mini comes close.
    spoken = token_log_probs(mini(sample.tokens), sample.tokens)[:, 2:].mean()
    entropy = MarkovLanguage(mini.d_vocab, torch.arange(2, mini.d_vocab)).entropy
    assert -entropy - 0.5 < spoken < -entropy + 0.1


def test_a_model_without_tokenizer_gets_a_language_of_its_tokens(compiled):
    sample = sample_text(compiled, length=20, sequences=3)
    assert sample.tokens.shape == (3, 21)
    assert sample.tokens[:, 1:].min() >= 1 and (sample.tokens[:, 0] == 0).all()
    assert sample.source == "the random language that mini was trained on (59 words)"


def test_seeded_and_blind_to_the_global_generator(mini):
    state = torch.random.get_rng_state()
    one = sample_text(mini, length=20, seed=1).tokens
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(one, sample_text(mini, length=20, seed=1).tokens)
    assert not torch.equal(one, sample_text(mini, length=20, seed=2).tokens)


def test_first_takes_the_first(mini):
    sample = sample_text(mini, length=9, sequences=3)
    assert sample.length == 9
    assert torch.equal(sample.first(2).tokens, sample.tokens[:2])
    with pytest.raises(ValueError, match="5 sequences of a sample of 3"):
        sample.first(5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 128}, "129 tokens, but mini can read 128: choose length <= 127"),
        ({"length": 0}, "length >= 1"),
        ({"sequences": 0}, "sequences >= 1"),
    ],
)
def test_bad_arguments_name_the_way_out(mini, arguments, message):
    with pytest.raises(ValueError, match=message):
        unchecked(sample_text)(mini, **arguments)


@pytest.mark.pretrained
def test_a_model_that_reads_english_gets_real_paragraphs(smollm2):
    assert reads_english(smollm2)
    sample = sample_text(smollm2)
    assert sample.tokens.shape == (32, 101) and len(sample.titles) == 32
    assert "10 books of 1813 to 1908" in sample.source
    for row, title in zip(sample.tokens[:, 1:], sample.titles, strict=True):
        text = smollm2.tokenizer.decode(row)
        (found,) = [p for p in load_paragraphs() if p.text.startswith(text)]
        assert title == f"{found.title} ({found.author})"
    assert len(sample.first(3).titles) == 3
    with pytest.raises(ValueError, match=r"choose sequences <= 37, or length <= \d+ for all"):
        sample_text(smollm2, sequences=38)
    with pytest.raises(ValueError, match="choose sequences <= 0"):
        sample_text(smollm2, length=500, sequences=1)
