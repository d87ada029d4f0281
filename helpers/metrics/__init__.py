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
    "is_top1",
    "part_slice",
    "previous_token_score",
    "score_pattern",
    "token_log_probs",
    "uniform_pattern",
]
