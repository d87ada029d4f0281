"""Ordinary text, as a control: paragraphs of old books, or the language that `mini` speaks."""

from helpers.texts.paragraphs import Paragraph, load_paragraphs
from helpers.texts.sampling import TextSample, reads_english, sample_text

__all__ = ["Paragraph", "TextSample", "load_paragraphs", "reads_english", "sample_text"]
