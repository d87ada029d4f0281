"""A model to play with: a page that computes by itself, a panel that a kernel answers."""

from helpers.play.page import write_play
from helpers.play.panel import LivePanel, view_live
