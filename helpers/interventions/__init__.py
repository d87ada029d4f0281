"""Replacing activations and measuring what that does to the repeat; every change is undone."""

from helpers.interventions.attribution import attribute_positions
from helpers.interventions.grid import (
    positions_work,
    replace_positions,
    replace_second_half,
    second_half_work,
)
from helpers.interventions.matched import draw_matched
from helpers.interventions.patching import patched
from helpers.interventions.paths import PATHS, WAYS, Path, Received, Way, cut_paths, paths_work
from helpers.interventions.plain import (
    replace_one_plainly,
    replace_positions_plainly,
    replace_second_half_plainly,
)
from helpers.interventions.removal import (
    attention_work_without,
    predict_without,
    reduce_without,
    work_without,
)
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
    "attention_work_without",
    "attribute_positions",
    "cut_paths",
    "draw_matched",
    "make_replacement",
    "patched",
    "paths_work",
    "positions_work",
    "predict_without",
    "reduce_without",
    "replace_one_plainly",
    "replace_positions",
    "replace_positions_plainly",
    "replace_second_half",
    "replace_second_half_plainly",
    "second_half_work",
    "work_without",
]
