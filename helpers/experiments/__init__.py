"""One function for each question of the notebooks: a model goes in, a labelled result comes out."""

from helpers.experiments.ablation import (
    ablate_positions,
    ablate_second_half,
    attribute_positions,
)
from helpers.experiments.attention import get_all_attention, get_attention
from helpers.experiments.causes import (
    attribute_logits,
    cut_paths,
    measure_faithfulness,
    score_without,
)
from helpers.experiments.circuit import (
    score_candidate_pairs,
    score_circuit_baselines,
    score_composition,
    score_copying,
    score_embedding_ladder,
    score_group_copying,
    score_summed_circuit,
    score_two_head_circuit,
    tabulate_accuracy,
)
from helpers.experiments.controls import ablate_layers
from helpers.experiments.fuzzy import damage_repeat, separate_repeat, shuffle_repeat
from helpers.experiments.loss import measure_loss, summarize_loss
from helpers.experiments.removal import remove_groups, remove_in_order, remove_mlps
from helpers.experiments.repeats import measure_text_repeats, summarize_text_repeats
from helpers.experiments.scan import score_heads
from helpers.experiments.stability import score_stability
from helpers.experiments.text import score_text_induction, trace_text_induction

__all__ = [
    "ablate_layers",
    "ablate_positions",
    "ablate_second_half",
    "attribute_logits",
    "attribute_positions",
    "cut_paths",
    "damage_repeat",
    "get_all_attention",
    "get_attention",
    "measure_faithfulness",
    "measure_loss",
    "measure_text_repeats",
    "remove_groups",
    "remove_in_order",
    "remove_mlps",
    "score_candidate_pairs",
    "score_circuit_baselines",
    "score_composition",
    "score_copying",
    "score_embedding_ladder",
    "score_group_copying",
    "score_heads",
    "score_stability",
    "score_summed_circuit",
    "score_text_induction",
    "score_two_head_circuit",
    "score_without",
    "separate_repeat",
    "shuffle_repeat",
    "summarize_loss",
    "summarize_text_repeats",
    "tabulate_accuracy",
    "trace_text_induction",
]
