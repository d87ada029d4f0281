"""What is put in place of an output: the first half's, nothing, the average, another sequence's."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import activations
from helpers.models import Model
from helpers.progress import Track, silent

Component = Literal["mlp_out", "attn_out", "z"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
Method = Literal["first_half", "zero", "mean", "resample"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, repr=False)
class Replacement:
    """Clean outputs of the second half, and what stands in for them.

    Position i is position N + 1 + i. A unit is what is replaced by itself: a layer's whole
    output for "mlp_out" and "attn_out" (one unit), one head's for "z" (a unit a head).

    Args:
        component: What is replaced.
        clean: What the model computes there.
        value: What is put there.
    """

    component: Component
    clean: Float[Tensor, "layer batch position *rest"]
    value: Float[Tensor, "layer batch position *rest"]

    @property
    def units(self) -> int:
        """How many units a layer has."""
        return self.clean.shape[3] if self.component == "z" else 1

    def of_sequences(self, rows: slice) -> "Replacement":
        """The same for some of the sequences."""
        return Replacement(self.component, self.clean[:, rows], self.value[:, rows])

    def of_units(
        self, layer: int, rows: slice, *, units: slice = slice(None)
    ) -> Float[Tensor, "batch unit position *rest"]:
        """A layer's output with one unit replaced, for each unit.

        Args:
            layer: Which layer.
            rows: Which sequences.
            units: Which units.

        Returns:
            Whole outputs: other heads keep what they had.
        """
        clean, value = self.clean[layer, rows], self.value[layer, rows]
        if self.component != "z":
            return value[:, None]
        chosen = range(self.units)[units]
        outputs = clean[:, None].repeat(1, len(chosen), 1, 1, 1)
        for i, head in enumerate(chosen):
            outputs[:, i, :, head] = value[:, :, head]
        return outputs


def make_replacement(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    *,
    component: Component,
    method: Method,
    seed: int = 0,
    track: Track = silent,
) -> Replacement:
    """Run the model once and decide what goes in place of each second-half output.

    | method     | out[p] for p = N+1 … 2N becomes                                      |
    |------------|----------------------------------------------------------------------|
    | first_half | out[p - N] of the same sequence: the same token, one repeat earlier  |
    | zero       | 0                                                                    |
    | mean       | the mean of out[p] over sequences                                    |
    | resample   | out[p] of another sequence: a seeded cycle through all of them       |

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        component: "mlp_out", "attn_out" or "z" (single heads, before W_O).
        method: See above.
        seed: Seed of the cycle.
        track: Shows how far the run has come.

    Raises:
        ValueError: If component or method is unknown, the tokens are no `[BOS, r, r]`, or "mean"
            or "resample" has only one sequence to take from.
        UnsupportedModelError: If the model has no such outputs.
    """
    if component not in COMPONENTS:
        raise ValueError(f"Unknown component {component!r}; there are {', '.join(COMPONENTS)}.")
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}; there are {', '.join(METHODS)}.")
    if tokens.shape[1] != 2 * n + 1:
        raise ValueError(f"N = {n} needs {2 * n + 1} tokens (BOS, r, r), got {tokens.shape[1]}.")
    if method in {"mean", "resample"} and len(tokens) < 2:
        raise ValueError(f'"{method}" takes from other sequences: give at least 2, got 1.')
    outputs = activations(model, tokens, component, range(model.n_layers), track=track)
    clean = outputs[:, :, n + 1 :]
    if method == "first_half":
        value = outputs[:, :, 1 : n + 1]
    elif method == "zero":
        value = torch.zeros_like(clean)
    elif method == "mean":
        value = clean.mean(1, keepdim=True).expand_as(clean)
    else:
        value = clean[:, another_sequence(len(tokens), seed)]
    return Replacement(component, clean, value)


def another_sequence(sequences: int, seed: int) -> Int[Tensor, " batch"]:
    """For each sequence another one to take from: a seeded cycle through all of them.

    Args:
        sequences: How many there are, at least 2.
        seed: Seed of a generator of its own.
    """
    order = torch.randperm(sequences, generator=torch.Generator().manual_seed(seed))
    other = torch.empty_like(order)
    other[order] = order.roll(1)
    return other
