"""Patching one path: what TransformerLens says of it, and what the compiled model must show."""

import pytest
import torch
from pytest import approx
from shapes import LLAMA, NEOX
from unchecked import unchecked

from helpers import Head, ablate, find_pair, log_probs, patch, patch_path, sample_repeated_tokens
from helpers.chapters.paths import measure_paths
from helpers.chapters.scan import score_heads
from helpers.interventions import PATH_INPUTS
from helpers.metrics import induction_score
from helpers.models import Site, untrained_model
from helpers.models.compiled import INDUCTION, PREVIOUS
from helpers.running import activations, attention_patterns, collect

N = 8


def pattern_of(model, tokens, head):
    return attention_patterns(model, tokens, [head])[0]


@pytest.mark.parametrize("effect", ["direct", "total"])
def test_only_the_key_matters_in_the_compiled_model(compiled, effect):
    sample = sample_repeated_tokens(compiled, n=N, sequences=4)
    uniform = sum(1 / (q + 1) for q in range(N + 1, 2 * N + 1)) / N
    expected = {"query": 1.0, "key": uniform, "value": 1.0, PATH_INPUTS: uniform, (): 1.0}
    for cut, score in expected.items():
        with patch_path(compiled, [PREVIOUS], INDUCTION, input=cut, effect=effect, method="zero"):
            pattern = pattern_of(compiled, sample.tokens, INDUCTION)
        assert induction_score(pattern, N).mean().item() == approx(score, abs=1e-5)


@pytest.mark.parametrize("path", PATH_INPUTS)
def test_a_direct_path_is_what_transformer_lens_cuts(mini, path):
    from transformer_lens.patching import get_act_patch_direct_path

    sample = sample_repeated_tokens(mini, n=N, sequences=4)
    sender, receiver = find_pair(score_heads(mini, sample))
    with patch_path(mini, sender, receiver, input=path, reference=sample):
        ours = pattern_of(mini, sample.tokens, receiver)
    site = Site("z", sender.layer)
    z = collect(mini, sample.tokens, {site: lambda value, _rows: value.clone()})[site]
    patched = z.clone()
    patched[:, 1:, sender.head] = z[:, 1:, sender.head].mean(0)
    patterns = []
    with mini.hooked({Site("pattern", receiver.layer): lambda p: patterns.append(p.clone())}):
        get_act_patch_direct_path(
            mini.bridge,
            sample.tokens,
            {site.hook_name: patched},
            {site.hook_name: z},
            lambda _logits: torch.tensor(0.0),
            sender.layer,
            sender.head,
            component={"query": "q", "key": "k", "value": "v"}[path],
            verbose=False,
        )
    # It goes through every later head in turn; the receiver's own run is one of them.
    place = (receiver.layer - sender.layer - 1) * mini.n_heads + receiver.head
    assert torch.allclose(patterns[place][:, receiver.head], ours, atol=1e-5)


@pytest.mark.parametrize("shape", ["mini", "llama", "neox"])
@pytest.mark.parametrize("effect", ["direct", "total", "indirect"])
def test_a_cut_key_is_made_from_the_stream_that_the_effect_says(mini, shape, effect):
    """By hand: the stream, what the senders write in it, and what others make of that."""
    model = mini if shape == "mini" else untrained_model({"llama": LLAMA, "neox": NEOX}[shape])
    sample = sample_repeated_tokens(model, n=N, sequences=4)
    senders, receiver = [Head(0, 1), Head(1, 0)], Head(model.n_layers - 1, 2)
    before, weights = f"L{receiver.layer}.resid_pre", model.head_weights(receiver)
    own = torch.tensor(activations(model, sample, before).values)
    with ablate(model, senders, reference=sample):
        without = torch.tensor(activations(model, sample, before).values)
    less = torch.zeros_like(own)
    for sender in senders:
        z = torch.tensor(activations(model, sample, sender).values)
        less[:, 1:] += ((z.mean(0) - z) @ model.head_weights(sender).W_O)[:, 1:]
    stream = {"direct": own + less, "total": without, "indirect": without - less}[effect]
    key = model.normalize(stream, receiver.layer) @ weights.W_K + weights.b_K
    with patch(model, Site("k", receiver.layer), key[:, :, None]):
        by_hand = pattern_of(model, sample.tokens, receiver)
    with patch_path(model, senders, receiver, effect=effect, reference=sample):
        ours = pattern_of(model, sample.tokens, receiver)
    assert torch.allclose(ours, by_hand, atol=1e-5)
    assert not torch.allclose(ours, pattern_of(model, sample.tokens, receiver), atol=1e-3)


