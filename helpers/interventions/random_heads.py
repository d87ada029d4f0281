"""Heads drawn at random as a control: as many, from the same layers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import torch

from helpers.heads import Head
from helpers.models import Model

RANDOM_SEQUENCES = 8
"""On how many sequences random heads are measured: many draws of heads matter more there."""


def read_groups(
    model: Model, groups: Mapping[str, str | Head | Iterable[str | Head]]
) -> dict[str, list[Head]]:
    """Named groups of heads, heads in any form; empty groups are left out.

    Raises:
        ValueError: If no group has any head, or a head does not exist.
    """
    if not isinstance(groups, Mapping):
        raise ValueError('Give the groups with their names: {"induction": ["L5H5", "L6H9"]}.')
    one = (str, Head)
    heads = {name: [g] if isinstance(g, one) else list(g) for name, g in groups.items()}
    named = {name: model.parse_heads(group) for name, group in heads.items() if group}
    if not named:
        raise ValueError("There is no group with any head in it.")
    return named


def sample_random_heads(
    group: Sequence[Head],
    model: Model,
    *,
    draws: int = 20,
    seed: int = 0,
    exclude: Sequence[Head] = (),
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
        exclude: Heads that may not be drawn, because they are what is watched.

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
            every = [h for i in range(model.n_heads) if (h := Head(layer, i)) not in exclude]
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


def sample_controls(
    groups: Iterable[Sequence[Head]],
    model: Model,
    *,
    draws: int,
    seed: int,
    exclude: Sequence[Head] = (),
) -> list[list[Head]]:
    """Random heads for several groups: all draws of the first, then all of the second.

    Args:
        groups: The groups to match; see `sample_random_heads`.
        model: The model.
        draws: How many for each.
        seed: Seed, the same for each.
        exclude: Heads that may not be drawn.
    """
    return [
        heads
        for group in groups
        for heads in sample_random_heads(group, model, draws=draws, seed=seed, exclude=exclude)
    ]
