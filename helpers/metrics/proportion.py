"""How far a share of a sample can be trusted."""

import math


def wilson_interval(share: float, size: int, *, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share, for example an accuracy over a sample of tokens.

    ends = (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n). Inside [0, 1] even for
    shares of 0 and 1.

    Args:
        share: Share p of hits, in [0, 1].
        size: How many were tried, n.
        z: Quantile of the normal distribution; 1.96 gives 95 %.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: If the share is not in [0, 1] or nothing was tried.

    Source: Wilson 1927.
    """
    if not 0 <= share <= 1 or size < 1:
        raise ValueError(f"Need a share in [0, 1] of at least one try, got {share} of {size}.")
    middle = share + z * z / (2 * size)
    half = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    scale = 1 + z * z / size
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
