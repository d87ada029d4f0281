"""Labelled results in, plotly figures out; never a model."""

from helpers.plots.attention import plot_attention
from helpers.plots.baselines import plot_circuit_baselines, plot_summed
from helpers.plots.causes import (
    plot_cut_paths,
    plot_dependence,
    plot_direct_logits,
    plot_faithfulness,
)
from helpers.plots.circuit import plot_ladder, plot_pairs
from helpers.plots.composition import plot_composition, plot_composition_and_attention
from helpers.plots.controls import plot_layer_controls
from helpers.plots.effects import (
    plot_cell_effects,
    plot_effect_grid,
    plot_estimates,
    plot_layer_effects,
    plot_target_effects,
)
from helpers.plots.fuzzy import plot_damage, plot_distance, plot_shuffle
from helpers.plots.heads import plot_head_scores, plot_ranking
from helpers.plots.loss import plot_loss
from helpers.plots.removal import plot_dissociation, plot_group_effects, plot_removal_curve
from helpers.plots.save import save
from helpers.plots.stability import plot_stability
from helpers.plots.text import plot_text_repeats, plot_text_scores

__all__ = [
    "plot_attention",
    "plot_cell_effects",
    "plot_circuit_baselines",
    "plot_composition",
    "plot_composition_and_attention",
    "plot_cut_paths",
    "plot_damage",
    "plot_dependence",
    "plot_direct_logits",
    "plot_dissociation",
    "plot_distance",
    "plot_effect_grid",
    "plot_estimates",
    "plot_faithfulness",
    "plot_group_effects",
    "plot_head_scores",
    "plot_ladder",
    "plot_layer_controls",
    "plot_layer_effects",
    "plot_loss",
    "plot_pairs",
    "plot_ranking",
    "plot_removal_curve",
    "plot_shuffle",
    "plot_stability",
    "plot_summed",
    "plot_target_effects",
    "plot_text_repeats",
    "plot_text_scores",
    "save",
]
