"""The residual stream of `[BOS, token]`: replayed, kept on disk, looked up."""

import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from shapes import LLAMA, NEOX

from helpers import ablate
from helpers.inputs import bos_token
from helpers.models import CleanRun, Site, untrained_model
from helpers.running import activations
from helpers.weights import token_residuals

residuals = sys.modules["helpers.weights.token_residuals"]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HELPERS_CACHE", str(tmp_path))
    return tmp_path


def by_hand(model, ids, layer):
    inputs = torch.stack([torch.full_like(ids, bos_token(model)), ids], 1)
    kind, at = ("resid_pre", layer) if layer < model.n_layers else ("resid_post", layer - 1)
    return torch.tensor(activations(model, inputs, Site(kind, at)).values)[:, 1]


@pytest.mark.parametrize("shape", ["mini", "llama", "neox"])
def test_they_are_those_of_whole_runs(mini, shape):
    model = mini if shape == "mini" else untrained_model({"llama": LLAMA, "neox": NEOX}[shape])
    ids = torch.tensor([7, 3, 3, 250, 11])
    layers = [2, 0, 1, model.n_layers, 2]
    for layer, found in zip(layers, token_residuals(model, layers, tokens=ids), strict=True):
        assert torch.allclose(found, by_hand(model, ids, layer), atol=1e-4, rtol=1e-4)


def test_the_whole_vocabulary_is_computed_once_and_a_sample_looked_up(mini, own_cache, monkeypatch):
    (whole,) = token_residuals(mini, [2])
    assert whole.shape == (mini.d_vocab, mini.d_model)
    files = [path for path in own_cache.rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["before-2.safetensors"]
    monkeypatch.setattr(residuals, "_replay", lambda *args: pytest.fail("computed again"))
    assert torch.equal(token_residuals(mini, [2])[0], whole)
    ids = torch.tensor([9, 4])
    assert torch.equal(token_residuals(mini, [2, 2], tokens=ids)[1], whole[ids])


def test_nothing_is_kept_of_a_sample_or_of_weights_that_nothing_pins(mini, own_cache):
    token_residuals(mini, [1], tokens=torch.tensor([5, 6, 7, 8, 9]))
    unpinned = replace(mini, source=replace(mini.source, revision="unpinned"))
    token_residuals(unpinned, [1])
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []


def test_an_interrupted_run_leaves_no_file(mini, own_cache, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(residuals, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        token_residuals(mini, [1])
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []


def test_a_cache_that_cannot_be_written_is_said_and_nothing_is_lost(mini, own_cache, monkeypatch):
    (own_cache / "file").write_text("not a folder")
    monkeypatch.setenv("HELPERS_CACHE", str(own_cache / "file"))
    with pytest.warns(UserWarning, match="cannot be written .*HELPERS_CACHE") as said:
        (found,) = token_residuals(mini, [1])
    assert len(said) == 1
    ids = torch.tensor([7, 3])
    assert torch.allclose(found[ids], by_hand(mini, ids, 1), atol=1e-4)


def test_a_full_disk_leaves_no_half_file(mini, own_cache, monkeypatch):
    def full(tensors, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(residuals, "save_file", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        token_residuals(mini, [1])
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("damage", ["half", "other", "shape", "name"])
def test_a_damaged_file_is_computed_anew(mini, own_cache, damage):
    (whole,) = token_residuals(mini, [1])
    (path,) = own_cache.rglob("*.safetensors")
    if damage == "half":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "other":
        path.write_text("not at all")
    else:
        stored = whole[:5].clone() if damage == "shape" else whole
        save_file({"residual" if damage == "shape" else "x": stored}, path)
    assert torch.equal(token_residuals(mini, [1])[0], whole)
    assert torch.equal(load_file(path)["residual"], whole)


def test_a_replay_that_goes_wrong_is_not_used(mini, monkeypatch):
    ids = torch.tensor([7, 3, 250, 11, 12])
    honest = CleanRun.block
    monkeypatch.setattr(
        CleanRun, "block", lambda run, layer, x, **where: 1.1 * honest(run, layer, x, **where)
    )
    monkeypatch.setattr(mini.now, "checked", None)
    with pytest.warns(UserWarning, match="run whole"):
        (found,) = token_residuals(mini, [3], tokens=ids)
    assert torch.allclose(found, by_hand(mini, ids, 3), atol=1e-5)


def test_inside_an_intervention_nothing_kept_is_used_and_nothing_is_kept(mini, own_cache):
    (clean,) = token_residuals(mini, [2])
    with ablate(mini, "L0.mlp", method="zero"):
        (inside,) = token_residuals(mini, [2])
        ids = torch.tensor([4, 9])
        assert torch.allclose(inside[ids], by_hand(mini, ids, 2), atol=1e-5)
    assert not torch.allclose(inside, clean, atol=1e-2)
    assert torch.equal(token_residuals(mini, [2])[0], clean)


def test_a_layer_that_is_not_there_is_named(mini):
    with pytest.raises(ValueError, match="layers 0 to 4, not 5"):
        token_residuals(mini, [5])
