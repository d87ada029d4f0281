"""Chapter 5: do the weights of two heads make a circuit that matches tokens?"""

from helpers.chapters.circuit.describe import (
    describe_circuit,
    describe_circuit_baselines,
    describe_copying,
    describe_summed,
)
from helpers.chapters.circuit.plot import (
    plot_circuit_baselines,
    plot_ladder,
    plot_pairs,
    plot_summed,
)
from helpers.chapters.circuit.plot_composition import (
    plot_composition,
    plot_composition_and_attention,
)
