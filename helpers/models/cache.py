"""Where things that took long to make are kept."""

import os
from pathlib import Path

from platformdirs import user_cache_path

from helpers.folders import expand_home


def cache_directory() -> Path:
    """Folder of converted models and of what was computed from them; `HELPERS_CACHE` moves it."""
    named = os.environ.get("HELPERS_CACHE")
    if named:
        return expand_home(named).absolute()
    return user_cache_path("gpt2-induction-walkthrough", appauthor=False)
