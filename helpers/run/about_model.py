"""What the model of a run is, in words, and which parameters fit it."""

import json
from collections.abc import Mapping

from helpers.inputs.tokenizing import no_start
from helpers.models.network import read_tokenizer
from helpers.models.sources import Source

_KNOWN = {
    "gpt2": "GPT2-small, the model of the post",
    "smollm2": "SmolLM2-135M-Instruct with 4-bit weights, a real language model",
    "mini": "a small GPT-2 that this project trained, partly on random repeats",
}
_CONTEXT = ("n_positions", "n_ctx", "max_position_embeddings")
"""Names under which a configuration says how many tokens the model can read."""
LEAST_N = 10
"""Chapters look at single places, as far as ten tokens into the second half."""


def describe_model(source: Source) -> str:
    """What the model is, in a sentence made from its configuration.

    Args:
        source: Where its files are.
    """
    config = json.loads((source.directory / "config.json").read_text(encoding="utf-8"))

    def number(*names: str, of: str) -> str:
        found = next((config[name] for name in names if config.get(name)), None)
        return f"? {of}s" if found is None else f"{found:,} {of}{'s' if found != 1 else ''}"

    kind = _KNOWN.get(source.name, f"a {config.get('model_type', 'transformer')} model")
    return (
        f"All numbers here are those of {source.name}, {kind}: "
        f"{number('n_layer', 'num_hidden_layers', of='layer')} of "
        f"{number('n_head', 'num_attention_heads', of='head')}, d_model "
        f"{config.get('n_embd') or config.get('hidden_size') or '?'}, "
        f"{number('vocab_size', of='token')}."
    )


def check_start(source: Source) -> None:
    """Refuse a model whose sequences have nothing to start with: every chapter would fail.

    Args:
        source: Where the model's files are.

    Raises:
        ValueError: If the tokenizer has neither a BOS nor an EOS token.
    """
    tokenizer = read_tokenizer(source.directory)
    if tokenizer.bos_token_id is None and tokenizer.eos_token_id is None:
        raise ValueError(no_start(source.name))


def check_parameters(source: Source, parameters: Mapping[str, object]) -> None:
    """Refuse numbers with which every chapter would fail.

    Args:
        source: Where the model's files are.
        parameters: Values for the notebooks' `parameters` cells.

    Raises:
        ValueError: If one is no whole number, or out of range.
    """
    config = json.loads((source.directory / "config.json").read_text(encoding="utf-8"))
    reads = next((config[name] for name in _CONTEXT if config.get(name)), 2**32)
    most_n = min((reads - 1) // 2, config.get("vocab_size", 2**32) - 1)
    ranges = {"N": (LEAST_N, most_n), "SEQUENCES": (2, 2**16), "SEED": (0, 2**32 - 1)}
    for name, (least, most) in ranges.items():
        value = parameters.get(name, least)
        if not isinstance(value, int) or not least <= value <= most:
            raise ValueError(
                f"{name}={str(value)[:40]} does not fit {source.name}: choose a whole number from "
                f"{least} to {most}."
            )
