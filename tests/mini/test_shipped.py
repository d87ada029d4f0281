"""What the model that ships must show: repeats, a language, and the double dissociation."""

import json
from contextlib import ExitStack

import pytest
import torch

from helpers import rank_heads, sample_repeated_tokens
from helpers.chapters.loss import measure_loss, summarize_loss
from helpers.chapters.scan import score_heads
from helpers.inputs import bos_token, ordinary_tokens
from helpers.metrics import part_slice
from helpers.mini.language import MarkovLanguage
from helpers.mini.train import SHIPPED, evaluate
from helpers.models import Site
from helpers.running import activations, predict

N = 50


@pytest.fixture(scope="module")
def sample(mini):
    return sample_repeated_tokens(mini, n=N, sequences=32)


@pytest.fixture(scope="module")
def scores(mini, sample):
    return score_heads(mini, sample)


@pytest.fixture(scope="module")
def language(mini):
    return MarkovLanguage(mini.d_vocab, ordinary_tokens(mini))


@pytest.fixture(scope="module")
def text(mini, language):
    spoken = language.sample(32, 2 * N, generator=torch.Generator().manual_seed(99))
    return torch.cat([torch.full((32, 1), bos_token(mini)), spoken], dim=1)


def losses(model, sample, text) -> tuple[float, float]:
    """Second-half loss of the repeats, and loss of the language from the third word on."""
    repeats = predict(model, sample.tokens, batch_size=32).log_prob[:, part_slice("second", N)]
    spoken = predict(model, text, batch_size=32).log_prob[:, 2:]
    return -repeats.mean().item(), -spoken.mean().item()


def losses_without(model, sample, text, sites) -> tuple[float, float]:
    """The same with parts replaced by their mean over sequences, position by position."""
    found = []
    for tokens in (sample.tokens, text):
        with ExitStack() as stack:
            for site, heads in sites.items():
                mean = torch.tensor(activations(model, tokens, site).values).mean(0)
                stack.enter_context(model.hooked({site: _put(mean, heads)}))
            found.append(losses(model, sample, text)[0 if tokens is sample.tokens else 1])
    return found[0], found[1]


def _put(mean, heads):
    def edit(activation):
        edited = activation.clone()
        if heads is None:
            edited[:] = mean
        else:
            edited[:, :, heads] = mean[:, heads]
        return edited

    return edit


def test_it_is_small_and_complete():
    weights = SHIPPED / "model.safetensors"
    assert weights.stat().st_size <= 8_000_000
    for name in ("config.json", "tokenizer.json", "README.md", "training.json"):
        assert (SHIPPED / name).is_file()
    log = json.loads((SHIPPED / "training.json").read_text())
    assert log["minutes"] < 30 and len(log["curve"]) > 10
    assert log["curve"][0]["second_accuracy"] < 0.05 < log["curve"][-1]["second_accuracy"]


def test_it_repeats(mini, sample):
    summary = summarize_loss(measure_loss(mini, sample))
    assert summary.loc["first", "accuracy"] < 0.02
    assert summary.loc["second", "accuracy"] > 0.95


def test_it_has_the_two_kinds_of_heads(scores):
    previous = rank_heads(scores, by="previous_token").iloc[0]
    induction = rank_heads(scores, by="induction").iloc[0]
    assert previous["previous_token"] > 0.8 and induction["induction"] > 0.8
    assert previous["head"].layer < induction["head"].layer


def test_it_speaks_better_than_bigrams_can(mini, sample, text, language):
    """Knowing only the last word, its successors of all classes are equally likely."""
    _, spoken = losses(mini, sample, text)
    uniform = torch.log(torch.tensor(float(len(language.words)))).item()
    assert language.entropy < spoken < language.entropy + 0.5 < uniform


def test_double_dissociation(mini, sample, text, scores):
    """Later MLPs: language, not repeats. Induction heads: repeats, not language."""
    repeats, spoken = losses(mini, sample, text)
    one = {Site("mlp_out", 1): None}
    repeats_one, spoken_one = losses_without(mini, sample, text, one)
    all_later = {Site("mlp_out", layer): None for layer in range(1, mini.n_layers)}
    repeats_mlp, spoken_mlp = losses_without(mini, sample, text, all_later)
    ranking = rank_heads(scores)
    heads: dict[Site, list[int]] = {}
    for head in ranking["head"][ranking["induction"] > 0.3]:
        heads.setdefault(Site("z", head.layer), []).append(head.head)
    repeats_heads, spoken_heads = losses_without(mini, sample, text, heads)
    assert spoken_one - spoken > 0.3 and repeats_one - repeats < 0.02
    assert spoken_mlp - spoken > 2.0 and repeats_mlp - repeats < 1.0
    assert repeats_heads - repeats > 3.0 and spoken_heads - spoken < 0.1


def test_the_loss_curve_is_this_models(mini, language):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(SHIPPED).eval()
    last = json.loads((SHIPPED / "training.json").read_text())["curve"][-1]
    now = evaluate(model, language, bos=bos_token(mini))
    for name, value in now.items():
        assert abs(value - last[name]) < 0.02, name
