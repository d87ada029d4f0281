"""Replacing activations and measuring what that does to the repeat; every change is undone."""

from helpers.interventions.attribution import attribute_positions
from helpers.interventions.grid import replace_positions, replace_second_half
from helpers.interventions.patching import patched
from helpers.interventions.plain import (
    replace_one_plainly,
    replace_positions_plainly,
    replace_second_half_plainly,
)
from helpers.interventions.replacement import (
    COMPONENTS,
    METHODS,
    Component,
    Method,
    Replacement,
    make_replacement,
)

__all__ = [
    "COMPONENTS",
    "METHODS",
    "Component",
    "Method",
    "Replacement",
    "attribute_positions",
    "make_replacement",
    "patched",
    "replace_one_plainly",
    "replace_positions",
    "replace_positions_plainly",
    "replace_second_half",
    "replace_second_half_plainly",
]
