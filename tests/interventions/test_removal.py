"""Removing parts everywhere: exact on the compiled model, and the fast way is the plain way."""

import math

import pytest
import torch
from compiled import INDUCTION, PREVIOUS, VOCABULARY
from pytest import approx
from shapes import LLAMA, NEOX
from unchecked import unchecked

from helpers import Head, sample_repeated_tokens
from helpers.interventions import Removals, draw_matched, predict_without, reduce_without, stand_ins
from helpers.interventions import removal as module
from helpers.metrics import induction_score, part_slice
from helpers.models import NotReplayableError, Site, untrained_model

N = 8
GROUPS = [[], [Head(1, 0)], [Head(2, 1), Head(2, 3), Head(0, 5)], [Site("mlp_out", 1)]]
GROUPS_ALL = [*GROUPS, [Site("attn_out", 2), Head(3, 2)]]


@pytest.fixture(scope="module", params=["mini", "llama", "neox"])
def model(request):
    if request.param == "mini":
        return request.getfixturevalue("mini")
    return untrained_model({"llama": LLAMA, "neox": NEOX}[request.param])


@pytest.mark.parametrize("method", ["zero", "mean", "resample"])
def test_replaying_the_tail_is_running_the_whole(model, method, monkeypatch):
    sample = sample_repeated_tokens(model, n=N, sequences=5)
    fast = predict_without(model, sample.tokens, GROUPS_ALL, method=method)

    def refuse(*_args):
        raise NotReplayableError("a test asked for it.")

    monkeypatch.setattr(module, "record", refuse)
    with pytest.warns(UserWarning, match="run whole for each group"):
        plain = predict_without(model, sample.tokens, GROUPS_ALL, method=method)
    assert torch.allclose(fast, plain, atol=1e-4)
    assert (
        float((fast[1:] - fast[0]).abs().amax((1, 2)).min()) > 1e-4
    )  # every removal does something


