"""How far a mean over a few sequences can be trusted."""

import torch
from jaxtyping import Float
from torch import Tensor


def bootstrap_interval(
    values: Float[Tensor, "sample *rest"],
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[Float[Tensor, "*rest"], Float[Tensor, "*rest"]]:
    """Percentile bootstrap interval of the mean over the first dimension.

    Samples are drawn again with replacement `draws` times; the interval holds the middle
    `level` share of the means. Whole samples are drawn, so entries of one sequence stay
    together.

    Args:
        values: One entry for each sample (sequence) in the first dimension.
        level: Share of the means inside the interval, between 0 and 1.
        draws: Number of bootstrap samples.
        seed: Seed of a generator of its own.

    Returns:
        Lower and upper ends, each of the shape of one sample.

    Raises:
        ValueError: If there are no samples or level is not between 0 and 1.

    Source: Efron 1979; percentile method.
    """
    samples = values.shape[0]
    if samples == 0:
        raise ValueError("An interval needs at least one sample, got none.")
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, got {level}.")
    generator = torch.Generator().manual_seed(seed)
    counts = _draw(samples, draws, generator)
    flat = values.reshape(samples, -1).to("cpu", torch.float32)
    means = (counts / samples) @ flat
    tail = (1 - level) / 2
    ends = torch.quantile(means, means.new_tensor([tail, 1 - tail]), dim=0)
    low, high = ends.reshape(2, *values.shape[1:])
    return low, high


def bootstrap_top(
    values: Float[Tensor, "group sample *item"], *, draws: int = 2000, seed: int = 0
) -> Float[Tensor, "*item"]:
    """In what share of bootstrap draws each item has the largest mean.

    Samples are drawn again with replacement within every group (stratified), then averaged over
    all of them. Range [0, 1]; the shares add up to 1: items that tie for the largest mean share
    the draw.

    Args:
        values: One entry for each sample (sequence) of each group (seed) and each item (head).
        draws: Number of bootstrap samples.
        seed: Seed of a generator of its own.

    Returns:
        Shares, of the shape of one sample.

    Raises:
        ValueError: If there are no samples.

    Source: Efron 1979; the stability of a ranking after Hall and Miller 2009.
    """
    groups, samples = values.shape[:2]
    if groups * samples == 0:
        raise ValueError("A ranking needs at least one sample, got none.")
    generator = torch.Generator().manual_seed(seed)
    flat = values.reshape(groups, samples, -1).to("cpu", torch.float32)
    sums = torch.stack([_draw(samples, draws, generator) @ group for group in flat]).sum(0)
    top = (sums == sums.max(1, keepdim=True).values).float()
    return (top / top.sum(1, keepdim=True)).mean(0).reshape(values.shape[2:])


def _draw(samples: int, draws: int, generator: torch.Generator) -> Float[Tensor, "draw sample"]:
    """How often each sample is drawn, in each of many draws with replacement."""
    picks = torch.randint(samples, (draws, samples), generator=generator)
    counts = torch.zeros(draws, samples, dtype=torch.float32)
    return counts.scatter_add_(1, picks, torch.ones_like(counts))
