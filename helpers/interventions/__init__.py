"""Changing a model while a context lasts; every change is undone."""

from helpers.interventions.ablate import ablate, patch
from helpers.interventions.paths import (
    PATH_EFFECTS,
    PATH_INPUTS,
    PathEffect,
    PathInput,
    patch_path,
)
from helpers.interventions.random_heads import (
    RANDOM_SEQUENCES,
    read_groups,
    sample_controls,
    sample_random_heads,
)
from helpers.interventions.values import (
    ABLATION_METHODS,
    REMOVALS,
    AblationMethod,
    AblationValues,
    another_sequence,
)
