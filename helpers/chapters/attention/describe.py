"""What a head's pattern shows, in words."""

import numpy as np
import xarray as xr

from helpers.drawing.prose import Prose


def describe_stripe(scores: xr.Dataset, pattern: xr.DataArray, without: xr.DataArray) -> Prose:
    """The verdict on one head: its stripe, and what another head's ablation leaves of it.

    Args:
        scores: Result of `score_heads`, for the chance level.
        pattern: One head of `get_attention` on repeated tokens, over `query` and `key`.
        without: The same head inside an intervention.

    Raises:
        ValueError: If the patterns are of different heads.
    """
    names = {str(each["head_name"].item()) for each in (pattern, without)}
    if len(names) > 1:
        raise ValueError(f"These are patterns of different heads: {', '.join(sorted(names))}.")
    n = int(pattern.attrs["n"])
    query = np.arange(n + 1, 2 * n + 1)
    whole, left = (float(p.values[query, query - n + 1].mean()) for p in (pattern, without))
    chance = float(scores["induction"].attrs["chance"])
    return Prose(
        f"**Verdict for {pattern.attrs['model']}**: on this sequence {names.pop()} gives "
        f"{whole:.3f} of its second-half attention to the stripe (chance: {chance:.3f}), and "
        f"{left:.3f} inside *{without.attrs.get('interventions', 'nothing')}*. No claim rests on "
        f"one sequence: C5, C6 and E1 (chapter 2) measure the scores on all of them, E15 to E17 "
        f"(chapter 7) what the head depends on."
    )
