"""The same interventions, many at once: nothing is run again that cannot have changed."""

from helpers.interventions.fast.gradient import estimate_positions
from helpers.interventions.fast.grid import (
    replace_one,
    replace_positions,
    replace_second_half,
    replace_second_halves,
)
from helpers.interventions.fast.path_cuts import PathCuts
from helpers.interventions.fast.sweep import COMPONENTS, Component
from helpers.interventions.fast.without import Removal, run_removals
