"""Sentences made from results, so that no text can say what the numbers do not."""

from helpers.prose.ablation import describe_ablation, describe_attribution
from helpers.prose.causes import (
    describe_cuts,
    describe_dependence,
    describe_direct_logits,
    describe_faithfulness,
)
from helpers.prose.circuit import (
    describe_circuit,
    describe_circuit_baselines,
    describe_copying,
    describe_summed,
)
from helpers.prose.heads import describe_heads, describe_pair
from helpers.prose.loss import describe_loss
from helpers.prose.parts import Prose
from helpers.prose.removal import (
    describe_curve,
    describe_dissociation,
    describe_groups,
    describe_layer_controls,
    describe_removal,
)
from helpers.prose.stability import describe_stability
from helpers.prose.text import (
    describe_damage,
    describe_distance,
    describe_shuffle,
    describe_text_induction,
    describe_text_repeats,
)

__all__ = [
    "Prose",
    "describe_ablation",
    "describe_attribution",
    "describe_circuit",
    "describe_circuit_baselines",
    "describe_copying",
    "describe_curve",
    "describe_cuts",
    "describe_damage",
    "describe_dependence",
    "describe_direct_logits",
    "describe_dissociation",
    "describe_distance",
    "describe_faithfulness",
    "describe_groups",
    "describe_heads",
    "describe_layer_controls",
    "describe_loss",
    "describe_pair",
    "describe_removal",
    "describe_shuffle",
    "describe_stability",
    "describe_summed",
    "describe_text_induction",
    "describe_text_repeats",
]
