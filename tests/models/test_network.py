"""Weights that are not those of the files: nothing random is taken for a model."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers import load_model
from helpers.models import BrokenModelError, UnsupportedModelError
from helpers.models.directory import name_some
from helpers.models.network import read_network
from helpers.models.sources import MINI_DIRECTORY


@pytest.fixture
def copy(tmp_path):
    where = tmp_path / "copy"
    shutil.copytree(MINI_DIRECTORY, where)
    return where


def change_weights(where, change):
    path = where / "model.safetensors"
    weights = change(load_file(path))
    save_file({k: v.contiguous() for k, v in weights.items()}, path, metadata={"format": "pt"})


def change_config(where, **more):
    path = where / "config.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, **more}), encoding="utf-8")


def key_of(where, part):
    return next(key for key in load_file(where / "model.safetensors") if part in key)


def without(part):
    return lambda weights: {k: v for k, v in weights.items() if part not in k}


FAULTS = {
    "a block is gone": (without("h.1."), "missing: .*h.1."),
    "one bias is gone": (without("h.2.mlp.c_fc.bias"), "missing: .*h.2.mlp.c_fc.bias"),
    "the last norm is gone": (without("ln_f"), "missing: .*ln_f"),
    "a prefix": (
        lambda w: {f"_orig_mod.{k}": v for k, v in w.items()},
        "missing: .*nobody reads: .*_orig_mod",
    ),
    "an adapter": (
        lambda w: {**w, "transformer.h.0.attn.c_attn.lora_A.weight": torch.zeros(2, 2)},
        "nobody reads: .*lora_A",
    ),
    "half a matrix": (
        lambda w: {k: v[:10] if "wpe" in k else v for k, v in w.items()},
        "another shape: .*wpe",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_are_not_those_of_the_config_are_refused(copy, fault):
    change, said = FAULTS[fault]
    change_weights(copy, change)
    with pytest.raises(BrokenModelError, match=said):
        load_model(str(copy))


@pytest.mark.parametrize("layers", [1, 3, 5])
def test_a_config_of_another_depth_is_refused(copy, layers):
    change_config(copy, n_layer=layers)
    with pytest.raises(BrokenModelError, match="missing" if layers > 4 else "nobody reads"):
        load_model(str(copy))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", ["h.1.attn.c_attn.weight", "wte", "ln_f.bias"])
def test_weights_that_are_no_numbers_are_refused(copy, value, part):
    def spoil(weights):
        key = next(key for key in weights if part in key)
        weights[key].view(-1)[3] = value
        return weights

    change_weights(copy, spoil)
    with pytest.raises(BrokenModelError, match=f"NaN or infinite in .*{part}"):
        load_model(str(copy))


def test_masks_of_old_files_are_no_fault(copy):
    """GPT-2's own file holds a mask a layer, which no model of today reads."""

    def add(weights):
        masks = {f"h.{i}.attn.bias": torch.ones(1, 1, 8, 8) for i in range(4)}
        inner = key_of(copy, "h.0.attn.c_attn.weight").split("h.0.")[0]
        return {**weights, **{inner + name: mask for name, mask in masks.items()}}

    change_weights(copy, add)
    assert not load_model(str(copy)).fails


def test_a_config_that_transformers_does_not_know_is_refused_in_short(copy):
    change_config(copy, model_type="no-such-family")
    with pytest.raises(UnsupportedModelError, match="no-such-family") as caught:
        load_model(str(copy))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("settings", ["float64", "inference", "gradients", "meta"])
def test_a_model_is_the_same_under_any_settings(settings, mini):
    tokens = torch.arange(1, 40)[None]
    right = mini(tokens)
    before = torch.get_default_dtype()
    try:
        if settings == "float64":
            torch.set_default_dtype(torch.float64)
        with (
            torch.inference_mode(settings == "inference"),
            torch.set_grad_enabled(settings == "gradients"),
            torch.device("meta" if settings == "meta" else "cpu"),
        ):
            model = load_model("mini")
    finally:
        torch.set_default_dtype(before)
    assert model.W_E.dtype == torch.float32 and not model.W_E.is_inference()
    assert torch.equal(model(tokens), right)


def test_long_lists_are_cut():
    assert name_some("abc") == "a, b, c"
    assert name_some(range(150)) == "0, 1, 2, 3, 4 and 145 more"


def test_what_is_read_is_in_float32_and_needs_no_gradient_of_a_model(copy):
    network = read_network(copy)
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert not network.training
