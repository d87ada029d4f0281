"""How firmly the best heads stand, in words."""

import xarray as xr

from helpers.prose.parts import Prose
from helpers.stability import share_on_top


def describe_stability(stability: xr.Dataset, by: str = "induction") -> Prose:
    """Whether other random tokens would have found the same head, in words.

    Args:
        stability: Result of `score_stability`.
        by: "induction" or "previous_token".
    """
    table = share_on_top(stability, by)
    best, second = table.iloc[0], table.iloc[1]
    seeds, sequences = stability.sizes["seed"], stability.sizes["sequence"]
    said = Prose(
        f"Over {seeds} x {sequences} sequences the best {by.replace('_', '-')} head of "
        f"**{stability.attrs['model']}** is **{best['head']}** with {best[by]:.3f} "
        f"[{best['low']:.3f}, {best['high']:.3f}]: on top in {best['seeds_on_top']} of {seeds} "
        f"seeds and in {best['draws_on_top']:.0%} of bootstrap draws. The runner-up "
        f"{second['head']} has {second[by]:.3f} [{second['low']:.3f}, {second['high']:.3f}] and "
        f"is on top in {second['draws_on_top']:.0%} of draws."
    )
    if "unrepeated" not in table:
        return said
    still, chance = best["unrepeated"], float(stability[by].attrs["chance"])
    verdict = (
        "it looks there because of what repeats, not because of how far away it is"
        if still < best[by] / 2
        else "it looks there even if nothing repeats, so its score says little about repeats"
    )
    return Prose(
        f"{said} Where nothing repeats the same entries get {still:.3f} from {best['head']} "
        f"(uniform attention: {chance:.3f}): {verdict}."
    )
