"""Progress that tells the truth: what is done, at which rate, and how long it will take."""

from helpers.progress.bars import DELAY, Amount, Bar, Track, silent, track
from helpers.progress.surfaces import SHARE

__all__ = ["DELAY", "SHARE", "Amount", "Bar", "Track", "silent", "track"]
