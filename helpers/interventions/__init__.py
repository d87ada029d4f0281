"""Replacing activations and measuring what that does to the repeat; every change is undone."""

from helpers.interventions.attribution import attribute_positions
from helpers.interventions.grid import replace_positions, replace_second_half
from helpers.interventions.matched import draw_matched
from helpers.interventions.patching import patched
from helpers.interventions.paths import PATHS, WAYS, Path, Received, Way, cut_paths
from helpers.interventions.plain import (
    replace_one_plainly,
    replace_positions_plainly,
    replace_second_half_plainly,
)
from helpers.interventions.removal import predict_without, reduce_without
from helpers.interventions.replacement import (
    COMPONENTS,
    METHODS,
    Component,
    Method,
    Replacement,
    make_replacement,
)
from helpers.interventions.stand_ins import REMOVALS, Part, Removal, Removals

__all__ = [
    "COMPONENTS",
    "METHODS",
    "PATHS",
    "REMOVALS",
    "WAYS",
    "Component",
    "Method",
    "Part",
    "Path",
    "Received",
    "Removal",
    "Removals",
    "Replacement",
    "Way",
    "attribute_positions",
    "cut_paths",
    "draw_matched",
    "make_replacement",
    "patched",
    "predict_without",
    "reduce_without",
    "replace_one_plainly",
    "replace_positions",
    "replace_positions_plainly",
    "replace_second_half",
    "replace_second_half_plainly",
]
