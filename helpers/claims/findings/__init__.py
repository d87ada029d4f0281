"""From kept results to the number, interval and controls of each of our claims."""

from helpers.claims.findings.circuit import (
    composition,
    copying,
    dependence,
    faithfulness,
    key_path,
    ladder,
    pair_against_random,
    summed,
)
from helpers.claims.findings.heads import (
    direct_logits,
    layer_difference,
    removal,
    same_head,
    spared,
    top_head,
)
from helpers.claims.findings.parts import Finding, Results
from helpers.claims.findings.text import distance, on_text, recovery, text_repeats

__all__ = [
    "Finding",
    "Results",
    "top_head",
    "same_head",
    "layer_difference",
    "removal",
    "spared",
    "direct_logits",
    "composition",
    "ladder",
    "pair_against_random",
    "summed",
    "copying",
    "dependence",
    "key_path",
    "faithfulness",
    "on_text",
    "text_repeats",
    "recovery",
    "distance",
]
