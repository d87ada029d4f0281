"""One flat bar, where somebody watches."""

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

# Not tqdm.auto: its bar for notebooks is a widget, and one that is closed when done leaves an
# error where JupyterLab looked for it.
from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], label: str, *, total: int | None = None) -> Iterable[T]:
    """Go through items with tqdm's bar: shown after two seconds, gone when done.

    Nothing is shown where nobody watches: outside a notebook, where stderr is no terminal, and
    where `TQDM_DISABLE` is set.

    Args:
        items: What to go through.
        label: What is being done, in a few words; empty for no bar at all.
        total: How many there are, if they cannot be counted.
    """
    hidden = not (label and is_watched())
    file = sys.stdout if _in_notebook() else None  # a notebook paints stderr like a fault
    return tqdm(items, label, total, delay=2.0, leave=False, disable=hidden, file=file)


def is_watched() -> bool:
    """Whether there is a notebook or a terminal to draw in."""
    if os.environ.get("TQDM_DISABLE"):
        return False
    if _in_notebook():
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
