"""A model of a given shape that has learned nothing: for null tests, benchmarks and odd shapes."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from helpers.models.model import Model
from helpers.models.sources import Source
from helpers.models.wrap import wrap_bridge

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

BOS = "<bos>"


def untrained_bridge(config: "PreTrainedConfig", *, seed: int = 0, device: str = "cpu") -> object:
    """TransformerLens' bridge around random weights, before any processing.

    Args:
        config: Shape of the model, as `transformers` takes it.
        seed: Seed of the weights; the global generator is put back as it was.
        device: Where to put it.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    words = {BOS: 0, **{f"w{i}": i for i in range(1, config.vocab_size)}}
    tokenizer = Tokenizer(WordLevel(words, unk_token=BOS))
    tokenizer.pre_tokenizer = WhitespaceSplit()  # type: ignore[assignment]
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(seed)
        network = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    finally:
        torch.random.set_rng_state(state)
    with tempfile.TemporaryDirectory() as folder:
        network.config.save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token=BOS, eos_token=BOS, unk_token=BOS
        ).save_pretrained(folder)
        return TransformerBridge.boot_transformers(
            folder, hf_model=network.to(device).eval(), device=device, dtype=torch.float32
        )


def untrained_model(config: "PreTrainedConfig", *, seed: int = 0, device: str = "cpu") -> Model:
    """A model with random weights, wrapped like any other.

    Args:
        config: Shape of the model, as `transformers` takes it.
        seed: Seed of the weights.
        device: Where to put it.

    Returns:
        The model; its words are w1, w2 and so on, and its revision says that it is untrained.
    """
    source = Source(
        name=f"untrained-{config.model_type}",
        directory=Path(),
        revision=f"random weights, seed {seed}",
        reason="random weights of that shape",
    )
    return wrap_bridge(untrained_bridge(config, seed=seed, device=device), source)
