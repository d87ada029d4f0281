"""Pure formulas on tensors: no model, no labels, no randomness that is not seeded. Copy freely."""

from helpers.metrics.attention_scores import (
    SCORES,
    attention_sink_score,
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
    TargetPart,
    in_context_learning_score,
    is_top1,
    part_slice,
    token_log_probs,
)
from helpers.metrics.proportion import wilson_interval
from helpers.metrics.text_induction import (
    induction_targets,
    second_occurrences,
    text_induction_chance,
    text_induction_score,
)