@pytest.mark.parametrize("shape", ["mini", "llama", "neox"])
def test_all_inputs_cut_in_total_is_what_the_head_does_without_the_senders(mini, shape):
    """Shared keys, rotated positions, parallel attention: the same on every family."""
    model = mini if shape == "mini" else untrained_model({"llama": LLAMA, "neox": NEOX}[shape])
    sample = sample_repeated_tokens(model, n=N, sequences=4)
    last = model.n_layers - 1
    senders, receiver = [Head(0, 1), Head(last - 1, 0)], Head(last, 2)
    clean = pattern_of(model, sample.tokens, receiver)
    with patch_path(model, senders, receiver, input=(), effect="total", reference=sample):
        assert torch.equal(pattern_of(model, sample.tokens, receiver), clean)
    with patch_path(model, senders, receiver, input=PATH_INPUTS, effect="total", reference=sample):
        cut, others = (pattern_of(model, sample.tokens, h) for h in (receiver, Head(last, 0)))
        (z,) = collect(
            model, sample.tokens, {Site("z", last): lambda z, _rows: z[:, :, 2].clone()}
        ).values()
    with ablate(model, senders, reference=sample):
        removed = pattern_of(model, sample.tokens, receiver)
        (z_removed,) = collect(
            model, sample.tokens, {Site("z", last): lambda z, _rows: z[:, :, 2].clone()}
        ).values()
    assert torch.allclose(cut, removed, atol=1e-5) and not torch.allclose(cut, clean, atol=1e-5)
    assert torch.allclose(z, z_removed, atol=1e-4)
    assert torch.equal(others, pattern_of(model, sample.tokens, Head(last, 0)))


def test_what_the_receiver_does_differently_reaches_the_rest(mini):
    """Putting in what the patched head gathered gives the same loss as patching the path."""
    sample = sample_repeated_tokens(mini, n=N, sequences=4)
    sender, receiver = Head(0, 1), Head(1, 1)
    site = Site("z", receiver.layer)
    with patch_path(mini, sender, receiver, effect="total", reference=sample):
        inside = log_probs(mini, sample)
        (z,) = collect(
            mini, sample.tokens, {site: lambda value, _rows: value[:, :, 1].clone()}
        ).values()
    with patch(mini, receiver, z):
        assert abs(log_probs(mini, sample) - inside).max() < 1e-5
    assert abs(log_probs(mini, sample) - inside).max() > 0.1


def test_bad_requests_name_the_way_out(mini):
    with pytest.raises(ValueError, match="no path"), patch_path(mini, "L1H0", "L1H1"):
        pass
    with pytest.raises(ValueError, match="query, key, value"):
        next(unchecked(patch_path)(mini, "L0H0", "L1H1", input="keys"))
    with pytest.raises(ValueError, match="direct, total"):
        next(unchecked(patch_path)(mini, "L0H0", "L1H1", effect="both"))


@pytest.mark.parametrize("shape", ["mini", "llama", "neox"])
def test_all_cuts_from_two_runs_are_those_of_whole_runs(mini, monkeypatch, shape):
    """Senders in several layers, one of them no earlier than a receiver; small batches."""
    model = mini if shape == "mini" else untrained_model({"llama": LLAMA, "neox": NEOX}[shape])
    sample = sample_repeated_tokens(model, n=N, sequences=5, seed=1)
    monkeypatch.setattr("helpers.chapters.paths.measure.sequences_at_once", lambda *_: 2)
    senders, receivers = ["L0H1", "L1H0", "L0H3"], ["L1H2", "L2H0"]
    for method in ("mean", "resample"):
        fast = measure_paths(model, sample, senders, receivers, method=method)
        with monkeypatch.context() as plainly:
            plainly.setattr(model.now, "checked", "a test asked for it.")
            plain = measure_paths(model, sample, senders, receivers, method=method)
        for name in ("score", "loss_change"):
            assert abs(fast[name] - plain[name]).max() < 1e-5
        moved = abs(plain["score"] - plain["score"].sel(cut="nothing")).max("sequence")
        assert (moved.sel(cut="key").max("head_name") > 1e-3).all()
