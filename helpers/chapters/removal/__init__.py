"""Chapter 6: what is lost when heads are removed?"""

from helpers.chapters.removal.describe import (
    describe_curve,
    describe_dissociation,
    describe_groups,
    describe_removal,
)
from helpers.chapters.removal.measure import remove_groups, remove_in_order, remove_mlps
from helpers.chapters.removal.plot import (
    plot_dissociation,
    plot_group_effects,
    plot_removal_curve,
)
from helpers.interventions import patch, sample_random_heads
from helpers.running import activations
