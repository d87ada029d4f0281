"""Chapter 8: does it work on real text, and on repeats that are not exact?"""

from helpers.chapters.text.describe import (
    describe_damage,
    describe_distance,
    describe_shuffle,
    describe_text_induction,
    describe_text_repeats,
)
from helpers.chapters.text.measure import score_text_induction, trace_text_induction
from helpers.chapters.text.measure_perturbed import damage_repeat, separate_repeat, shuffle_repeat
from helpers.chapters.text.measure_text_repeats import measure_text_repeats, summarize_text_repeats
from helpers.chapters.text.plot import (
    plot_damage,
    plot_distance,
    plot_shuffle,
    plot_text_repeats,
    plot_text_scores,
)
from helpers.inputs import sample_text
from helpers.viewers import view_tokens
