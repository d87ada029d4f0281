"""From the name of a model to a directory that holds it, and where that came from."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from helpers.models import hub, smollm2
from helpers.models.errors import (
    BrokenModelError,
    ModelError,
    UnknownModelError,
    UnreachableModelError,
    UnsupportedModelError,
)

KnownModel = Literal["gpt2", "smollm2", "mini"]
KNOWN: tuple[KnownModel, ...] = get_args(KnownModel)

GPT2_REPOSITORY = "openai-community/gpt2"
GPT2_REVISION = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
GPT2_SHA256 = "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707"
MINI_DIRECTORY = Path(__file__).parents[1] / "mini" / "model"

_GPT2_FIX = (
    f"To fix: fetch {GPT2_REPOSITORY} (config.json, model.safetensors, tokenizer.json) on a "
    "machine with network and set HELPERS_GPT2_DIR to that directory; or copy the hub cache; or "
    'use load_model("smollm2") or load_model("mini"), which need no hub.'
)


@dataclass(frozen=True)
class Source:
    """Where a model's files are and what they are.

    Args:
        name: Short name; "gpt2" only if the weights are GPT2-small's own.
        directory: Model directory with config.json and safetensors.
        revision: What pins the weights (commit, checksum); "unpinned" if nothing does.
        reason: Why this one, in words, for the reader.
    """

    name: str
    directory: Path
    revision: str
    reason: str


def asked_for(name: str) -> str:
    """The name itself, but for "auto" what `HELPERS_MODEL` says, if it is set."""
    return (os.environ.get("HELPERS_MODEL") or name) if name == "auto" else name


def find_source(name: str) -> Source:
    """Find the files of a model, fetching or converting them if need be.

    Args:
        name: "auto", "gpt2", "smollm2", "mini", a directory, or a hub id "owner/name".

    Raises:
        UnknownModelError: If the name is none of these.
        UnreachableModelError: If the model is not here and cannot be fetched.
        BrokenModelError: If a directory holds no model, or another than it should.
        UnsupportedModelError: If the model is not a causal language model.
    """
    if name == "auto":
        return _auto()
    if name == "gpt2":
        return _gpt2()
    if name == "smollm2":
        return _smollm2("asked for by name")
    if name == "mini":
        return Source("mini", MINI_DIRECTORY, _fingerprint(MINI_DIRECTORY), "asked for by name")
    directory = Path(name).expanduser()
    if name and directory.is_dir():
        return _directory(directory)
    looks_like_hub_id = name.count("/") == 1 and not name.startswith((".", "/", "~"))
    if looks_like_hub_id and all(name.split("/")):
        return _repository(name)
    raise UnknownModelError(
        f"{name!r} is no model: not one of auto, {', '.join(KNOWN)}, not a directory, and not a "
        'hub id like "EleutherAI/pythia-70m".'
    )


def check_directory(directory: Path) -> None:
    """Refuse a directory that cannot be a causal language model with safe weights.

    Raises:
        BrokenModelError: If config.json or the safetensors are missing.
        UnsupportedModelError: If the config names no causal language model.
    """
    config = directory / "config.json"
    if not config.is_file():
        raise BrokenModelError(
            f"{directory} holds no model: there is no config.json. Pass the directory that "
            "`save_pretrained` wrote, or the snapshot folder of a hub cache."
        )
    if not any(directory.glob("*.safetensors")):
        raise BrokenModelError(
            f"{directory} holds no *.safetensors. Pickled weights (*.bin, *.pt) are not read, "
            "since opening one can run code; save the model again with `save_pretrained`."
        )
    architectures = json.loads(config.read_text(encoding="utf-8")).get("architectures") or []
    if not any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in architectures):
        said = ", ".join(architectures) or "nothing"
        raise UnsupportedModelError(
            f"{directory} is not a causal language model: its config names {said}. This "
            "walkthrough needs one that predicts the next token (…ForCausalLM, …LMHeadModel)."
        )


def _auto() -> Source:
    try:
        return _gpt2()
    except UnreachableModelError:
        pass
    missing = (
        "gpt2 is neither on this machine nor can the hub be reached (set HELPERS_GPT2_DIR to a "
        "directory that holds it)"
    )
    try:
        return _smollm2(missing)
    except ModelError as error:
        reason = f"{missing}; smollm2 cannot be had either ({str(error).splitlines()[0]})"
    return Source("mini", MINI_DIRECTORY, _fingerprint(MINI_DIRECTORY), reason)


def _gpt2() -> Source:
    named = os.environ.get("HELPERS_GPT2_DIR")
    if named:
        directory = Path(named).expanduser()
        check_directory(directory)
        source = _directory(directory)
        if source.name != "gpt2":
            raise BrokenModelError(
                f"HELPERS_GPT2_DIR={named} does not hold GPT2-small: model.safetensors should have "
                f"sha256 {GPT2_SHA256}. To look at another model pass its directory to load_model."
            )
        return source
    cached = hub.cached_snapshot(GPT2_REPOSITORY, GPT2_REVISION)
    if cached is not None:
        return Source("gpt2", cached, GPT2_REVISION, "found in the local hub cache")
    if not hub.hub_answers():
        raise UnreachableModelError(
            f"GPT2-small is not on this machine and the hub ({hub.endpoint()}) does not answer.\n"
            f"{_GPT2_FIX}"
        )
    fetched = hub.fetch_snapshot(GPT2_REPOSITORY, GPT2_REVISION)
    return Source("gpt2", fetched, GPT2_REVISION, f"fetched from {hub.endpoint()}")


def _smollm2(reason: str) -> Source:
    return Source("smollm2", smollm2.smollm2_directory(), smollm2.REVISION, reason)


def _directory(directory: Path) -> Source:
    check_directory(directory)
    fingerprint = _fingerprint(directory)
    if fingerprint == f"sha256:{GPT2_SHA256}":
        return Source("gpt2", directory, GPT2_REVISION, "local directory, GPT2-small's own weights")
    name = directory.resolve().name
    # A directory called "gpt2" is not GPT2-small just because it says so.
    name = f"local-{name}" if name in KNOWN else name
    return Source(name, directory, fingerprint, "local directory")


def _repository(name: str) -> Source:
    if name == GPT2_REPOSITORY:
        return _gpt2()
    revision = "main"
    directory = hub.cached_snapshot(name, revision)
    reason = "found in the local hub cache"
    if directory is None:
        if not hub.hub_answers():
            raise UnreachableModelError(
                f"{name!r} is not in the local hub cache and the hub ({hub.endpoint()}) does not "
                "answer.\nTo fix: fetch it on a machine with network and pass its directory; or "
                'use load_model("smollm2") or load_model("mini"), which need no hub.'
            )
        directory, reason = hub.fetch_snapshot(name, revision), f"fetched from {hub.endpoint()}"
    check_directory(directory)
    return Source(name, directory, directory.name, reason)


def _fingerprint(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"
