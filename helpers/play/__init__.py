"""A model to play with: the page that computes by itself."""

from helpers.play.page import write_play
