"""Cutting one path: what TransformerLens says of it, and what the compiled model must show."""

import pytest
import torch
from compiled import INDUCTION, PREVIOUS
from pytest import approx
from unchecked import unchecked

from helpers import Head, find_pair, sample_repeated_tokens, score_heads
from helpers.forward import attention_patterns
from helpers.interventions import PATHS, Removals, cut_paths
from helpers.metrics import induction_score
from helpers.models import Site

N = 8


def test_only_the_key_matters_in_the_compiled_model(compiled):
    sample = sample_repeated_tokens(compiled, n=N, sequences=4)
    cuts = [(), *((path,) for path in PATHS), PATHS]
    uniform = sum(1 / (q + 1) for q in range(N + 1, 2 * N + 1)) / N
    for way in ("direct", "any"):
        received = cut_paths(
            compiled, sample.tokens, [PREVIOUS], INDUCTION, cuts, way=way, method="zero"
        )
        scores = [induction_score(each.pattern, N).mean().item() for each in received]
        assert scores == approx([1.0, 1.0, uniform, 1.0, uniform], abs=1e-5)
        assert torch.equal(received[0].z, received[1].z)


@pytest.mark.parametrize("path", PATHS)
def test_a_direct_path_is_what_transformer_lens_cuts(mini, path):
    from transformer_lens.patching import get_act_patch_direct_path

    sample = sample_repeated_tokens(mini, n=N, sequences=4)
    sender, receiver = find_pair(score_heads(mini, sample))
    (received,) = cut_paths(mini, sample.tokens, [sender], receiver, [(path,)])
    removals = Removals(mini, sample.tokens, [[sender]], method="mean")
    site = Site("z", sender.layer)
    seen = {}
    with mini.hooked({site: lambda z: seen.update(z=z.clone())}):
        mini(sample.tokens)
    (edit,) = removals.edits([sender], slice(None)).values()

    patterns = []
    with mini.hooked({Site("pattern", receiver.layer): lambda p: patterns.append(p.clone())}):
        get_act_patch_direct_path(
            mini.bridge,
            sample.tokens,
            {site.hook_name: edit(seen["z"])},
            {site.hook_name: seen["z"]},
            lambda _logits: torch.tensor(0.0),
            sender.layer,
            sender.head,
            component={"query": "q", "key": "k", "value": "v"}[path],
            verbose=False,
        )
    # It goes through every later head in turn; the receiver's own run is one of them.
    place = (receiver.layer - sender.layer - 1) * mini.n_heads + receiver.head
    assert torch.allclose(patterns[place][:, receiver.head], received.pattern, atol=1e-5)


def test_cutting_nothing_or_cutting_all_by_any_way(mini):
    """All inputs cut by any way: the head does what it does when the senders are removed."""
    sample = sample_repeated_tokens(mini, n=N, sequences=4)
    sender, receiver = Head(0, 1), Head(2, 2)
    none, everything = cut_paths(
        mini, sample.tokens, [sender], receiver, [(), PATHS], way="any", method="zero"
    )
    assert torch.equal(none.pattern, attention_patterns(mini, sample.tokens, [receiver])[0])
    removals = Removals(mini, sample.tokens, [[sender]], method="zero")
    with mini.hooked(removals.edits([sender], slice(None))):
        removed = attention_patterns(mini, sample.tokens, [receiver])[0]
    assert torch.allclose(everything.pattern, removed, atol=1e-5)


def test_bad_requests_name_the_way_out(mini):
    tokens = sample_repeated_tokens(mini, n=N, sequences=2).tokens
    with pytest.raises(ValueError, match="no path"):
        unchecked(cut_paths)(mini, tokens, [Head(1, 0)], Head(1, 1), [("key",)])
    with pytest.raises(ValueError, match="query, key, value"):
        unchecked(cut_paths)(mini, tokens, [Head(0, 0)], Head(1, 1), [("keys",)])
    with pytest.raises(ValueError, match="direct, any"):
        unchecked(cut_paths)(mini, tokens, [Head(0, 0)], Head(1, 1), [], way="both")
