"""Heads drawn at random as a control: as many, from the same layers."""

from collections import Counter
from collections.abc import Sequence

import torch

from helpers.heads import Head
from helpers.models import Model


def draw_matched(
    group: Sequence[Head],
    model: Model,
    *,
    draws: int = 20,
    seed: int = 0,
    never: Sequence[Head] = (),
) -> list[list[Head]]:
    """Draw groups of random heads with as many heads in each layer as the given one has there.

    In each layer the heads are drawn from those that are not in the group. Where it takes more
    than half of a layer, so that too few others are left, they are drawn from the whole layer:
    such draws share heads with the group, which makes them a harder control, not an easier one.

    Args:
        group: The heads to match.
        model: Only its numbers of layers and heads are used.
        draws: How many groups to draw. Small groups have few different draws: some repeat.
        seed: Seed of a generator of its own.
        never: Heads that may not be drawn, because they are what is watched.

    Returns:
        The groups, each in order.

    Raises:
        ValueError: If a head does not exist or is named twice, or too few may be drawn.
    """
    if len(set(group)) < len(group):
        raise ValueError(f"A head is named twice: {', '.join(map(str, group))}.")
    taken = Counter(head.check(model.n_layers, model.n_heads).layer for head in group)
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for _ in range(draws):
        heads = []
        for layer, count in sorted(taken.items()):
            every = [h for i in range(model.n_heads) if (h := Head(layer, i)) not in never]
            if len(every) < count:
                raise ValueError(
                    f"Layer {layer} has no {count} heads to draw from that are not watched."
                )
            others = [head for head in every if head not in group]
            pool = others if len(others) >= count else every
            picks = torch.randperm(len(pool), generator=generator)[:count]
            heads += [pool[i] for i in picks.tolist()]
        drawn.append(sorted(heads))
    return drawn
