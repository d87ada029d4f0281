"""Chapter 4: what are the MLPs needed for?"""

from helpers.chapters.mlps.describe import (
    describe_ablation,
    describe_answer,
    describe_attribution,
    describe_layer_controls,
)
from helpers.chapters.mlps.measure import ablate_positions, ablate_second_half, attribute_positions
from helpers.chapters.mlps.measure_controls import ablate_layers
from helpers.chapters.mlps.plot import (
    plot_cell_effects,
    plot_effect_grid,
    plot_estimates,
    plot_layer_controls,
    plot_layer_effects,
    plot_target_effects,
)
from helpers.inputs import sample_repeated_tokens
