"""The fast grid gives what one run of the whole model for each cell gives."""

import math

import pytest
import torch
from shapes import LLAMA, NEOX
from transformers import GPT2Config

from helpers import Head, Model, ablate, sample_repeated_tokens
from helpers.chapters.mlps import ablate_positions, ablate_second_half
from helpers.interventions import ABLATION_METHODS, AblationValues
from helpers.interventions.fast import (
    COMPONENTS,
    grid,
    replace_one,
    replace_positions,
    replace_second_half,
)
from helpers.metrics import part_slice
from helpers.models import CleanRun, Site, UnsupportedModelError, untrained_model
from helpers.models.compiled import INDUCTION, VOCABULARY
from helpers.running import predict

N = 5
EXACT = 1e-4


def take(model, tokens, component, method):
    sites = [Site(component, layer) for layer in range(model.n_layers)]
    return AblationValues(model, tokens, sites, method=method)


def plainly(model, monkeypatch, function, *args):
    """The same with one run of the whole model a cell."""
    with monkeypatch.context() as patch:
        patch.setattr(model.now, "checked", "a test asked for it.")
        return function(model, *args)


@pytest.fixture(scope="module", params=["mini", "llama", "neox"])
def model(request) -> Model:
    if request.param == "mini":
        return request.getfixturevalue("mini")
    return untrained_model({"llama": LLAMA, "neox": NEOX}[request.param])


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("method", ABLATION_METHODS)
def test_fast_is_plain(model, component, method, monkeypatch):
    tokens = sample_repeated_tokens(model, n=N, sequences=3, seed=2).tokens
    values = take(model, tokens, component, method)
    units = model.n_heads if component == "z" else 1
    fast = replace_positions(model, tokens, N, values, component)
    plain = plainly(model, monkeypatch, replace_positions, tokens, N, values, component)
    assert fast.shape == (3, model.n_layers, units, N, N)
    assert (fast - plain).abs().max() < EXACT
    assert plain.abs().max() > 100 * EXACT  # it does something: the comparison means something
    whole = replace_second_half(model, tokens, N, values, component)
    whole_plain = plainly(model, monkeypatch, replace_second_half, tokens, N, values, component)
    assert (whole - whole_plain).abs().max() < EXACT
    assert whole_plain.abs().max() > 100 * EXACT


