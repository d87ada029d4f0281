"""Notebook 5: do two heads make the circuit, as far as their weights can tell?"""

from helpers.experiments.circuit.accuracy import (
    score_candidate_pairs,
    score_embedding_ladder,
    score_two_head_circuit,
)
from helpers.experiments.circuit.baselines import score_circuit_baselines
from helpers.experiments.circuit.composition import score_composition
from helpers.experiments.circuit.copying import score_copying, score_group_copying
from helpers.experiments.circuit.summed import score_summed_circuit
from helpers.experiments.circuit.tables import tabulate_accuracy

__all__ = [
    "score_candidate_pairs",
    "score_circuit_baselines",
    "score_composition",
    "score_copying",
    "score_embedding_ladder",
    "score_group_copying",
    "score_summed_circuit",
    "score_two_head_circuit",
    "tabulate_accuracy",
]
