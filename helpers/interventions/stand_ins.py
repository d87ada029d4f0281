"""What stands in for removed heads and layers, and the edits that put it there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import activations
from helpers.heads import Head
from helpers.interventions.replacement import another_sequence
from helpers.models import Model, Site, SiteKind
from helpers.progress import Track, silent

Removal = Literal["zero", "mean", "resample"]
REMOVALS: tuple[Removal, ...] = get_args(Removal)
Part = Head | Site
"""A head, or all a layer writes: `Site("mlp_out", layer)` or `Site("attn_out", layer)`."""

Edits = Mapping[Site, Callable[[Tensor], Tensor]]


class Removals:
    """What stands in for removed parts, for all sequences of a sample.

    | method   | out[b, t] of a removed part becomes, for t >= 1                      |
    |----------|----------------------------------------------------------------------|
    | zero     | 0                                                                    |
    | mean     | the mean of out[t] over sequences                                    |
    | resample | out[t] of another sequence: a seeded cycle through all of them       |

    BOS (t = 0) is left as it is: what stands there is the same in every sequence.

    Args:
        model: The model.
        tokens: Sequences of one length, BOS first.
        groups: Everything that will be removed, in whatever groups.
        method: See above.
        seed: Seed of the cycle.
        track: Shows how far the run has come that what stands in is taken from.

    Raises:
        ValueError: If the method is unknown, there is only one sequence to take from, or a head
            or layer does not exist.
        UnsupportedModelError: If the model has no such outputs.
    """

    def __init__(
        self,
        model: Model,
        tokens: Int[Tensor, "batch pos"],
        groups: Sequence[Sequence[Part]],
        *,
        method: Removal,
        seed: int = 0,
        track: Track = silent,
    ) -> None:
        if method not in REMOVALS:
            raise ValueError(f"Unknown method {method!r}; there are {', '.join(REMOVALS)}.")
        if method != "zero" and len(tokens) < 2:
            raise ValueError(f'"{method}" takes from other sequences: give at least 2, got 1.')
        self._value: dict[Site, Tensor] = {}
        with track(stand_ins_work(model, tokens, groups, method), "seeing what stands in") as bar:
            for kind, layers in _layers(model, groups).items():
                if method == "zero":
                    found = torch.zeros(len(layers), 1, 1, device=model.device)
                else:
                    part = bar.part(tokens.numel() * (layers[-1] + 1))
                    outputs = activations(model, tokens, kind, layers, track=part)
                    found = _stand_in(outputs, method, seed)
                for layer, value in zip(layers, found, strict=True):
                    self._value[Site(kind, layer)] = value

    def edits(self, group: Sequence[Part], rows: slice) -> Edits:
        """Functions that take the group out of some sequences' activations.

        Args:
            group: What to remove.
            rows: Which sequences are being run.
        """
        heads: dict[Site, list[int] | None] = {}
        for part in group:
            if isinstance(part, Head):
                chosen = heads.setdefault(Site("z", part.layer), [])
                chosen.append(part.head)  # type: ignore[union-attr] - z is never None
            else:
                heads[part] = None
        return {site: self._edit(site, chosen, rows) for site, chosen in heads.items()}

    def value(self, site: Site, rows: slice) -> Float[Tensor, "batch pos *rest"]:
        """What stands in for a site; a dimension of 1 is the same for all."""
        value = self._value[site]
        return value if len(value) == 1 else value[rows]

    def _edit(self, site: Site, chosen: list[int] | None, rows: slice) -> Callable:
        value = self.value(site, rows)

        def edit(activation: Tensor) -> Tensor:
            edited = activation.clone()
            if chosen is None:
                edited[:, 1:] = value[:, 1:] if value.ndim > 2 else 0.0
            else:
                edited[:, 1:, chosen] = value[:, 1:, chosen] if value.ndim > 2 else 0.0
            return edited

        return edit


def stand_ins_work(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    groups: Sequence[Sequence[Part]],
    method: Removal,
) -> int:
    """What it takes to see what stands in, in positions that enter a block: for a bar's total."""
    if method == "zero":
        return 0
    return tokens.numel() * sum(layers[-1] + 1 for layers in _layers(model, groups).values())


def first_layer(model: Model, group: Sequence[Part]) -> int:
    """The first layer that removing a group changes; the number of layers if there is none."""
    return min((_site(model, part).layer for part in group), default=model.n_layers)


def _layers(model: Model, groups: Sequence[Sequence[Part]]) -> dict[SiteKind, list[int]]:
    """In which layers each kind of site is removed, in order."""
    sites = {_site(model, part) for group in groups for part in group}
    kinds: set[SiteKind] = {site.kind for site in sites}
    return {
        kind: sorted({site.layer for site in sites if site.kind == kind}) for kind in sorted(kinds)
    }


def _stand_in(
    outputs: Float[Tensor, "layer batch *rest"], method: Removal, seed: int
) -> Float[Tensor, "layer rows *rest"]:
    if method == "mean":
        return outputs.mean(1, keepdim=True)
    return outputs[:, another_sequence(outputs.shape[1], seed)]


def _site(model: Model, part: Part) -> Site:
    if isinstance(part, Head):
        return Site("z", part.check(model.n_layers, model.n_heads).layer)
    if part.kind not in {"mlp_out", "attn_out"} or not 0 <= part.layer < model.n_layers:
        raise ValueError(
            f"{part} cannot be removed: give heads, or Site('mlp_out', layer) or "
            f"Site('attn_out', layer) with a layer below {model.n_layers}."
        )
    return part
