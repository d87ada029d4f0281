import pytest
import torch

from helpers import Head, sample_repeated_tokens
from helpers.metrics import is_top1, token_log_probs
from helpers.models import Site
from helpers.running import (
    attention_patterns,
    collect,
    predict,
    predict_from,
    reduce_patterns,
    sequences_at_once,
)
from helpers.running import next_token as module


@pytest.fixture(scope="module")
def tokens(mini):
    return sample_repeated_tokens(mini, n=9, sequences=5, seed=4).tokens


def test_predictions_are_those_of_the_full_logits(mini, tokens):
    logits = mini(tokens)
    log_prob, top1 = predict(mini, tokens, batch_size=2)
    assert torch.allclose(log_prob, token_log_probs(logits, tokens), atol=1e-4)
    assert torch.equal(top1, is_top1(logits, tokens))


@pytest.mark.parametrize("targets", [slice(0, 3), slice(9, 18), slice(17, 18)])
def test_asking_for_some_targets_gives_those(mini, tokens, targets):
    every = predict(mini, tokens).log_prob
    assert torch.allclose(
        predict(mini, tokens, targets=targets).log_prob, every[:, targets], atol=1e-5
    )


@pytest.mark.parametrize(("rows", "block"), [(1, 588), (7, 100), (1000, 1), (3, 587)])
def test_blocks_of_the_vocabulary_do_not_matter(mini, monkeypatch, rows, block):
    residual = torch.randn(11, mini.d_model, generator=torch.Generator().manual_seed(0))
    logits = mini.unembed(residual)
    ids = logits.argmax(-1)
    ids[::2] = torch.tensor([0, 1, 99, 100, 586, 587])
    monkeypatch.setattr(module, "ROWS", rows)
    monkeypatch.setattr(module, "BLOCK", block)
    log_prob, top1 = predict_from(mini, residual, ids)
    expected = logits.log_softmax(-1).gather(-1, ids[:, None])[:, 0]
    assert torch.allclose(log_prob, expected, atol=1e-4)
    assert top1.tolist() == (logits.argmax(-1) == ids).tolist()


def test_a_tie_for_the_first_choice_is_a_miss(compiled):
    """Where nothing is known all logits of the compiled model are 0."""
    log_prob, top1 = predict_from(compiled, torch.zeros(60, compiled.d_model), torch.arange(60))
    assert torch.allclose(log_prob, torch.tensor(1 / 60).log())
    assert not top1.any()


def test_a_batch_fits_the_cache_and_holds_at_least_one_sequence(mini):
    assert sequences_at_once(mini, 10**9) == 1
    assert sequences_at_once(mini, 64) * 64 <= mini.tokens_at_once


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_batches_do_not_matter(mini, tokens, batch_size):
    one = reduce_patterns(mini, tokens, lambda p, _rows: p[..., -1, 0], batch_size=batch_size)
    assert one.shape == (5, mini.n_layers, mini.n_heads)
    assert torch.allclose(
        one, reduce_patterns(mini, tokens, lambda p, _rows: p[..., -1, 0]), atol=1e-6
    )


def test_patterns_are_distributions_of_the_heads_asked_for(mini, tokens):
    heads = [Head(2, 1), Head(0, 3)]
    patterns = attention_patterns(mini, tokens, heads)
    assert patterns.shape == (2, 5, 19, 19)
    assert torch.allclose(patterns.sum(-1), torch.ones(2, 5, 19), atol=1e-5)
    assert patterns.triu(1).abs().max() == 0
    swapped = attention_patterns(mini, tokens, heads[::-1])
    assert torch.equal(swapped.flip(0), patterns)


def test_a_run_stops_after_the_last_site_that_is_asked_for(mini, tokens):
    seen, later = [], []

    def watch(layer):
        return lambda pattern, rows: seen.append((layer, rows)) or pattern[:, 0, 0]

    with mini.hooked({Site("resid_pre", 2): lambda x: later.append(1)}):
        sites = {Site("pattern", layer): watch(layer) for layer in (1, 0)}
        found = collect(mini, tokens, sites, batch_size=3)
    first, second = slice(0, 3), slice(3, 5)
    assert seen == [(0, first), (1, first), (0, second), (1, second)] and later == []
    assert found[Site("pattern", 1)].shape == (5, 19)


def test_watching_leaves_no_hooks_behind(mini, tokens):
    before = mini(tokens[:1])
    with pytest.raises(KeyError):
        collect(mini, tokens, {Site("pattern", 0): lambda x, rows: {}["missing"]})
    assert torch.equal(mini(tokens[:1]), before)
    assert mini.is_clean and mini.now.first_row == 0


def test_heads_that_do_not_exist_are_named(mini, tokens):
    with pytest.raises(ValueError, match="L99H0 does not exist"):
        attention_patterns(mini, tokens, [Head(99, 0)])
