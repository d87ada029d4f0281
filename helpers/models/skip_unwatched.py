"""Running TransformerLens' blocks without the work that nobody looks at; the numbers stay."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from transformer_lens.model_bridge.generalized_components import NormalizationBridge


@contextmanager
def skip_unwatched(blocks: Iterable[Any]) -> Iterator[None]:
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
    if not isinstance(norm, NormalizationBridge) or norm.original_component is None:
        return False
    points = (norm.hook_in, norm.hook_out, norm.hook_scale, norm.hook_normalized)
    if any(point.fwd_hooks or point.bwd_hooks for point in points):
        return False
    if norm not in _same:
        _same[norm] = _is_own(norm)
    return _same[norm]


_same: WeakKeyDictionary[NormalizationBridge, bool] = WeakKeyDictionary()


def _is_own(norm: NormalizationBridge) -> bool:
    """Try it: folding may have left the model's own norm with other weights, or none."""
    own: Any = norm.original_component
    weight = getattr(own, "weight", None)
    if not isinstance(weight, torch.Tensor):
        return False
    x = torch.linspace(-2, 3, weight.numel(), dtype=weight.dtype, device=weight.device) ** 3
    with torch.no_grad():
        return torch.allclose(type(norm).forward(norm, x[None]), own(x[None]), atol=1e-6, rtol=1e-5)
