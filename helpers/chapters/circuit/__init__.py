"""Chapter 5: do the weights of two heads make a circuit that matches tokens?"""

from helpers.chapters.circuit.accuracies import tabulate_accuracy
from helpers.chapters.circuit.describe import (
    describe_circuit,
    describe_circuit_baselines,
    describe_copying,
    describe_summed,
    say_unread,
)
from helpers.chapters.circuit.measure import (
    score_candidate_pairs,
    score_composition,
    score_embeddings,
    score_two_head_circuit,
)
from helpers.chapters.circuit.measure_baselines import score_circuit_baselines
from helpers.chapters.circuit.measure_copying import score_copying, score_group_copying
from helpers.chapters.circuit.measure_summed import score_summed_circuit
from helpers.chapters.circuit.plot import (
    plot_circuit_baselines,
    plot_embeddings,
    plot_pairs,
    plot_summed,
)
from helpers.chapters.circuit.plot_composition import plot_composition_and_attention
