"""Chapter 7: which head works because of which, and by which path?"""

from helpers.chapters.paths.describe import (
    describe_cuts,
    describe_dependence,
    describe_direct_logits,
    describe_faithfulness,
)
from helpers.chapters.paths.measure import measure_paths
from helpers.chapters.paths.measure_groups import (
    attribute_logits,
    measure_faithfulness,
    score_without,
)
from helpers.chapters.paths.plot import (
    plot_cut_paths,
    plot_dependence,
    plot_direct_logits,
    plot_faithfulness,
)
from helpers.interventions import patch
from helpers.running import activations, target_directions
