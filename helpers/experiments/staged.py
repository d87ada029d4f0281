"""Several removals one after the other, each on as many sequences as it needs, under one bar."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from helpers.interventions import Part, Removal, predict_without, work_without
from helpers.models import Model
from helpers.progress import track
from helpers.tokens import RepeatedTokens


def losses_without(
    model: Model,
    sample: RepeatedTokens,
    stages: Sequence[tuple[Sequence[Sequence[Part]], int | None]],
    *,
    method: Removal,
    targets: slice,
    label: str,
) -> list[Float[Tensor, "group sequence"]]:
    """Loss without each group of heads, averaged over the targets.

    Args:
        model: The model.
        sample: Repeated tokens.
        stages: Groups, and on how many of the first sequences they are measured (None: all).
        method: What stands in for what is removed.
        targets: Which targets count.
        label: What the bar says.

    Returns:
        One tensor a stage, nats.
    """
    work = [
        work_without(model, sample.tokens, groups, method=method, targets=targets, first=first)
        for groups, first in stages
    ]
    with track(sum(work), label) as bar:
        return [
            -predict_without(
                model,
                sample.tokens,
                groups,
                method=method,
                targets=targets,
                seed=sample.seed,
                first=first,
                track=bar.part(amount),
            ).mean(-1)
            for (groups, first), amount in zip(stages, work, strict=True)
        ]
