"""What the model of a run is, in words."""

import json

from helpers.models.sources import Source

_KNOWN = {
    "gpt2": "GPT2-small, the model of the post",
    "smollm2": "SmolLM2-135M-Instruct with 4-bit weights, a real language model",
    "mini": "a small GPT-2 that this project trained, partly on random repeats",
}


def describe_model(source: Source) -> str:
    """What the model is, in a sentence made from its configuration.

    Args:
        source: Where its files are.
    """
    config = json.loads((source.directory / "config.json").read_text(encoding="utf-8"))

    def number(*names: str) -> str:
        return next((f"{config[name]:,}" for name in names if config.get(name)), "?")

    kind = _KNOWN.get(source.name, f"a {config.get('model_type', 'transformer')} model")
    return (
        f"All numbers here are those of {source.name}, {kind}: "
        f"{number('n_layer', 'num_hidden_layers')} layers of "
        f"{number('n_head', 'num_attention_heads')} heads, d_model "
        f"{number('n_embd', 'hidden_size')}, {number('vocab_size')} tokens."
    )
