"""`python -m benchmarks families [NAME …]`: what is right, and what refused, family by family.

Each family is a small network of random weights, norms and biases perturbed so that nothing is
hidden by a 1 or a 0. It goes through the helpers, and is held against plain transformers, which
knows nothing of hooks and folding: log-probabilities of targets, attention patterns, and a head's
output swapped between two sequences.
"""

import argparse
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from helpers.interventions import patch
from helpers.models import Model, ModelError, Site, can_replay, network_model, untrained_network
from helpers.models.network import plain_settings, say_briefly
from helpers.models.quiet import quiet_libraries
from helpers.results import write_json
from helpers.running import collect, predict

_SIZES: dict[str, Any] = {
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input"), 197),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "n_embed", "word_embed_proj_dim"), 48),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 3),
    **dict.fromkeys(
        ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"), 4
    ),
    **dict.fromkeys(("intermediate_size", "n_inner", "ffn_dim", "d_ff", "mlp_hidden_size"), 64),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 32),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 64),
    "num_key_value_heads": 2,
    "head_dim": 12,
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": None,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2Config", {}),
    "gpt2, scores scaled by layer": ("GPT2Config", {"scale_attn_by_inverse_layer_idx": True}),
    "openai-gpt": ("OpenAIGPTConfig", {}),
    "gpt-neo": ("GPTNeoConfig", {"attention_types": [[["global", "local", "global"], 1]]}),
    "gpt-neox": ("GPTNeoXConfig", {}),
    "gpt-neox, one after the other": ("GPTNeoXConfig", {"use_parallel_residual": False}),
    "gpt-j": ("GPTJConfig", {"rotary_dim": 4}),
    "codegen": ("CodeGenConfig", {"rotary_dim": 4}),
    "gpt-bigcode": ("GPTBigCodeConfig", {}),
    "opt": ("OPTConfig", {}),
    "opt, norm after": ("OPTConfig", {"do_layer_norm_before": False}),
    "xglm": ("XGLMConfig", {}),
    "bloom": ("BloomConfig", {}),
    "mpt": ("MptConfig", {"expansion_ratio": 2}),
    "falcon": ("FalconConfig", {}),
    "falcon, new decoder": ("FalconConfig", {"new_decoder_architecture": True, "num_kv_heads": 2}),
    "llama": ("LlamaConfig", {}),
    "llama, biases": ("LlamaConfig", {"attention_bias": True, "mlp_bias": True}),
    "llama, tied": ("LlamaConfig", {"tie_word_embeddings": True}),
    "llama, a key head each": ("LlamaConfig", {"num_key_value_heads": 4}),
    "mistral": ("MistralConfig", {"sliding_window": 8}),
    "mixtral": ("MixtralConfig", {}),
    "ministral": ("MinistralConfig", {}),
    "qwen2": ("Qwen2Config", {}),
    "qwen2-moe": ("Qwen2MoeConfig", {}),
    "qwen3": ("Qwen3Config", {}),
    "qwen3-moe": ("Qwen3MoeConfig", {}),
    "gemma": ("GemmaConfig", {}),
    "gemma2": ("Gemma2Config", {"sliding_window": 8}),
    "gemma2, logits capped": ("Gemma2Config", {"final_logit_softcapping": 5.0}),
    "gemma3-text": ("Gemma3TextConfig", {"sliding_window": 8}),
    "vaultgemma": ("VaultGemmaConfig", {}),
    "phi": ("PhiConfig", {"partial_rotary_factor": 0.5}),
    "phi3": ("Phi3Config", {}),
    "phimoe": ("PhimoeConfig", {}),
    "stablelm": ("StableLmConfig", {"partial_rotary_factor": 0.5}),
    "stablelm, parallel": (
        "StableLmConfig",
        {"partial_rotary_factor": 0.5, "use_parallel_residual": True},
    ),
    "starcoder2": ("Starcoder2Config", {}),
    "olmo": ("OlmoConfig", {}),
    "olmo, clipped": ("OlmoConfig", {"clip_qkv": 0.05}),
    "olmo2": ("Olmo2Config", {}),
    "olmo3": ("Olmo3Config", {}),
    "olmoe": ("OlmoeConfig", {}),
    "cohere": ("CohereConfig", {}),
    "cohere2": ("Cohere2Config", {}),
    "granite": (
        "GraniteConfig",
        {"logits_scaling": 4.0, "residual_multiplier": 0.5, "embedding_multiplier": 3.0},
    ),
    "granite-moe": ("GraniteMoeConfig", {"residual_multiplier": 0.5}),
    "smollm3": ("SmolLM3Config", {}),
    "nemotron": ("NemotronConfig", {}),
    "arcee": ("ArceeConfig", {}),
    "helium": ("HeliumConfig", {}),
    "glm": ("GlmConfig", {}),
    "glm4": ("Glm4Config", {}),
    "exaone4": ("Exaone4Config", {}),
    "ernie4.5": ("Ernie4_5Config", {}),
    "seed-oss": ("SeedOssConfig", {}),
    "apertus": ("ApertusConfig", {}),
    "gpt-oss": ("GptOssConfig", {"sliding_window": 8}),
    "hunyuan-dense": ("HunYuanDenseV1Config", {}),
    "nanochat": ("NanoChatConfig", {}),
    "biogpt": ("BioGptConfig", {}),
    "persimmon": ("PersimmonConfig", {}),
    "mamba": ("MambaConfig", {}),
    "recurrent-gemma": ("RecurrentGemmaConfig", {}),
}
TOKENS = (2, 14)
HEAD = 2
"""The head whose output is swapped: not one at the edge."""


