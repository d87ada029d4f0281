"""Chapter 1: how well is a repeat predicted?"""

from helpers.chapters.loss.describe import describe_loss
from helpers.chapters.loss.describe_ablated import describe_ablated, tabulate_ablated
from helpers.chapters.loss.measure import measure_loss, summarize_loss
from helpers.chapters.loss.measure_ablated import measure_ablated
from helpers.chapters.loss.plot import plot_loss
from helpers.inputs import label_tokens
from helpers.viewers import view_tokens
