"""What is tried when a model is loaded: family by family, need by need."""

import json
from functools import lru_cache
from pathlib import Path

import pytest
import torch

from benchmarks.families import FAMILIES, compare, make_network
from helpers import log_probs, patch, patch_path, predict_next, two_head_circuit
from helpers.interventions import AblationValues
from helpers.models import Model, Site, UnsupportedModelError, network_model
from helpers.models.network import plain_settings
from helpers.models.tried import try_network
from helpers.models.wrap import FOLDINGS
from helpers.running import collect, direct_logits, predict
from helpers.weights import copying_accuracy, k_composition, read_by_layer

MEASURED = json.loads(Path("docs/measured/families.json").read_text(encoding="utf-8"))
IN_CI = [
    "gpt2",
    "openai-gpt",
    "opt",
    "bloom",
    "falcon",
    "mistral",
    "qwen3",
    "gemma2, logits capped",
    "olmo2",
    "granite",
    "gpt-oss",
    "mamba",
]
SAME = 1e-4


@lru_cache
def family(name: str) -> Model:
    return network_model(lambda: make_network(name), name, "random weights")


@pytest.fixture
def tokens():
    return torch.randint(1, 190, (4, 13), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", IN_CI)
def test_a_family_is_right_or_refused_as_the_docs_say(name):
    found, told = compare(name), MEASURED[name]
    assert ("refused" in found) == ("refused" in told)
    if "refused" in found:
        return
    assert set(found["fails"]) == set(told["fails"])
    for what in ("log_prob", "pattern", "swap"):
        error = found[what]
        assert error == told[what] if isinstance(error, str) else error < SAME


def test_the_docs_know_every_family():
    assert set(MEASURED) == set(FAMILIES)
    assert len(MEASURED) >= 40


@pytest.mark.parametrize("name", ["gemma2, logits capped", "granite", "cohere"])
def test_what_comes_after_the_unembedding_is_everywhere(name, tokens):
    model = family(name)
    logits = model(tokens)
    right = logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    last = Site("resid_post", model.n_layers - 1)
    stream = collect(model, tokens, {last: lambda value, _rows: value.clone()})[last]
    assert model.unembed(stream).sub(logits).abs().max() < SAME
    assert predict(model, tokens).log_prob.sub(right).abs().max() < SAME
    table = predict_next(model, tokens[:1], k=1)
    assert table["probability"][0] == pytest.approx(float(logits[0, -1].softmax(-1).max()), 1e-4)


def test_direct_logits_are_before_the_cap(tokens):
    model = family("gemma2, logits capped")
    with pytest.raises(UnsupportedModelError, match="between a head's W_O"):
        direct_logits(model, tokens)


REFUSED = {
    "norm after attention": ("gemma2", lambda m, t: direct_logits(m, t)),
    "factor after attention": ("granite", lambda m, t: direct_logits(m, t)),
    "last norm with weights": ("nemotron", lambda m, t: direct_logits(m, t)),
    "last norm with weights, copying": ("glm", lambda m, t: copying_accuracy(m, "L1H1")),
    "norm on queries and keys": ("qwen3", lambda m, t: two_head_circuit(m, "L0H1", "L2H1")),
    "norm on keys, composition": ("olmoe", lambda m, t: k_composition(m)),
    "norm after the embedding": ("bloom", lambda m, t: read_by_layer(m, [1], embedding="raw")),
    "no norm before attention": ("olmo2", lambda m, t: read_by_layer(m, [1], embedding="read")),
    "clipped values": ("olmo, clipped", lambda m, t: collect(m, t, {Site("pattern", 1): _keep})),
}


def _keep(value, _rows):
    return value.clone()


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_be_wrong_is_refused_by_who_needs_it(what, tokens):
    name, call = REFUSED[what]
    with pytest.raises(UnsupportedModelError, match="measured on|has no norm"):
        call(family(name), tokens)


def test_a_site_that_a_family_never_comes_by_is_named(tokens):
    with pytest.raises(UnsupportedModelError, match="never came by L2.resid_post"):
        log_probs(family("openai-gpt"), tokens)


def test_patching_what_has_been_used_already_is_refused(tokens):
    model, site = family("opt"), Site("pattern", 1)
    pattern = collect(model, tokens, {site: _keep})[site]
    with pytest.raises(UnsupportedModelError, match="used already"), patch(model, site, pattern):
        pass


@pytest.mark.parametrize("name", ["gemma2", "granite"])
def test_a_path_through_a_norm_is_refused_and_the_total_works(name, tokens):
    model = family(name)
    with (
        pytest.raises(UnsupportedModelError, match="between a head's W_O"),
        patch_path(model, "L0H1", "L2H1", method="zero", effect="direct"),
    ):
        pass
    with patch_path(model, "L0H1", "L2H1", method="zero", effect="total"):
        model(tokens)


@pytest.mark.parametrize("name", ["gpt2", "opt", "xglm", "gpt-neo"])
@pytest.mark.parametrize("effect", ["total", "direct", "indirect"])
def test_a_path_is_cut_whatever_the_order_of_the_hooks(name, effect, tokens):
    """Against its definition: the receiver's key, made by hand from the changed stream."""
    model = family(name)
    sites = [Site("resid_pre", 2), Site("z", 0)]
    seen = collect(model, tokens, dict.fromkeys(sites, _keep))
    clean, z = (seen[site] for site in sites)
    values = AblationValues(model, tokens, [Site("z", 0)], method="zero")
    with model.intervened("by hand", values.hooks(model, model.parse_heads("L0H1"))):
        without = collect(model, tokens, {Site("resid_pre", 2): _keep})[Site("resid_pre", 2)]
    written = z[:, :, 1] @ model.head_weights(model.parse_head("L0H1")).W_O
    written[:, 0] = 0.0  # the first position is left
    stream = {"total": without, "direct": clean - written, "indirect": without + written}[effect]
    weights = model.head_weights(model.parse_head("L2H1"))
    key = model.normalize(stream, 2) @ weights.W_K + weights.b_K

    def put(keys):
        changed = keys.clone()
        changed[:, :, 1] = key
        return changed

    with model.intervened("by hand", {Site("k", 2): put}):
        right = predict(model, tokens).log_prob
    with patch_path(model, "L0H1", "L2H1", input="key", effect=effect, method="zero"):
        found = predict(model, tokens).log_prob
    assert found.sub(right).abs().max() < SAME
    assert predict(model, tokens).log_prob.sub(right).abs().max() > 3 * SAME


def test_folding_that_changes_the_model_is_left_out(tmp_path):
    """Attention sinks: rows do not sum to 1, so a value's bias is no constant."""
    folded = family("gpt-oss")
    tokens = torch.arange(1, 13)[None]
    with plain_settings():
        right = make_network("gpt-oss")(tokens).logits.log_softmax(-1)
    assert folded(tokens).log_softmax(-1).sub(right).abs().max() < SAME
    assert not folded.fails


def test_a_model_that_no_folding_leaves_alone_is_refused(monkeypatch):
    """As if TransformerLens made another model of it."""
    from helpers.models import tried

    plain = tried._plain
    monkeypatch.setattr(tried, "_plain", lambda *args: plain(*args).roll(1, -1))
    with pytest.raises(UnsupportedModelError, match="does not say what transformers' says"):
        network_model(lambda: make_network("gpt2"), "odd", "random weights")


def test_a_head_that_a_patch_does_not_reach_is_found(monkeypatch):
    from helpers.models import tried

    swap = tried.swap_heads
    monkeypatch.setattr(tried, "swap_heads", lambda *args: swap(*args).roll(1, -1))
    model = network_model(lambda: make_network("gpt2"), "odd", "random weights")
    assert set(model.fails) == {"removal"}
    with (
        pytest.raises(UnsupportedModelError, match="plain transformers"),
        patch(model, "L0H0", 0.0),
    ):
        pass


def test_a_model_once_tried_is_known(tmp_path, monkeypatch):
    from helpers.models import tried
    from helpers.models.network import read_network
    from helpers.models.sources import MINI_DIRECTORY, find_source

    monkeypatch.setenv("HELPERS_CACHE", str(tmp_path))
    source, asked = find_source("mini"), []
    monkeypatch.setattr(
        tried, "try_out", lambda *_: asked.append(1) or {"direct": "so it was said"}
    )
    for _ in range(2):
        model = try_network(lambda: read_network(MINI_DIRECTORY), MINI_DIRECTORY, source, "cpu")
        assert model.fails == {"direct": "so it was said"}
    assert asked == [1]
    (kept,) = tmp_path.rglob("*.json")
    assert json.loads(kept.read_text())["folding"] in FOLDINGS
    kept.write_text('{"folding": ')  # damaged: tried again
    try_network(lambda: read_network(MINI_DIRECTORY), MINI_DIRECTORY, source, "cpu")
    assert asked == [1, 1]
