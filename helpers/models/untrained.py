"""A model of a given shape that has learned nothing: for null tests, benchmarks and odd shapes."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from helpers.models.model import Model
from helpers.models.network import plain_settings
from helpers.models.sources import Source
from helpers.models.tried import try_network

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerFast

BOS = "<bos>"


def untrained_network(config: "PreTrainedConfig", *, seed: int = 0) -> torch.nn.Module:
    """Random weights in that shape, as `transformers` draws them.

    Args:
        config: Shape of the model, as `transformers` takes it.
        seed: Seed of the weights; the global generator is put back as it was.
    """
    from transformers import AutoModelForCausalLM

    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(seed)
        network = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    finally:
        torch.random.set_rng_state(state)
    network.config.architectures = [type(network).__name__]  # as `save_pretrained` would say
    return network


def untrained_model(config: "PreTrainedConfig", *, seed: int = 0, device: str = "cpu") -> Model:
    """A model with random weights, wrapped and tried like any other.

    Args:
        config: Shape of the model, as `transformers` takes it.
        seed: Seed of the weights.
        device: Where to put it.

    Returns:
        The model; its words are w1, w2 and so on, and its revision says that it is untrained.
    """
    name, revision = f"untrained-{config.model_type}", f"random weights, seed {seed}"
    return network_model(
        lambda: untrained_network(config, seed=seed), name, revision, device=device
    )


def network_model(
    read: Callable[[], torch.nn.Module], name: str, revision: str, *, device: str = "cpu"
) -> Model:
    """A model around a network that is in no directory, with words w1, w2 and so on.

    Args:
        read: Gives the network, the same each time.
        name: What to call it.
        revision: What to say about its weights.
        device: Where to put it.
    """
    source = Source(name, Path(), revision, "random weights of that shape")
    with plain_settings(), tempfile.TemporaryDirectory() as folder:
        network = read()
        config: Any = network.config
        config.save_pretrained(folder)
        _words(config.get_text_config().vocab_size).save_pretrained(folder)
        return try_network(read, Path(folder), source, device, known=False)


def _words(size: int) -> "PreTrainedTokenizerFast":
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = {BOS: 0, **{f"w{i}": i for i in range(1, size)}}
    tokenizer = Tokenizer(WordLevel(words, unk_token=BOS))
    tokenizer.pre_tokenizer = WhitespaceSplit()  # type: ignore[assignment]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=BOS, unk_token=BOS
    )
