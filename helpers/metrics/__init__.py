"""Pure formulas on tensors: no model, no labels, no randomness that is not seeded. Copy freely."""

from helpers.metrics.attention import (
    SCORES,
    bos_rest_score,
    duplicate_token_score,
    induction_score,
    induction_score_blog,
    previous_token_score,
    score_pattern,
    uniform_pattern,
)
from helpers.metrics.bootstrap import bootstrap_interval, bootstrap_top
from helpers.metrics.predictions import (
    PARTS,
    Part,
    in_context_learning_score,
    is_top1,
    part_slice,
    token_log_probs,
)
from helpers.metrics.proportion import wilson_interval
from helpers.metrics.text import (
    induction_targets,
    second_occurrences,
    text_induction_chance,
    text_induction_score,
)

__all__ = [
    "PARTS",
    "SCORES",
    "Part",
    "bootstrap_interval",
    "bootstrap_top",
    "bos_rest_score",
    "duplicate_token_score",
    "in_context_learning_score",
    "induction_score",
    "induction_score_blog",
    "induction_targets",
    "is_top1",
    "part_slice",
    "previous_token_score",
    "score_pattern",
    "second_occurrences",
    "text_induction_chance",
    "text_induction_score",
    "token_log_probs",
    "uniform_pattern",
    "wilson_interval",
]
