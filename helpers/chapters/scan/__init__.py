"""Chapter 2: which heads look where an induction head would?"""

from helpers.chapters.scan.describe import describe_heads, describe_stability
from helpers.chapters.scan.plot import plot_head_scores, plot_ranking, plot_stability
