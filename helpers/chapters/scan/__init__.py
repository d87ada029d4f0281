"""Chapter 2: which heads look where an induction head would?"""

from helpers.chapters.scan.describe import describe_heads, describe_stability
from helpers.chapters.scan.measure import (
    HEAD_TYPES,
    HeadType,
    score_heads,
    select_groups,
    select_heads,
)
from helpers.chapters.scan.measure_stability import score_stability
from helpers.chapters.scan.plot import plot_head_scores, plot_ranking, plot_stability
from helpers.inputs import sample_repeated_tokens, sample_unrepeated_tokens
from helpers.known_roles import add_known_roles
from helpers.results import find_pair, rank_heads, selection_frequency
from helpers.viewers import view_circuit
