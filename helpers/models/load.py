"""Loading a language model, wherever it is to be had."""

import os
import sys
from functools import partial
from typing import Literal

import torch

from helpers.arguments import say_value
from helpers.memory import give_back_memory
from helpers.models.model import Model
from helpers.models.network import read_network
from helpers.models.quiet import quiet_libraries
from helpers.models.sources import asked_for, check_directory, find_source
from helpers.models.tried import try_network

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
    A few tokens are tried: what a family does otherwise than the helpers build on is refused by
    the helper that needs it.

    Args:
        name: See above.
        device: "auto" takes CUDA if there is one, else the CPU. "mps" only when asked for: it
            has given silently wrong results.

    Returns:
        The model; `model.bridge` is TransformerLens' own object.

    Raises:
        UnknownModelError: If the name is none of the above.
        UnreachableModelError: If the model is not here and cannot be fetched.
        BrokenModelError: If files are damaged or missing, or weights missing, left over or NaN.
        UnsupportedModelError: If it is no causal language model with attention patterns, or
            TransformerLens makes another model of it.
        TypeError: If the name is no text.
        ValueError: If the device is unknown or not there.
    """
    where = _pick_device(device)
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f'A model is asked for by its name, "mini" or so, not {say_value(name)}.')
    with quiet_libraries():
        source = find_source(asked_for(os.fspath(name)))
        check_directory(source.directory)
        read = partial(read_network, source.directory)
        model = try_network(read, source.directory, source, where)
    give_back_memory()
    sys.stdout.write(f"{model!r}\nchosen: {source.reason}\n")
    return model


def _pick_device(device: str) -> str:
    if device not in {"auto", "cpu", "cuda", "mps"}:
        raise ValueError(
            f'Unknown device {say_value(device)}: choose "auto", "cpu", "cuda" or "mps".'
        )
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    here = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if device in here and not here[device]():
        raise ValueError(f'There is no {device} device on this machine; use device="auto".')
    return device
