"""What chapters and viewers draw and write with: a few plots by the shape of their data."""

from helpers.drawing.saving import save_figure
