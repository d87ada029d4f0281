"""Does an induction head keep its pattern when the previous-token heads are gone?"""

from collections.abc import Iterable, Mapping, Sequence

import torch
import xarray as xr

from helpers.experiments.provenance import RANDOM_SEQUENCES, run_attrs
from helpers.heads import Head, parse_heads
from helpers.interventions import (
    Removal,
    attention_work_without,
    draw_matched,
    reduce_without,
)
from helpers.metrics import induction_score
from helpers.models import Model
from helpers.progress import track
from helpers.results import label_array
from helpers.tokens import RepeatedTokens

_SCORE = {"long_name": "induction score"}


def score_without(
    model: Model,
    sample: RepeatedTokens,
    heads: str | Head | Iterable[str | Head],
    groups: Mapping[str, Sequence[Head]],
    *,
    method: Removal = "mean",
    draws: int = 20,
) -> xr.Dataset:
    """Induction scores of some heads with groups of other heads removed.

    Args:
        model: The model.
        sample: Repeated tokens.
        heads: The induction heads that are watched.
        groups: Name and heads of what is removed; empty groups are left out.
        method: What is put in their place; see `helpers.interventions.Removals`.
        draws: How many groups of random heads of the same layers to compare each with; they
            never hold a watched head.

    Returns:
        Dataset of `score` over `removed` ("nothing", then the groups), `head_name`, `sequence`,
        in [0, 1]; `random` over `removed`, `draw`, `head_name`: the same for random heads,
        averaged over the first 8 sequences (for "nothing" the score itself); `heads` over
        `removed`.

    Raises:
        ValueError: If there is no group, or a head does not exist.
    """
    watched = parse_heads(heads)
    named = {name: list(group) for name, group in groups.items() if group}
    if not named:
        raise ValueError("There is no group with any head in it.")
    n, seed = sample.n, sample.seed
    few = min(RANDOM_SEQUENCES, len(sample))
    drawn = [
        group
        for heads_of in named.values()
        for group in draw_matched(heads_of, model, draws=draws, seed=seed, never=watched)
    ]
    stages = [([[], *named.values()], None), (drawn, few)]
    work = [
        attention_work_without(model, sample.tokens, some, watched, method=method, first=first)
        for some, first in stages
    ]
    with track(sum(work), "watching heads without others") as bar:
        found, scores = (
            reduce_without(
                model,
                sample.tokens,
                some,
                watched,
                lambda pattern: induction_score(pattern, n),
                method=method,
                seed=seed,
                first=first,
                track=bar.part(amount),
            )
            for (some, first), amount in zip(stages, work, strict=True)
        )
    random = scores.mean(-1).unflatten(0, (len(named), draws))
    clean = found[:1, :, :few].mean(-1)[:, None].expand(1, draws, len(watched))
    coords = {"removed": ["nothing", *named], "head_name": [str(head) for head in watched]}
    return xr.Dataset(
        {
            "score": label_array(
                found, ("removed", "head_name", "sequence"), coords=coords, **_SCORE
            ),
            "random": label_array(
                torch.cat([clean, random]),
                ("removed", "draw", "head_name"),
                coords=coords,
                **_SCORE,
            ),
            "heads": ("removed", ["", *(", ".join(map(str, group)) for group in named.values())]),
        },
        attrs={**run_attrs(model, sample), "method": method, "draws": draws},
    )
