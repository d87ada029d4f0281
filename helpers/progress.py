"""Progress that tells the truth: done, rate and time left, in a terminal or in a notebook."""

import html
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

from tqdm import tqdm

T = TypeVar("T")
_PATIENCE = 0.2
"""Seconds between two updates of a notebook's bar."""


@runtime_checkable
class Track(Protocol):
    """Anything that shows how far an iterable has come."""

    def __call__(self, items: Iterable[T], *, total: int, label: str) -> Iterable[T]:
        """Pass the items through."""
        ...


def track(items: Iterable[T], *, total: int, label: str) -> Iterable[T]:
    """Pass items through while a bar shows how many of `total` are done.

    A terminal gets tqdm's bar, a notebook a line that updates in place and stays; when output
    goes anywhere else there is no bar.

    Args:
        items: What to go through.
        total: How many there are.
        label: What is being done, in a few words.

    Returns:
        The same items.
    """
    if _in_notebook():
        return _notebook_bar(items, total=total, label=label)
    return tqdm(items, total=total, desc=label, disable=None)


def silent(items: Iterable[T], *, total: int, label: str) -> Iterable[T]:  # noqa: ARG001
    """Pass items through without showing anything."""
    return items


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"


def _notebook_bar(items: Iterable[T], *, total: int, label: str) -> Iterator[T]:
    from IPython.display import display

    start = shown = time.monotonic()
    handle = display(_Bar(label, 0, total, 0.0), display_id=True)
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if handle is not None and (now - shown > _PATIENCE or done == total):
            handle.update(_Bar(label, done, total, now - start))
            shown = now


class _Bar:
    def __init__(self, label: str, done: int, total: int, seconds: float) -> None:
        self.label, self.done, self.total = label, done, total
        self.meter = tqdm.format_meter(done, total, seconds, prefix=label, ncols=70, ascii=" #")

    def __repr__(self) -> str:
        return self.meter

    def _repr_html_(self) -> str:
        label = html.escape(self.label)
        counts = html.escape(self.meter.rpartition("|")[2].strip() or self.meter)
        return (
            f'<progress value="{self.done}" max="{self.total}" aria-label="{label}" '
            f'style="width:12em;vertical-align:middle"></progress> {label}: <code>{counts}</code>'
        )
