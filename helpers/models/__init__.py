"""Loading a language model, wherever it is to be had."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from helpers.models.errors import (
    BrokenModelError,
    ModelError,
    UnknownModelError,
    UnreachableModelError,
    UnsupportedModelError,
)
from helpers.models.model import HeadWeights, Model, Site, SiteKind
from helpers.models.sources import KNOWN, Source, asked_for, check_directory, find_source

__all__ = [
    "KNOWN",
    "BrokenModelError",
    "HeadWeights",
    "Model",
    "ModelError",
    "Site",
    "SiteKind",
    "Source",
    "UnknownModelError",
    "UnreachableModelError",
    "UnsupportedModelError",
    "asked_for",
    "find_source",
    "load_model",
    "wrap_bridge",
]

Device = Literal["auto", "cpu", "cuda", "mps"]


def load_model(name: str = "auto", *, device: Device = "auto") -> Model:
    """Load a language model and say which one it is.

    | name               | what is loaded                                                    |
    |--------------------|-------------------------------------------------------------------|
    | "auto"             | HELPERS_MODEL if it is set; else gpt2 if it is here or the hub    |
    |                    | answers, else smollm2, else mini                                  |
    | "gpt2"             | GPT2-small, pinned; from HELPERS_GPT2_DIR, the hub cache, the hub |
    | "smollm2"          | SmolLM2-135M-Instruct (4-bit weights), from the package index     |
    | "mini"             | the small model that ships with this package                      |
    | a directory        | what `save_pretrained` wrote there                                |
    | "owner/name"       | a model on the hub                                                |

    Weights are read in float32 from safetensors only; LayerNorm is folded and writing weights
    are centred (log-probabilities stay the same); no code from the hub is run; gradients are off.

    Args:
        name: See above.
        device: "auto" takes CUDA if there is one, else the CPU. "mps" only when asked for: it
            has given silently wrong results.

    Returns:
        The model; `model.bridge` is TransformerLens' own object.

    Raises:
        UnknownModelError: If the name is none of the above.
        UnreachableModelError: If the model is not here and cannot be fetched.
        BrokenModelError: If the files are damaged or missing.
        UnsupportedModelError: If it is no causal language model with attention patterns.
        ValueError: If the device is unknown or not there.
    """
    where = _pick_device(device)
    with _quiet_transformers():
        source = find_source(asked_for(name))
        check_directory(source.directory)
        model = wrap_bridge(_boot(source, where), source)
    sys.stdout.write(f"{model!r}\nchosen: {source.reason}\n")
    return model


def wrap_bridge(bridge: object, source: Source) -> Model:
    """Turn a bridge of TransformerLens into a `Model`: fold, centre, switch gradients off.

    Args:
        bridge: A freshly booted `TransformerBridge`; compatibility mode must not be on yet.
        source: What to say about its origin.

    Raises:
        UnsupportedModelError: If it shows no attention pattern in some layer.
    """
    model = Model(bridge=bridge, source=source)  # type: ignore[arg-type]
    missing = [
        layer
        for layer in range(model.n_layers)
        if Site("pattern", layer).hook_name not in model.bridge.hook_dict
    ]
    if missing:
        raise UnsupportedModelError(
            f"{source.name} has no attention patterns in layers {missing}: state-space and hybrid "
            "models have no heads to look at there. Choose a model with attention in every layer."
        )
    model.bridge.enable_compatibility_mode(disable_warnings=True)
    model.bridge.requires_grad_(False)
    model.bridge.eval()
    return model


def _boot(source: Source, device: str) -> object:
    from transformer_lens.model_bridge import TransformerBridge

    try:
        return TransformerBridge.boot_transformers(
            str(source.directory), device=device, dtype=torch.float32
        )
    except (OSError, KeyError, NotImplementedError, ValueError) as error:
        raise UnsupportedModelError(
            f"TransformerLens cannot load {source.name} from {source.directory}: {error}"
        ) from error


def _pick_device(device: str) -> str:
    if device not in {"auto", "cpu", "cuda", "mps"}:
        raise ValueError(f'Unknown device {device!r}: choose "auto", "cpu", "cuda" or "mps".')
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    here = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if device in here and not here[device]():
        raise ValueError(f'There is no {device} device on this machine; use device="auto".')
    return device


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
