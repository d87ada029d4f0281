"""Where heads look while something is done to the model, without running what it cannot reach."""

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.models import CleanRun, Model, Site
from helpers.running import collect


def look(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    heads: Sequence[Head],
    run: CleanRun | None,
    first: int,
) -> list[tuple[Float[Tensor, "batch pos pos"], Float[Tensor, "batch pos d_head"]]]:
    """The patterns of heads and what they gather, as the model is now.

    Args:
        model: The model.
        tokens: Token ids.
        heads: Which heads.
        run: A clean run of the tokens to go on from; without one the model is run from its start.
        first: The first layer in which something is done; below it the clean run holds.

    Returns:
        For each head its pattern, on the CPU, and what it gathers (before W_O).
    """
    sites = [Site(kind, layer) for kind in ("pattern", "z") for layer in {h.layer for h in heads}]
    if run is None:
        found = collect(model, tokens, {site: lambda value, _rows: value.clone() for site in sites})
    else:
        found: dict[Site, Tensor] = {}
        keep = {s: lambda value, s=s: found.update({s: value}) for s in sites}
        layers = [head.layer for head in heads]
        with model.hooked(keep):
            run.go_on(min(first, *layers), max(layers) + 1)
    return [
        (
            found[Site("pattern", head.layer)][:, head.head].cpu(),
            found[Site("z", head.layer)][:, :, head.head].clone(),
        )
        for head in heads
    ]