def test_a_replay_that_differs_is_not_used(mini, monkeypatch):
    sample = sample_repeated_tokens(mini, n=N, sequences=3)
    right = predict_without(mini, sample.tokens, GROUPS)
    true = module._replayed
    monkeypatch.setattr(module, "_replayed", lambda *args: true(*args) + 0.1)
    with pytest.warns(UserWarning, match=r"differs by 0\.1 nats"):
        found = predict_without(mini, sample.tokens, GROUPS)
    assert torch.allclose(found, right, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*run whole")
def test_the_compiled_circuit_breaks_where_it_must(compiled):
    """Without L5H5 nothing is written: every token is as likely, ln 60 nats. Others do nothing."""
    sample = sample_repeated_tokens(compiled, n=N, sequences=4)
    targets = part_slice("second", N)
    groups = [[], [INDUCTION], [Head(5, 4), Head(4, 0), Head(11, 11)]]
    clean, without, idle = predict_without(
        compiled, sample.tokens, groups, method="zero", targets=targets
    )
    assert (-clean).mean().item() == approx(math.log(1 + 59 * math.exp(-10)), abs=1e-5)
    assert torch.allclose(-without, torch.tensor(math.log(VOCABULARY)), atol=1e-5)
    assert torch.equal(idle, clean)


def test_without_the_previous_token_head_the_induction_head_looks_everywhere(compiled):
    sample = sample_repeated_tokens(compiled, n=N, sequences=4)
    found = reduce_without(
        compiled,
        sample.tokens,
        [[], [PREVIOUS], [Head(4, 0)]],
        [INDUCTION],
        lambda pattern: induction_score(pattern, N),
        method="zero",
    ).mean(-1)[:, 0]
    uniform = sum(1 / (q + 1) for q in range(N + 1, 2 * N + 1)) / N
    assert found.tolist() == approx([1.0, uniform, 1.0], abs=1e-5)


def test_what_stands_in_by_hand(mini):
    tokens = sample_repeated_tokens(mini, n=N, sequences=3).tokens
    z = torch.arange(3 * 17 * 8 * 24, dtype=torch.float32).view(3, 17, 8, 24)
    for method in ("zero", "mean", "resample"):
        removals = Removals(mini, tokens, [[Head(1, 2)]], method=method)
        if method != "zero":
            kept = removals._value[Site("z", 1)]
            removals._value[Site("z", 1)] = (
                z.mean(0, keepdim=True) if method == "mean" else z[[1, 2, 0]]
            )
            assert kept.shape[1:] == z.shape[1:]
        (edit,) = removals.edits([Head(1, 2)], slice(0, 3)).values()
        edited = edit(z)
        others = [h for h in range(8) if h != 2]
        assert torch.equal(edited[:, :, others], z[:, :, others])
        assert torch.equal(edited[:, 0], z[:, 0])  # BOS keeps its own
        wanted = {"zero": 0 * z, "mean": z.mean(0).expand_as(z), "resample": z[[1, 2, 0]]}[method]
        assert torch.equal(edited[:, 1:, 2], wanted[:, 1:, 2])


def test_resampling_takes_from_another_sequence():
    outputs = torch.arange(6.0).view(1, 6, 1, 1)
    other = stand_ins._stand_in(outputs, "resample", seed=0).flatten()
    assert sorted(other.tolist()) == [0, 1, 2, 3, 4, 5]
    assert (other != outputs.flatten()).all()


def test_random_heads_match_by_layer(mini):
    group = [Head(1, 0), Head(1, 3), Head(2, 5)]
    drawn = draw_matched(group, mini, draws=30, seed=1)
    assert len(drawn) == 30
    for heads in drawn:
        assert [head.layer for head in heads] == [1, 1, 2]
        assert len(set(heads)) == 3 and not set(heads) & set(group)
    assert drawn == draw_matched(group, mini, draws=30, seed=1)
    assert len({tuple(heads) for heads in drawn}) > 15
    most = [Head(1, h) for h in range(6)]  # two others are left: the whole layer is drawn from
    assert all(len(set(heads)) == 6 for heads in draw_matched(most, mini, draws=5))
    assert all(Head(1, 7) not in h for h in draw_matched(group, mini, never=[Head(1, 7)]))


def test_bad_requests_name_the_way_out(mini):
    tokens = sample_repeated_tokens(mini, n=N, sequences=1).tokens
    with pytest.raises(ValueError, match="at least 2"):
        unchecked(predict_without)(mini, tokens, [[Head(0, 0)]])
    with pytest.raises(ValueError, match="zero, mean, resample"):
        unchecked(Removals.__init__)(None, mini, tokens, [[Head(0, 0)]], method="none")
    with pytest.raises(ValueError, match="L9H0 does not exist"):
        unchecked(predict_without)(mini, tokens, [[Head(9, 0)]], method="zero")
    with pytest.raises(ValueError, match="cannot be removed"):
        unchecked(predict_without)(mini, tokens, [[Site("resid_pre", 0)]], method="zero")
    with pytest.raises(ValueError, match="named twice"):
        draw_matched([Head(0, 0), Head(0, 0)], mini)
    with pytest.raises(ValueError, match="not watched"):
        draw_matched([Head(0, 0)], mini, never=[Head(0, h) for h in range(8)])


@pytest.mark.parametrize("method", ["mean", "resample"])
def test_running_a_few_sequences_still_takes_from_all(mini, method):
    tokens = sample_repeated_tokens(mini, n=N, sequences=6).tokens
    whole = predict_without(mini, tokens, GROUPS, method=method)
    few = predict_without(mini, tokens, GROUPS, method=method, first=2)
    assert few.shape[1] == 2 and torch.allclose(few, whole[:, :2], atol=1e-4)
    scores = [
        reduce_without(
            mini,
            tokens,
            GROUPS,
            [Head(1, 1)],
            lambda pattern: induction_score(pattern, N),
            method=method,
            first=first,
        )
        for first in (None, 2)
    ]
    assert torch.allclose(scores[1], scores[0][..., :2], atol=1e-4)
