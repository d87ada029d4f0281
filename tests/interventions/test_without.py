"""Removing parts everywhere: exact on the compiled model, and the fast way is the plain way."""

import math

import pytest
import torch
from pytest import approx
from shapes import LLAMA, NEOX
from unchecked import unchecked
from without import predict_without

from helpers import Head, sample_repeated_tokens
from helpers.interventions import sample_random_heads
from helpers.interventions.fast import Removal, run_removals
from helpers.metrics import part_slice
from helpers.models import CleanRun, Site, untrained_model
from helpers.models.compiled import INDUCTION, VOCABULARY

N = 8
GROUPS = [[], [Head(1, 0)], [Head(2, 1), Head(2, 3), Head(0, 5)], [Site("mlp_out", 1)]]
GROUPS_ALL = [*GROUPS, ["L2.attn", "L3H2"]]


@pytest.fixture(scope="module", params=["mini", "llama", "neox"])
def model(request):
    if request.param == "mini":
        return request.getfixturevalue("mini")
    return untrained_model({"llama": LLAMA, "neox": NEOX}[request.param])


@pytest.mark.parametrize("method", ["zero", "mean", "resample"])
def test_replaying_the_tail_is_running_the_whole(model, method, monkeypatch):
    sample = sample_repeated_tokens(model, n=N, sequences=5)
    fast = unchecked(predict_without)(model, sample.tokens, GROUPS_ALL, method=method)
    monkeypatch.setattr(model.now, "checked", "a test asked for it.")
    plain = unchecked(predict_without)(model, sample.tokens, GROUPS_ALL, method=method)
    assert torch.allclose(fast, plain, atol=1e-4)
    # Every removal does something.
    assert float((fast[1:] - fast[0]).abs().amax((1, 2)).min()) > 1e-4


def test_a_replay_that_differs_is_found_out_once_and_not_used(mini, monkeypatch, recwarn):
    """The self-check is one a model: it warns the first time and is remembered."""
    sample = sample_repeated_tokens(mini, n=N, sequences=3)
    right = predict_without(mini, sample.tokens, GROUPS)
    honest = CleanRun.block
    monkeypatch.setattr(
        CleanRun, "block", lambda run, layer, x, **where: 1.1 * honest(run, layer, x, **where)
    )
    monkeypatch.setattr(mini.now, "checked", None)
    with pytest.warns(UserWarning, match="mini is run whole for each change.*differs by"):
        found = predict_without(mini, sample.tokens, GROUPS)
    again = predict_without(mini, sample.tokens, GROUPS)
    assert torch.equal(found, again) and torch.allclose(found, right, atol=1e-4)
    assert len(recwarn) == 0


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


def test_random_heads_match_by_layer(mini):
    group = [Head(1, 0), Head(1, 3), Head(2, 5)]
    drawn = sample_random_heads(group, mini, draws=30, seed=1)
    assert len(drawn) == 30
    for heads in drawn:
        assert [head.layer for head in heads] == [1, 1, 2]
        assert len(set(heads)) == 3 and not set(heads) & set(group)
    assert drawn == sample_random_heads(group, mini, draws=30, seed=1)
    assert len({tuple(heads) for heads in drawn}) > 15
    most = [Head(1, h) for h in range(6)]  # two others are left: the whole layer is drawn from
    assert all(len(set(heads)) == 6 for heads in sample_random_heads(most, mini, draws=5))
    spared = sample_random_heads(group, mini, exclude=[Head(1, 7)])
    assert all(Head(1, 7) not in heads for heads in spared)


def test_bad_requests_name_the_way_out(mini):
    tokens = sample_repeated_tokens(mini, n=N, sequences=1).tokens
    with pytest.raises(ValueError, match="at least 2"):
        unchecked(predict_without)(mini, tokens, [[Head(0, 0)]])
    with pytest.raises(ValueError, match="L9H0 does not exist"):
        unchecked(predict_without)(mini, tokens, [[Head(9, 0)]], method="zero")
    with pytest.raises(ValueError, match="not what a layer writes"):
        unchecked(predict_without)(mini, tokens, [[Site("resid_pre", 0)]], method="zero")
    with pytest.raises(ValueError, match="named twice"):
        sample_random_heads([Head(0, 0), Head(0, 0)], mini)
    with pytest.raises(ValueError, match="not watched"):
        sample_random_heads([Head(0, 0)], mini, exclude=[Head(0, h) for h in range(8)])


@pytest.mark.parametrize("method", ["mean", "resample"])
def test_running_a_few_sequences_still_takes_from_all(mini, method):
    tokens = sample_repeated_tokens(mini, n=N, sequences=6).tokens
    whole = predict_without(mini, tokens, GROUPS, method=method)
    few = predict_without(mini, tokens, GROUPS, method=method, first=2)
    assert few.shape[1] == 2 and torch.allclose(few, whole[:, :2], atol=1e-4)


def test_what_removals_share_is_run_once(mini, monkeypatch):
    """Blocks called: 4 for the clean run; then from the layer in which a group differs on."""
    tokens = sample_repeated_tokens(mini, n=N, sequences=2).tokens
    called = []
    block = CleanRun.block
    monkeypatch.setattr(
        CleanRun,
        "block",
        lambda run, layer, x, **where: called.append(layer) or block(run, layer, x, **where),
    )
    groups = [
        [Head(0, 1), Head(2, 2)],  # 0 1 2 3
        [],  # nothing
        [Head(0, 1), Head(3, 3)],  # layer 0 as above: 2 3, or the other way round
        [Head(3, 0)],  # 3
    ]
    removals = [Removal(group, "zero") for group in groups]
    assert mini.now.checked == ""  # so that the self-check's blocks are not among them
    found = run_removals(mini, tokens, removals)
    assert sorted(called) == [0, 1, 2, 2, 3, 3, 3]
    for group, log_prob in zip(groups, found, strict=True):
        alone = predict_without(mini, tokens, [group], method="zero")[0]
        assert torch.equal(alone, log_prob)


def test_ways_of_removal_are_not_mistaken_for_one_another(mini):
    """The same heads by another method, and by a few sequences only, are another removal."""
    tokens = sample_repeated_tokens(mini, n=N, sequences=5).tokens
    group = [Head(0, 1), Head(1, 2)]
    methods = ("zero", "mean", "resample")
    found = run_removals(
        mini, tokens, [Removal(group, way, first) for way in methods for first in (None, 2)]
    )
    for i, way in enumerate(methods):
        alone = predict_without(mini, tokens, [group], method=way)[0]
        assert torch.allclose(found[2 * i], alone, atol=1e-5)
        assert torch.allclose(found[2 * i + 1], alone[:2], atol=1e-5)
    assert not torch.allclose(found[0], found[2], atol=1e-2)


@pytest.mark.parametrize("whole", [False, True])
def test_only_what_is_read_is_unembedded(mini, monkeypatch, whole):
    tokens = sample_repeated_tokens(mini, n=N, sequences=3).tokens
    if whole:
        monkeypatch.setattr(mini.now, "checked", "a test asked for it.")
    read = torch.zeros(3, 2 * N, dtype=torch.bool)
    read[0, 3] = read[2, [5, 9]] = True
    every = predict_without(mini, tokens, [[Head(1, 1)]], method="zero")[0]
    (found,) = run_removals(mini, tokens, [Removal([Head(1, 1)], "zero")], targets=read)
    assert torch.equal(found.isnan(), ~read)
    assert torch.allclose(found[read], every[read], atol=1e-5)
