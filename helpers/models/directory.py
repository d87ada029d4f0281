"""Whether a directory holds a whole model: what it lacks, what is damaged, what pins it."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from helpers.models.errors import BrokenModelError, UnsupportedModelError

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("*.model",), ("vocab.txt",))
"""Files of which one set must be there; the first is what `save_pretrained` writes."""
_POINTER = b"version https://git-lfs"


def missing_files(directory: Path) -> list[str]:
    """What a directory lacks to be a model, by name: configuration, weights, tokenizer.

    Args:
        directory: The directory.

    Raises:
        BrokenModelError: If the list of shards is there and cannot be read.
    """
    needed = ["config.json", *_weights(directory)]
    missing = [name for name in needed if not (directory / name).is_file()]
    if not any(all(_finds(directory, name) for name in names) for names in _TOKENIZERS):
        missing.append("tokenizer.json")
    return missing


def pickled_files(directory: Path) -> list[str]:
    """Weights that are there in a form that is never opened, since that can run code."""
    return sorted(path.name for kind in _PICKLED for path in directory.glob(kind))


def check_directory(directory: Path) -> None:
    """Refuse a directory that cannot be a causal language model with safe, whole weights.

    No tensor is loaded: files are there, JSON can be read, weights are as long as they say.

    Raises:
        BrokenModelError: If files are missing or damaged.
        UnsupportedModelError: If the config names no causal language model.
    """
    if not directory.is_dir():
        raise BrokenModelError(f"There is no directory {directory} to take a model from.")
    if not (directory / "config.json").is_file():
        raise BrokenModelError(
            f"{directory} holds no model: there is no config.json. Pass the directory that "
            "`save_pretrained` wrote, or the snapshot folder of a hub cache."
        )
    _refuse_pointers(directory)
    missing = missing_files(directory)
    if _WEIGHTS in missing and pickled_files(directory):
        raise BrokenModelError(
            f"{directory} holds no {_WEIGHTS}. Pickled weights "
            f"({name_some(pickled_files(directory))}) are not read, since opening one can run "
            "code; save the model again with `save_pretrained`."
        )
    if missing:
        raise BrokenModelError(f"{directory} lacks {name_some(missing)}. {_repair(directory)}")
    config = _read_json(directory / "config.json")
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json"):
        if (directory / name).is_file():
            _read_json(directory / name)
    architectures = config.get("architectures") or []
    if not any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in architectures):
        raise UnsupportedModelError(
            f"{directory} is not a causal language model: its config names "
            f"{name_some(architectures) or 'nothing'}. This walkthrough needs one that predicts "
            "the next token (…ForCausalLM, …LMHeadModel)."
        )
    for name in _weights(directory):
        try:
            with safe_open(directory / name, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            raise BrokenModelError(_damaged(directory / name, error)) from error


def fingerprint(directory: Path) -> str:
    """The checksum of all weights of a directory, one file after the other."""
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def name_some(names: Sequence[object], most: int = 5) -> str:
    """Names in a sentence: all of a few, or the first ones and how many more there are."""
    if len(names) <= most + 1:
        return ", ".join(map(str, names))
    return f"{', '.join(map(str, names[:most]))} and {len(names) - most} more"


def _weights(directory: Path) -> list[str]:
    if (directory / _WEIGHTS).is_file() or not (directory / _INDEX).is_file():
        return [_WEIGHTS]
    shards = _read_json(directory / _INDEX).get("weight_map")
    if not shards or not isinstance(shards, dict):
        raise BrokenModelError(_damaged(directory / _INDEX, "it lists no shards"))
    return sorted({str(name) for name in shards.values()})


def _finds(directory: Path, pattern: str) -> bool:
    return any(path.is_file() for path in directory.glob(pattern))


def _refuse_pointers(directory: Path) -> None:
    pointers = []
    for path in sorted(directory.iterdir()):
        if path.suffix in {".json", ".safetensors", ".txt", ".model"} and path.is_file():
            with path.open("rb") as file:
                if file.read(len(_POINTER)) == _POINTER:
                    pointers.append(path.name)
    if pointers:
        raise BrokenModelError(
            f"{directory} was cloned without its large files: {name_some(pointers)} only says "
            "where the real one is (git-lfs).\nTo fix: `git lfs install && git lfs pull` there."
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenModelError(_damaged(path, error)) from error
    if not isinstance(read, dict):
        raise BrokenModelError(_damaged(path, "it holds no JSON object"))
    return read


def _damaged(path: Path, why: object) -> str:
    return f"{path} is damaged: {str(why)[:120]}.\n{_repair(path.parent)}"


def _repair(directory: Path) -> str:
    if directory.parent.name == "snapshots":  # of a hub cache, whose files lie elsewhere in it
        return f"To fix: delete {directory.parents[1]} and fetch the model again."
    return "To fix: fetch or copy the directory again."