def make_config(name: str) -> Any:
    """A small config of a family."""
    kind, more = FAMILIES[name]
    known = getattr(transformers, kind)
    default = known()
    sizes = {key: value for key, value in _SIZES.items() if key in vars(default)}
    if "layer_types" in vars(default):
        default.layer_types = None
    return known(**{**sizes, **more})


def make_network(name: str) -> torch.nn.Module:
    """Random weights in a family's shape, norms and biases perturbed; the same at each call."""
    network = untrained_network(make_config(name))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            spread = 0.3 if weight.ndim == 1 else 0.1
            weight.add_(torch.randn(weight.shape, generator=generator) * spread)
    return network


def compare(name: str) -> dict[str, Any]:
    """Hold a family against plain transformers.

    Args:
        name: One of `FAMILIES`.

    Returns:
        `refused`, or the largest errors `log_prob` (nats), `pattern` and `swap` (nats), what is
        not true of the family (`fails`), and whether it is replayed.
    """
    with quiet_libraries(), plain_settings(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = network_model(lambda: make_network(name), name, "random weights")
        except ModelError as error:
            why = say_briefly(error).removeprefix("UnsupportedModelError: ")
            return {"refused": re.sub(r" from \S*/tmp\w+", "", why)}
        tokens = torch.randint(1, model.d_vocab, TOKENS, generator=torch.Generator().manual_seed(2))
        plain = make_network(name)
        right = plain(tokens, use_cache=False, output_attentions=True)
        found: dict[str, Any] = {
            "log_prob": _try(
                lambda: _difference(
                    _of_targets(right.logits, tokens), predict(model, tokens).log_prob
                )
            ),
            "pattern": _try(lambda: _patterns(model, tokens, right.attentions)),
            "swap": _try(lambda: _swap(model, name, plain, tokens)),
            "fails": dict(model.fails),
            "replayed": can_replay(model, tokens.shape[1]),
        }
    return found


def _try(measure: Callable[[], float]) -> float | str:
    """A difference, or by what it was refused."""
    try:
        return measure()
    except ModelError as error:
        return f"refused: {type(error).__name__}"


def _difference(found: Tensor, right: Tensor) -> float:
    return float((found - right).abs().max())


def _of_targets(logits: Tensor, tokens: Tensor) -> Tensor:
    return logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]


def _patterns(model: Model, tokens: Tensor, attentions: tuple[Tensor, ...]) -> float:
    sites = [Site("pattern", layer) for layer in range(model.n_layers)]
    found = collect(model, tokens, {site: lambda pattern, _rows: pattern.clone() for site in sites})
    return max(
        _difference(found[site], right) for site, right in zip(sites, attentions, strict=True)
    )


def _swap(model: Model, name: str, plain: torch.nn.Module, tokens: Tensor) -> float:
    """One head of each layer, swapped between the sequences: by `patch`, and in plain torch."""
    worst = 0.0
    for layer, output in enumerate(_outputs(name)):
        site = Site("z", layer)
        z = collect(model, tokens, {site: lambda value, _rows: value.clone()})[site]
        with patch(model, f"L{layer}H{HEAD}", z[:, :, HEAD].flip(0)):
            found = predict(model, tokens).log_prob
        with _swapped_in(plain.get_submodule(output), model.d_head):
            right = _of_targets(plain(tokens, use_cache=False).logits, tokens)
        worst = max(worst, _difference(found, right))
    return worst


def _outputs(name: str) -> list[str]:
    """Where in the plain network each layer's attention writes: the bridge knows which module."""
    names: dict[int, str] = {}
    kept: list[torch.nn.Module] = []

    def read() -> torch.nn.Module:
        network = make_network(name)
        kept.append(network)  # or another network could get the same ids
        names.update({id(module): path for path, module in network.named_modules()})
        return network

    model = network_model(read, name, "random weights")
    return [names[id(block.attn.o.original_component)] for block in model.bridge.blocks]


@contextmanager
def _swapped_in(output: torch.nn.Module, d_head: int) -> Iterator[None]:
    def swap(_module: object, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        z = args[0].unflatten(-1, (-1, d_head)).clone()
        z[..., HEAD, :] = z[..., HEAD, :].flip(0)
        return (z.flatten(-2), *args[1:])

    handle = output.register_forward_pre_hook(swap)
    try:
        yield
    finally:
        handle.remove()


def main(arguments: list[str]) -> int:
    """Compare the families, print a line each, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks families", description=__doc__)
    parser.add_argument("names", nargs="*", help="which (all)")
    parser.add_argument("--build", type=Path, default=Path("build/bench"), help="where to write")
    chosen = parser.parse_args(arguments)
    rows: dict[str, dict[str, Any]] = {}
    for name in chosen.names or FAMILIES:
        rows[name] = compare(name)
        sys.stdout.write(f"{name}: {rows[name]}\n")
        sys.stdout.flush()
    write_json(rows, chosen.build / "families.json")
    sys.stdout.write(f"written: {chosen.build / 'families.json'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
