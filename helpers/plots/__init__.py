"""Labelled results in, plotly figures out; never a model."""

from helpers.plots.attention import plot_attention
from helpers.plots.circuit import plot_composition, plot_ladder, plot_pairs
from helpers.plots.effects import (
    plot_cell_effects,
    plot_effect_grid,
    plot_estimates,
    plot_layer_effects,
    plot_target_effects,
)
from helpers.plots.heads import plot_head_scores, plot_ranking
from helpers.plots.loss import plot_loss

__all__ = [
    "plot_attention",
    "plot_cell_effects",
    "plot_composition",
    "plot_effect_grid",
    "plot_estimates",
    "plot_head_scores",
    "plot_ladder",
    "plot_layer_effects",
    "plot_loss",
    "plot_pairs",
    "plot_ranking",
    "plot_target_effects",
]
