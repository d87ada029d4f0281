"""Putting values into a running model, and taking them out again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from helpers.models import Model, Site


@contextmanager
def patched(model: Model, values: Mapping[Site, tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Put given values at given positions while the context lasts.

    Args:
        model: The model.
        values: For each site the positions, `[batch, k]`, and what to put there,
            `[batch, k, ...]`: row b of the activation gets `value[b, j]` at `position[b, j]`.
    """

    def put(positions: Tensor, value: Tensor) -> Callable[[Tensor], Tensor]:
        def edit(activation: Tensor) -> Tensor:
            edited = activation.clone()
            batch = torch.arange(len(edited), device=edited.device)[:, None]
            edited[batch, positions.to(edited.device)] = value.to(edited)
            return edited

        return edit

    hooks = {site: put(positions, value) for site, (positions, value) in values.items()}
    with model.hooked(hooks):
        yield
