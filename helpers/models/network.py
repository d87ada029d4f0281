"""Reading the network that `transformers` makes of a directory: all of it, or not at all."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from helpers.models.directory import name_some
from helpers.models.errors import BrokenModelError, UnsupportedModelError

_NO_WEIGHTS = re.compile(r"\.(masked_bias|rotary_emb\.inv_freq)$|\.(attn|attention)\.bias$")
"""Masks and frequencies that old files hold beside the weights; today's models make them anew."""
_BRIEF = 300


def read_network(directory: Path) -> torch.nn.Module:
    """The network of a directory, in float32 on the CPU, every weight from its files.

    Args:
        directory: What `save_pretrained` wrote.

    Raises:
        BrokenModelError: If weights are missing or left over, have another shape than the config
            says, or are not finite.
        UnsupportedModelError: If `transformers` cannot make a causal language model of it.
    """
    from transformers import AutoModelForCausalLM

    try:
        network, told = AutoModelForCausalLM.from_pretrained(  # type: ignore[misc]
            directory,
            dtype=torch.float32,
            attn_implementation="eager",
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # they are told, and refused below
            output_loading_info=True,
        )
    except Exception as error:  # whatever a strange config makes of it
        raise UnsupportedModelError(
            f"transformers cannot load {directory}: {say_briefly(error)}"
        ) from error
    check_read(told, str(directory))
    check_finite(network, str(directory))
    return network.eval()


def read_tokenizer(directory: Path) -> Any:
    """The tokenizer of a directory, as its files have it.

    Raises:
        BrokenModelError: If they cannot be read.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # as for the network
        raise BrokenModelError(
            f"The tokenizer in {directory} cannot be read: {say_briefly(error)}. Save it again "
            "with `save_pretrained`, or fetch the directory anew."
        ) from error


def check_read(told: dict, where: str) -> None:
    """Refuse a network whose weights are not those of its files: the rest would be random.

    Args:
        told: The loading info of `transformers`.
        where: What to call the files.

    Raises:
        BrokenModelError: If a weight is missing, left over or of another shape.
    """
    other = [f"{name} ({was} for {wanted})" for name, was, wanted in _shapes(told)]
    faults = {
        "missing": told.get("missing_keys", ()),
        "nobody reads": [key for key in told["unexpected_keys"] if not _NO_WEIGHTS.search(key)],
        "of another shape": other,
    }
    said = [f"{fault}: {name_some(sorted(keys))}" for fault, keys in faults.items() if keys]
    if said:
        raise BrokenModelError(
            f"The weights in {where} are not those of its config.json; {'; '.join(said)}. "
            "Save model and config together with `save_pretrained`, or fetch the directory anew."
        )


def _shapes(told: dict) -> list[tuple[str, list[int], list[int]]]:
    return [(name, [*was], [*wanted]) for name, was, wanted in told.get("mismatched_keys", ())]


def check_finite(network: torch.nn.Module, where: str) -> None:
    """Refuse weights that are not numbers.

    Raises:
        BrokenModelError: If a weight is NaN or infinite.
    """
    # The sum of a tensor is finite only if it is, but for overflow: then look at each number.
    bad = [
        name
        for name, weight in network.named_parameters()
        if not weight.sum().isfinite() and not weight.isfinite().all()
    ]
    if bad:
        raise BrokenModelError(
            f"The weights in {where} are not all numbers: NaN or infinite in {name_some(bad)}. "
            "Fetch them anew, or save the model from a training step before it broke."
        )


@contextmanager
def plain_settings() -> Iterator[None]:
    """Load under torch's own settings, whatever the caller has set; no gradients."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        # A device context is asked at every operation: seconds, where the default is the CPU.
        elsewhere = torch.get_default_device().type != "cpu"
        device = torch.device("cpu") if elsewhere else nullcontext()
        with torch.inference_mode(False), torch.no_grad(), device:
            yield
    finally:
        torch.set_default_dtype(dtype)


def say_briefly(error: BaseException) -> str:
    """An error in one line that is not too long."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= _BRIEF else text[:_BRIEF] + " …"
