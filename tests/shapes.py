"""Small untrained models of the families that the project supports."""

from transformers import GPTNeoXConfig, LlamaConfig, PreTrainedConfig

_SIZES = {
    "vocab_size": 300,
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
LLAMA: PreTrainedConfig = LlamaConfig(**_SIZES, num_key_value_heads=2)
"""Rotated positions, RMSNorm, gated MLPs, keys and values shared by three heads."""
NEOX: PreTrainedConfig = GPTNeoXConfig(**_SIZES, rotary_pct=0.25)
"""Partly rotated positions, LayerNorm, attention and MLP side by side."""
