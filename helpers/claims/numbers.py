"""Numbers with what belongs to them, and the names under which the notebooks keep results."""

import math
from dataclasses import dataclass

LOSS_BLOG, LOSS = "loss_blog", "loss"
SCORES_BLOG, SCORES = "scores_blog", "scores"
STABILITY = "stability"
MLP_POSITIONS, MLP_SECOND_HALF, LAYERS = "mlp_positions", "mlp_second_half", "layers"
CIRCUIT, LADDER, COMPOSITION = "circuit", "ladder", "composition"
BASELINES, SUMMED, COPYING = "circuit_baselines", "circuit_summed", "copying_group"
REMOVED, DEPENDENCE, CUTS = "removed_groups", "dependence", "cuts"
LOGITS, FAITHFULNESS = "direct_logits", "faithfulness"
TEXT, REPEATS = "text_induction", "text_repeats"
DAMAGE, DISTANCE = "fuzzy_damage", "fuzzy_distance"


@dataclass(frozen=True)
class Number:
    """One measured number, with its 95 % interval and its chance level if it has them."""

    value: float
    low: float = math.nan
    high: float = math.nan
    chance: float = math.nan


def plain(value: float) -> float | None:
    """A number for JSON: what is not finite is null."""
    return value if math.isfinite(value) else None


def show(value: float | None) -> str:
    """A number for a table."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 0.01 or value == 0:
        return f"{value:.3f}"
    return f"{value:.4f}" if abs(value) >= 0.0001 else f"{value:.0e}"