@pytest.mark.parametrize("room", [1, 3, 1000])
def test_how_the_work_is_cut_does_not_matter(mini, monkeypatch, room):
    """Parts of the sequences, parts of the heads, neighbours together or alone."""
    tokens = sample_repeated_tokens(mini, n=21, sequences=3, seed=1).tokens
    values = take(mini, tokens, "z", "mean")
    whole = replace_positions(mini, tokens, 21, values, "z")
    monkeypatch.setattr(Model, "tokens_at_once", room * mini.n_layers * 21 // 2)
    monkeypatch.setattr(grid, "_TOGETHER", 10**6 if room > 1 else 1)
    assert (replace_positions(mini, tokens, 21, values, "z") - whole).abs().max() < EXACT


def test_a_sample_of_cells_at_the_size_of_gpt2():
    model = untrained_model(GPT2Config(bos_token_id=0, eos_token_id=0))
    n = 10
    sample = sample_repeated_tokens(model, n=n, sequences=2, seed=3)
    values = take(model, sample.tokens, "mlp_out", "zero")
    effect = replace_positions(model, sample.tokens, n, values, "mlp_out")
    clean = predict(model, sample.tokens, targets=part_slice("second_blog", n)).log_prob
    for layer, position in [(0, n + 1), (3, n + 4), (7, n + 1), (11, n + 5), (11, 2 * n)]:
        site, at = Site("mlp_out", layer), slice(position, position + 1)
        value = values.at(site, slice(None), at)
        cell = clean - replace_one(model, sample.tokens, n, value, part=site, positions=at)
        assert (effect[:, layer, 0, position - n - 1] - cell).abs().max() < EXACT
        assert position == 2 * n or cell.abs().max() > 10 * EXACT


def test_only_what_a_replacement_can_reach_changes(model):
    tokens = sample_repeated_tokens(model, n=N, sequences=2, seed=2).tokens
    for component in COMPONENTS:
        values = take(model, tokens, component, "zero")
        effect = replace_positions(model, tokens, N, values, component)
        later = torch.ones(N, N, dtype=torch.bool).triu(1)
        next_one = later.tril(1)
        assert effect[..., ~later].abs().max() == 0
        # The last layer mixes no positions any more.
        assert effect[:, -1, :, later & ~next_one].abs().max() == 0
        assert effect[:, -1, :, next_one].abs().max() > 0
        whole = replace_second_half(model, tokens, N, values, component)
        assert whole[..., 0].abs().max() == 0  # the boundary is predicted before the second half
        assert torch.allclose(effect[:, -1].sum(-2), whole[:, -1], atol=EXACT)


def test_by_hand_on_the_compiled_model(compiled):
    """Without the induction head's output a position knows nothing: ln 60 instead of some 0.003.

    The model keeps no cache that could be replayed: the plain way, and it says so once.
    """
    n = 3
    tokens = sample_repeated_tokens(compiled, n=n, sequences=2).tokens
    values = take(compiled, tokens, "z", "zero")
    compiled.now.checked = None
    with pytest.warns(UserWarning, match="compiled is run whole for each change"):
        effect = replace_positions(compiled, tokens, n, values, "z")
    hurts = math.log(VOCABULARY) - math.log(1 + (VOCABULARY - 1) * math.exp(-10))
    expected = torch.zeros(2, compiled.n_layers, compiled.n_heads, n, n)
    for i in range(n - 1):
        expected[:, INDUCTION.layer, INDUCTION.head, i, i + 1] = hurts
    assert (effect - expected).abs().max() < EXACT
    whole = replace_second_half(compiled, tokens, n, values, "z")
    assert (whole - expected.sum(-2)).abs().max() < EXACT


def test_inside_an_intervention_nothing_is_replayed(mini, monkeypatch):
    """The grid of the model without a head is not the clean one, and is its plain one."""
    tokens = sample_repeated_tokens(mini, n=N, sequences=2, seed=2).tokens
    monkeypatch.setattr(CleanRun, "block", lambda *_args, **_where: pytest.fail("replayed"))
    with ablate(mini, Head(1, 1), method="zero"):
        values = take(mini, tokens, "mlp_out", "zero")
        inside = replace_positions(mini, tokens, N, values, "mlp_out")
    monkeypatch.undo()
    outside = replace_positions(mini, tokens, N, take(mini, tokens, "mlp_out", "zero"), "mlp_out")
    assert (inside - outside).abs().max() > 100 * EXACT


def test_every_step_is_as_much_work(mini):
    for n in (2, 3, 20, 50):
        steps = list(grid._balanced(mini, n, slice(0, 1), range(1)))
        places = sorted(i for groups in steps for group in groups for i in group)
        assert places == list(range(n - 1))
        if n == 50:
            work = [
                sum(len(g) * (n - 1 - g[0]) for g in groups) for groups in steps if len(groups) > 1
            ]
            assert max(work) < 1.35 * min(work)


def test_labels_and_means(mini):
    sample = sample_repeated_tokens(mini, n=N, sequences=3, seed=2)
    found = ablate_positions(mini, sample)
    assert found["effect"].dims == ("sequence", "layer", "position", "target")
    assert found["position"].to_numpy().tolist() == list(range(N + 1, 2 * N + 1))
    by_hand = found["effect"].to_numpy().mean((0, 3))
    assert abs(found["grid_blog"].to_numpy() - by_hand).max() < 1e-6
    assert found.attrs["model"] == "mini" and found.attrs["sequences"] == 3
    assert (found.attrs["component"], found.attrs["method"]) == ("mlp_out", "first_half")
    whole = ablate_second_half(mini, sample, component="z", method="mean")
    assert whole["effect"].dims == ("sequence", "layer", "head", "target")
    assert whole.attrs["method"] == "mean"


def test_a_model_without_mlps_says_so(compiled):
    sample = sample_repeated_tokens(compiled, n=4, sequences=1)
    with pytest.raises(UnsupportedModelError, match="attention-only"):
        ablate_positions(compiled, sample)
