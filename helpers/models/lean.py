"""Running TransformerLens' blocks without the work that nobody looks at; the numbers stay."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from transformer_lens.model_bridge.generalized_components import (
    NormalizationBridge,
    RMSNormalizationBridge,
)


@contextmanager
def lean(blocks: Iterable[Any]) -> Iterator[None]:
    """Leave two things out of blocks while the context lasts.

    In compatibility mode attention guards each softmax against queries that may look at nothing,
    in eight passes over the pattern; that takes padding, and nothing here is padded. And each
    norm works out its scale and its normalized input for hooks to see, beside what it returns:
    left out where there is no hook.

    Args:
        blocks: Blocks of a bridge.
    """
    guarded, norms = [], []
    for block in blocks:
        attention = getattr(block, "attn", None)
        if attention is not None and attention.compatibility_mode:
            guarded.append(attention)
        norms += [norm for norm in block.children() if _only_observes(norm)]
    try:
        for attention in guarded:
            attention.compatibility_mode = False
        for norm in norms:
            object.__setattr__(norm, "forward", norm.original_component.forward)
        yield
    finally:
        for attention in guarded:
            attention.compatibility_mode = True
        for norm in norms:
            norm.__dict__.pop("forward", None)


def _only_observes(norm: Any) -> bool:
    """Whether a norm returns what the model's own norm returns, and nobody watches it."""
    if type(norm) not in {NormalizationBridge, RMSNormalizationBridge}:
        return False
    own = norm.use_native_layernorm_autograd or getattr(norm.config, "layer_norm_folding", False)
    points = (norm.hook_in, norm.hook_out, norm.hook_scale, norm.hook_normalized)
    return bool(own) and not any(point.fwd_hooks or point.bwd_hooks for point in points)
