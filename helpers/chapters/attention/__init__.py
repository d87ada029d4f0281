"""Chapter 3: what does a single head look at?"""

from helpers.chapters.attention.describe import describe_stripe
from helpers.chapters.attention.plot import plot_attention
from helpers.running import get_all_attention
from helpers.viewers import load_viewers, view_attention, view_heads
