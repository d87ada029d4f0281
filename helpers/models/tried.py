"""A network made ready to be looked into, and held against what it says by itself."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from helpers.models.cache import cache_directory
from helpers.models.errors import ModelError, UnsupportedModelError
from helpers.models.model import Model
from helpers.models.network import plain_settings, read_tokenizer, say_briefly
from helpers.models.replay import TOLERANCE
from helpers.models.sources import Source
from helpers.models.trial import (
    differs_in_nats,
    swap_heads,
    trial_tokens,
    tried_layers,
    try_out,
    watch,
)
from helpers.models.wrap import FOLDINGS, wrap_bridge

_LIBRARIES = ("torch", "transformers", "transformer-lens")


@plain_settings()
def try_network(
    read: Callable[[], torch.nn.Module],
    directory: Path,
    source: Source,
    device: str,
    *,
    known: bool = True,
) -> Model:
    """Wrap a network; of the foldings take the first after which it says what it said before.

    Once tried, a model whose weights are pinned is known: the answer is kept in the cache.

    Args:
        read: Gives the plain network, the same each time.
        directory: Its config and tokenizer.
        source: What to say about its origin.
        device: Where to put it.
        known: Whether the source's revision says which weights these are.

    Raises:
        UnsupportedModelError: If TransformerLens does not know the network, or makes another of
            it, however it is folded.
    """
    tokenizer = read_tokenizer(directory)
    kept = _kept(source) if known else None
    told = _load(kept)
    if told:
        bridge = _boot(read(), directory, source, device)
        model = wrap_bridge(bridge, source, folding=told["folding"])
        return replace(model, saved_tokenizer=tokenizer, fails=told["fails"])
    worst = ""
    for folding in FOLDINGS:
        network = read().to(device)
        tokens = trial_tokens(*_sizes(network))
        right = _plain(network, tokens.to(device))
        bridge = _boot(network, directory, source, device)
        swapped = _swap(bridge, tokens.to(device))
        try:
            model = wrap_bridge(bridge, source, folding=folding)
            found, seen = watch(model, tokens)
        except ModelError:
            raise
        except Exception as error:  # a family that this folding does not know
            worst = worst or say_briefly(error)
            continue
        off = differs_in_nats(found, right)
        if off <= 1:
            fails = try_out(model, tokens, seen, right, swapped)
            _save(kept, {"folding": folding, "fails": fails})
            return replace(model, saved_tokenizer=tokenizer, fails=fails)
        worst = worst or f"log-probabilities differ by up to {off * TOLERANCE:.2g} nats"
    raise UnsupportedModelError(
        f"TransformerLens' {source.name} does not say what transformers' says: {worst}. "
        "Choose a model of another family; GPT-2, Llama and GPT-NeoX types work."
    )


def _sizes(network: torch.nn.Module) -> tuple[int, int]:
    """Vocabulary and context; a config that names no context reads at least a few tokens."""
    config: Any = network.config
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return text.vocab_size, getattr(text, "max_position_embeddings", None) or 1024


def _plain(network: torch.nn.Module, tokens: Tensor) -> Tensor:
    try:
        return network(tokens, use_cache=False).logits.log_softmax(-1)
    except Exception as error:
        raise UnsupportedModelError(
            f"transformers itself cannot run this model on a few tokens: {say_briefly(error)}"
        ) from error


def _boot(network: torch.nn.Module, directory: Path, source: Source, device: str) -> object:
    from transformer_lens.model_bridge import TransformerBridge

    try:
        return TransformerBridge.boot_transformers(
            str(directory), hf_model=network.to(device), device=device, dtype=torch.float32
        )
    except Exception as error:
        why = say_briefly(error).split(" Available architectures")[0]
        raise UnsupportedModelError(
            f"TransformerLens cannot load {source.name} from {directory}: {why}"
        ) from error


def _swap(bridge: Any, tokens: Tensor) -> Tensor | str:
    try:
        return swap_heads(bridge, tokens, tried_layers(bridge.cfg.n_layers))
    except Exception as error:
        return say_briefly(error)


def _kept(source: Source) -> Path | None:
    """Where the answer for these weights and this code is kept; nowhere if nothing pins them."""
    if source.revision == "unpinned":
        return None
    digest = hashlib.sha256(source.revision.encode())
    digest.update(repr([version(name) for name in _LIBRARIES]).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return cache_directory() / "trials" / f"{digest.hexdigest()[:32]}.json"


def _load(path: Path | None) -> Mapping | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8")) if path else None
        return told if told and told["folding"] in FOLDINGS and told["fails"] is not None else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _save(path: Path | None, told: Mapping) -> None:
    """Keep an answer; a cache that cannot be written costs the trial again, no more."""
    if path is not None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}.partial")
            partial.write_text(json.dumps(told, indent=2), encoding="utf-8")
            partial.replace(path)
