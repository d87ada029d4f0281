"""How much of the repeat do a few heads keep, alone?"""

from collections.abc import Mapping, Sequence

import torch
import xarray as xr

from helpers.experiments.provenance import RANDOM_SEQUENCES, run_attrs
from helpers.experiments.staged import losses_without
from helpers.heads import Head
from helpers.interventions import Removal, draw_matched
from helpers.metrics import part_slice
from helpers.models import Model
from helpers.results import label_array
from helpers.tokens import RepeatedTokens

_LOSS = {"long_name": "loss of the second half", "units": "nats"}


def measure_faithfulness(
    model: Model,
    sample: RepeatedTokens,
    circuits: Mapping[str, Sequence[Head]],
    *,
    method: Removal = "mean",
    draws: int = 20,
) -> xr.Dataset:
    """Keep a few heads only, and remove all others: how much of the repeat is left?

    MLPs stay. faithfulness = (loss without any head - loss with the kept heads only)
    / (loss without any head - loss of the whole model): 1 keeps all, 0 keeps nothing.

    Args:
        model: The model.
        sample: Repeated tokens.
        circuits: Name and heads of what is kept; empty ones are left out.
        method: What is put in place of the other heads.
        draws: How many groups of random heads of the same layers to keep instead, for each.

    Returns:
        Dataset of `loss` over `kept` ("all heads", "no heads", then the circuits) and `sequence`:
        second-half loss, seam left out, in nats; `random` over `kept`, `draw`, averaged over
        the first 8 sequences (NaN for the first two); and `size` and `heads` over `kept`.

    Raises:
        ValueError: If there is no circuit, or a head does not exist.
    """
    named = {name: list(heads) for name, heads in circuits.items() if heads}
    if not named:
        raise ValueError("There is no circuit with any head in it.")
    drawn = [
        group
        for heads in named.values()
        for group in draw_matched(heads, model, draws=draws, seed=sample.seed)
    ]
    few = min(RANDOM_SEQUENCES, len(sample))
    kept = [model.heads(), [], *named.values()]

    targets = part_slice("second", sample.n)
    stages = [(_others(model, kept), None), (_others(model, drawn), few)]
    loss, of_drawn = losses_without(
        model, sample, stages, method=method, targets=targets, label="keeping a few heads"
    )
    random = torch.full((len(kept), draws), torch.nan)
    random[2:] = of_drawn.mean(-1).view(len(named), draws)
    coords = {"kept": ["all heads", "no heads", *named]}
    return xr.Dataset(
        {
            "loss": label_array(loss, ("kept", "sequence"), coords=coords, **_LOSS),
            "random": label_array(random, ("kept", "draw"), coords=coords, **_LOSS),
            "size": ("kept", [len(heads) for heads in kept]),
            "heads": (
                "kept",
                ["all", "", *(", ".join(map(str, heads)) for heads in named.values())],
            ),
        },
        attrs={**run_attrs(model, sample), "method": method, "draws": draws},
    )


def _others(model: Model, groups: Sequence[Sequence[Head]]) -> list[list[Head]]:
    """For each group all heads that are not in it."""
    return [[head for head in model.heads() if head not in set(keep)] for keep in groups]
