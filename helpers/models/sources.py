"""From the name of a model to a directory that holds it, and where that came from."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from helpers.folders import expand_home
from helpers.models import hub, smollm2
from helpers.models.directory import (
    check_directory,
    fingerprint,
    missing_files,
    name_some,
    pickled_files,
)
from helpers.models.errors import (
    BrokenModelError,
    ModelError,
    UnknownModelError,
    UnreachableModelError,
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
_HUB_FIX = (
    "To fix: fetch it on a machine with network and pass its directory; or use "
    'load_model("smollm2") or load_model("mini"), which need no hub.'
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


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

    They are whole when this returns: nothing is missing, no file is damaged as far as can be told
    without loading the weights.

    Args:
        name: "auto", "gpt2", "smollm2", "mini", a directory, or a hub id "owner/name".

    Raises:
        UnknownModelError: If the name is none of these.
        UnreachableModelError: If the model is not here and cannot be fetched.
        BrokenModelError: If files are missing or damaged, or are another model than they should.
        UnsupportedModelError: If the model is not a causal language model.
    """
    if name == "auto":
        return _auto()
    if name == "gpt2":
        return _gpt2()
    if name == "smollm2":
        return _smollm2("asked for by name")
    if name == "mini":
        return _mini("asked for by name")
    if name and _is_directory(expand_home(name)):
        return _directory(expand_home(name))
    if _HUB_ID.fullmatch(name):
        return _repository(name)
    at = " A revision cannot be chosen: fetch it, and pass its directory." if "@" in name else ""
    raise UnknownModelError(
        f"{name[:80]!r} is no model: not one of auto, {', '.join(KNOWN)}, not a directory, and not "
        f'a hub id like "EleutherAI/pythia-70m".{at}'
    )


def _auto() -> Source:
    try:
        return _gpt2()
    except ModelError as error:
        if os.environ.get("HELPERS_GPT2_DIR"):
            raise  # somebody said which one it shall be
        missing = (
            f"gpt2 cannot be had: {_first_line(error)} HELPERS_GPT2_DIR may name its directory"
        )
    try:
        return _smollm2(missing)
    except ModelError as error:
        return _mini(f"{missing}; smollm2 cannot be had either: {_first_line(error)}")


def _gpt2() -> Source:
    named = os.environ.get("HELPERS_GPT2_DIR")
    if named:
        source = _directory(expand_home(named))
        if source.name != "gpt2":
            raise BrokenModelError(
                f"HELPERS_GPT2_DIR={named} does not hold GPT2-small: model.safetensors should have "
                f"sha256 {GPT2_SHA256}. To look at another model pass its directory to load_model."
            )
        return source
    directory, reason = _from_hub(GPT2_REPOSITORY, GPT2_REVISION, "GPT2-small", _GPT2_FIX)
    found = fingerprint(directory)
    if found != f"sha256:{GPT2_SHA256}":
        raise BrokenModelError(
            f"What was {reason} as {GPT2_REPOSITORY} is not GPT2-small: its weights have {found}, "
            f"not sha256:{GPT2_SHA256}.\nTo fix: delete {directory.parents[1]} and fetch it from "
            "https://huggingface.co; to look at these weights all the same, pass a copy of "
            "that directory under another name."
        )
    return Source("gpt2", directory, GPT2_REVISION, reason)


def _mini(reason: str) -> Source:
    check_directory(MINI_DIRECTORY)
    return Source("mini", MINI_DIRECTORY, fingerprint(MINI_DIRECTORY), reason)


def _smollm2(reason: str) -> Source:
    return Source("smollm2", smollm2.smollm2_directory(), smollm2.REVISION, reason)


def _directory(directory: Path) -> Source:
    check_directory(directory)
    found = fingerprint(directory)
    if found == f"sha256:{GPT2_SHA256}":
        return Source("gpt2", directory, GPT2_REVISION, "local directory, GPT2-small's own weights")
    name = directory.resolve().name
    # A directory called "gpt2" is not GPT2-small just because it says so.
    name = f"local-{name}" if name in KNOWN else name
    return Source(name, directory, found, "local directory")


def _repository(name: str) -> Source:
    if name == GPT2_REPOSITORY:
        return _gpt2()
    directory, reason = _from_hub(name, "main", repr(name), _HUB_FIX)
    return Source(name, directory, directory.name, reason)


def _from_hub(repository: str, revision: str, called: str, fix: str) -> tuple[Path, str]:
    """A whole snapshot and where it was had: out of the local cache, else from the hub."""
    directory = hub.cached_snapshot(repository, revision)
    missing = missing_files(directory) if directory else []
    if directory is None or missing:
        silent = hub.why_silent()
        if silent:
            here = "is not in the local hub cache"
            if directory:
                pickled = pickled_files(directory)
                only = f" (pickled weights are not read: {name_some(pickled)})" if pickled else ""
                here = f"is in the local hub cache without {name_some(missing)}{only}"
            raise UnreachableModelError(f"{called} {here}, and {silent}.\n{fix}")
        directory = hub.fetch_snapshot(repository, revision)
        reason = f"fetched from {hub.endpoint()}"
    else:
        reason = "found in the local hub cache"
    check_directory(directory)
    return directory, reason


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, or a folder that nobody may look into
        return False


def _first_line(error: Exception) -> str:
    return f"{str(error).splitlines()[0].rstrip('.')}."
