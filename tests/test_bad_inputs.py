"""What people get wrong, and what is broken around them: each has one short message that helps.

Nothing of it starts a kernel, and nothing of it is a traceback.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.__main__ import main
from helpers.models import (
    BrokenModelError,
    UnknownModelError,
    UnreachableModelError,
    UnsupportedModelError,
    asked_for,
    find_source,
    smollm2,
    sources,
)
from helpers.models.directory import check_directory
from helpers.run import walkthrough

Change = Callable[[Path], object]
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:41663e\nsize 7674296\n"


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """A machine without network, caches and settings; nothing may start a kernel."""
    import huggingface_hub.constants

    for name in ("HELPERS_MODEL", "HELPERS_GPT2_DIR", "HF_ENDPOINT", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(walkthrough, "run_notebook", lambda *_, **__: pytest.fail("a kernel"))
    monkeypatch.chdir(tmp_path)
    notebooks = Path(__file__).parents[1] / "notebooks"
    (tmp_path / "notebooks").symlink_to(notebooks)
    (tmp_path / "a file").write_text("not a folder")


def said_once(message: str, words: list[str], root: Path) -> None:
    message = message.replace(str(root), "…")
    assert len(message) <= 400 and "Traceback" not in message, message
    assert [word for word in words if word not in message] == [], message


def refused(name: str, kind: type[Exception], words: list[str], root: Path, capsys) -> None:
    """By the way that `load_model` goes, and in the same words by the command line."""
    with pytest.raises(kind) as raised:
        find_source(asked_for(name))
    assert type(raised.value) is kind
    said_once(str(raised.value), words, root)
    assert main(["run", name]) == 2
    said_once(capsys.readouterr().err, words, root)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("run mini --n abc", ["argument --n: invalid int value: 'abc'"]),
        ("run mini --n 2.5", ["argument --n: invalid int value: '2.5'"]),
        ("run mini --n 9", ["N=9 does not fit mini", "from 10 to 63"]),
        ("run mini --n 64", ["N=64 does not fit mini", "from 10 to 63"]),
        ("run mini --n -5", ["N=-5", "from 10 to 63"]),
        ("run mini --sequences 1", ["SEQUENCES=1", "from 2"]),
        ("run mini --seed -1", ["SEED=-1", "from 0"]),
        ("run mini --seed 99999999999", ["SEED=99999999999", "4294967295"]),
        ("run mini --seed", ["argument --seed: expected one argument"]),
        ("run mini --frobnicate", ["unrecognized arguments: --frobnicate"]),
        ("run mini --notebooks missing", ["No numbered notebooks in …/missing", "--notebooks"]),
        ("run mini --build a_file", ["Cannot write to a_file/mini", "Pass --build"]),
        ("run no-such-model", ["'no-such-model' is no model", "mini"]),
        ("scan mini --n 1", ["n >= 2"]),
        ("scan mini --n 64", ["choose n <= 63"]),
        ("scan mini --sequences 0", ["sequences >= 1"]),
        ("scan mini --top 0", ["--top 0: choose at least 1"]),
        ("scan no-such-model", ["'no-such-model' is no model"]),
        ("claims no-such-run", ["no-such-run", "make notebooks"]),
        ("claims", ["required: model"]),
        ("", ["required: command"]),
        ("walk", ["invalid choice: 'walk'"]),
    ],
)
def test_the_command_line_says_in_a_line_what_is_wrong(arguments, words, tmp_path, capsys):
    (tmp_path / "a_file").write_text("not a folder")
    try:
        status = main(arguments.split())
    except SystemExit as left:
        status = left.code
    error = capsys.readouterr().err
    assert status == 2 and error.count("\n") == 1
    said_once(error, words, tmp_path)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("owner/name@main", UnknownModelError, ["no model", "A revision cannot be chosen"]),
        ("https://huggingface.co/gpt2", UnknownModelError, ["no model", "a hub id like"]),
        ("owner/na me", UnknownModelError, ["no model"]),
        ("owner/", UnknownModelError, ["no model"]),
        ("owner/..", UnknownModelError, ["no model"]),
        ("a/b/c", UnknownModelError, ["no model"]),
        ("x" * 5000, UnknownModelError, ["no model"]),
        ("owner/name\0", UnknownModelError, ["no model"]),
        ("~nobody-here/x", UnknownModelError, ["no model"]),
        ("a file", UnknownModelError, ["no model", "not a directory"]),
        ("./missing", UnknownModelError, ["no model", "not a directory"]),
        ("owner/name", UnreachableModelError, ["not in the local hub cache", "HF_HUB_OFFLINE"]),
        ("gpt2", UnreachableModelError, ["not in the local hub cache", "HELPERS_GPT2_DIR"]),
    ],
)
def test_names_that_are_no_model(name, kind, words, tmp_path, capsys):
    refused(name, kind, words, tmp_path, capsys)


@pytest.mark.parametrize(
    ("settings", "name", "kind", "words"),
    [
        ({"HELPERS_MODEL": "gpt5"}, "auto", UnknownModelError, ["'gpt5' is no model"]),
        ({"HELPERS_MODEL": "./gone"}, "auto", UnknownModelError, ["'./gone' is no model"]),
        ({"HELPERS_GPT2_DIR": "gone"}, "gpt2", BrokenModelError, ["no directory"]),
        ({"HELPERS_GPT2_DIR": "gone"}, "auto", BrokenModelError, ["no directory"]),
        ({"HELPERS_GPT2_DIR": "~no-one/x"}, "gpt2", BrokenModelError, ["no directory", "~no-one"]),
        ({"HELPERS_GPT2_DIR": "."}, "gpt2", BrokenModelError, ["no config.json"]),
        (
            {"HELPERS_GPT2_DIR": str(sources.MINI_DIRECTORY)},
            "gpt2",
            BrokenModelError,
            ["does not hold GPT2-small"],
        ),
        (
            {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "mirror"},
            "owner/name",
            UnreachableModelError,
            ["HF_ENDPOINT='mirror' is no address"],
        ),
        (
            {"HF_HUB_OFFLINE": "0", "ALL_PROXY": "socks://localhost:1"},
            "owner/name",
            UnreachableModelError,
            ["the proxy in ALL_PROXY", "Unknown scheme"],
        ),
        (
            {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:1"},
            "owner/name",
            UnreachableModelError,
            ["http://127.0.0.1:1", "Connection refused"],
        ),
        ({"HELPERS_CACHE": "a file/x"}, "smollm2", UnreachableModelError, ["cannot be written"]),
        ({"HELPERS_CACHE": "/proc/x"}, "smollm2", UnreachableModelError, ["HELPERS_CACHE"]),
    ],
)
def test_settings_that_lead_nowhere(settings, name, kind, words, tmp_path, monkeypatch, capsys):
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    refused(name, kind, words, tmp_path, capsys)


def cut(name: str, keep: int) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def put(name: str, text: str) -> Change:
    return lambda folder: (folder / name).write_text(text)


def without(*names: str) -> Change:
    return lambda folder: [(folder / name).unlink() for name in names]


def shard(count: int, index: str | None = None) -> Change:
    """Weights in several files, of which the first is there."""

    def change(folder: Path) -> None:
        names = [f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)]
        (folder / "model.safetensors").rename(folder / names[0])
        listed = {"weight_map": {f"weight {name}": name for name in names}}
        text = json.dumps(listed) if index is None else index
        (folder / "model.safetensors.index.json").write_text(text)

    return change


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def many_classes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = [f"Class{n}" for n in range(150)]
    (folder / "config.json").write_text(json.dumps(config))


DAMAGE: dict[str, tuple[Change, type[Exception], list[str]]] = {
    "pointer": (put("model.safetensors", LFS), BrokenModelError, ["git lfs pull", "model.safe"]),
    "pointers": (put("tokenizer.json", LFS), BrokenModelError, ["git lfs pull", "tokenizer.json"]),
    "empty weights": (cut("model.safetensors", 0), BrokenModelError, ["model.safetensors is dam"]),
    "half a header": (cut("model.safetensors", 99), BrokenModelError, ["model.safetensors is dam"]),
    "half weights": (cut("model.safetensors", 10**6), BrokenModelError, ["is damaged", "To fix"]),
    "other weights": (put("model.safetensors", "x" * 99), BrokenModelError, ["is damaged"]),
    "half config": (cut("config.json", 100), BrokenModelError, ["config.json is damaged"]),
    "config a list": (put("config.json", "[]"), BrokenModelError, ["config.json is damaged"]),
    "config no text": (cut("model.safetensors", 0), BrokenModelError, ["is damaged"]),
    "config of nothing": (put("config.json", "{}"), UnsupportedModelError, ["names nothing"]),
    "150 classes": (many_classes, UnsupportedModelError, ["Class0", "and 145 more"]),
    "half tokenizer": (cut("tokenizer.json", 100), BrokenModelError, ["tokenizer.json is damaged"]),
    "no tokenizer": (without("tokenizer.json"), BrokenModelError, ["lacks tokenizer.json"]),
    "no config": (without("config.json"), BrokenModelError, ["no config.json"]),
    "no weights": (without("model.safetensors"), BrokenModelError, ["lacks model.safetensors"]),
    "pickled": (pickled, BrokenModelError, ["Pickled weights (pytorch_model.bin)"]),
    "no second shard": (shard(2), BrokenModelError, ["lacks model-00002-of-00002.safetensors"]),
    "149 shards": (shard(150), BrokenModelError, ["model-00002-of-00150", "and 144 more"]),
    "half index": (shard(2, '{"weight'), BrokenModelError, ["index.json is damaged"]),
    "empty index": (shard(2, "{}"), BrokenModelError, ["index.json is damaged", "no shards"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_directories_that_are_no_whole_model(damage, tmp_path, capsys):
    change, kind, words = DAMAGE[damage]
    folder = Path(shutil.copytree(sources.MINI_DIRECTORY, tmp_path / "mine"))
    find_source(str(folder))  # until now it is one
    change(folder)
    refused(str(folder), kind, words, tmp_path, capsys)


CACHED: dict[str, tuple[Change, type[Exception], list[str]]] = {
    "no tokenizer": (without("tokenizer.json"), UnreachableModelError, ["without tokenizer.json"]),
    "no second shard": (shard(2), UnreachableModelError, ["without model-00002-of-00002"]),
    "pickled": (pickled, UnreachableModelError, ["pickled weights are not read", "pytorch_model"]),
    "no config": (without("config.json"), UnreachableModelError, ["without config.json"]),
    "pointer": (put("model.safetensors", LFS), BrokenModelError, ["git lfs pull"]),
    "half weights": (
        cut("model.safetensors", 10**6),
        BrokenModelError,
        ["is damaged", "delete …/hub/models--owner--name and"],
    ),
}


@pytest.mark.parametrize("damage", CACHED)
def test_hub_caches_that_hold_no_whole_model(damage, tmp_path, capsys):
    change, kind, words = CACHED[damage]
    repository = tmp_path / "hub" / "models--owner--name"
    folder = Path(shutil.copytree(sources.MINI_DIRECTORY, repository / "snapshots" / ("a" * 40)))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    source = find_source("owner/name")
    assert (source.name, source.revision) == ("owner/name", "a" * 40)
    change(folder)
    refused("owner/name", kind, words, tmp_path, capsys)


def test_a_converted_model_that_is_damaged_is_made_anew(tmp_path, monkeypatch):
    def convert(_gguf: Path, into: Path) -> None:
        shutil.copytree(sources.MINI_DIRECTORY, into)

    monkeypatch.setattr(smollm2, "_convert", convert)
    monkeypatch.setattr(smollm2, "_installed_gguf", lambda: tmp_path / "a file")
    monkeypatch.setattr(smollm2, "check_sha256", lambda path: None)
    made = smollm2.smollm2_directory()
    cut("model.safetensors", 10**6)(made)
    assert smollm2.smollm2_directory() == made
    check_directory(made)
    assert [path.name for path in made.parent.iterdir() if path.is_dir()] == [made.name]


def test_a_damaged_notebook_is_named(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "01_one.ipynb").write_text('{"cells": [')
    assert main(["run", "mini", "--notebooks", "mine"]) == 2
    said_once(capsys.readouterr().err, ["mine/01_one.ipynb is no notebook"], tmp_path)


def test_auto_goes_on_with_mini_where_nothing_can_be_written(monkeypatch):
    monkeypatch.setenv("HELPERS_CACHE", "/proc/x")
    source = find_source("auto")
    assert source.name == "mini"
    assert "HF_HUB_OFFLINE" in source.reason and "cannot be written" in source.reason
