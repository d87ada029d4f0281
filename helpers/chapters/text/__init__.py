"""Chapter 8: does it work on real text, and on repeats that are not exact?"""

from helpers.chapters.text.describe import (
    describe_damage,
    describe_distance,
    describe_shuffle,
    describe_text_induction,
    describe_text_repeats,
)
from helpers.chapters.text.plot import (
    plot_damage,
    plot_distance,
    plot_shuffle,
    plot_text_repeats,
    plot_text_scores,
)
