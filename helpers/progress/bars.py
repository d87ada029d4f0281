"""Progress that tells the truth: one bar for one call, with its rate and the time left.

A function that can take long is handed a `Track` and opens one bar on it:

    with track(len(layers), "replacing layers") as bar:
        for layer in layers:
            ...
            bar.advance()

Steps that cost more advance it by more. Where a step is itself a function that takes a `Track`,
it is handed `bar.part(amount)`: its own steps then move this bar, by `amount` in all.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

from tqdm import tqdm

from helpers.progress.surfaces import Look, Surface, find_surface

DELAY = 2.0
"""Seconds before a bar is shown: what is done by then shows nothing."""
REMEMBERED = 10.0
"""Seconds from which on a finished bar leaves a line with the time that it took."""
_PATIENCE = 0.2
"""Seconds between two looks of a bar."""

Amount = int | float
"""Of work, in whatever unit."""

_clock = time.monotonic
_busy = False


@runtime_checkable
class Track(Protocol):
    """Anything that opens a bar."""

    def __call__(self, total: Amount, label: str) -> AbstractContextManager["Bar"]:
        """Open a bar for work of this size, in whatever unit, named in a few words."""
        ...


class Bar:
    """How far a piece of work has come.

    Args:
        total: All there is to do.
        moved: Called with the bar whenever it moves.
    """

    def __init__(self, total: Amount, moved: Callable[["Bar"], None]) -> None:
        self.total, self.note = total, ""
        self.done: Amount = 0
        self._moved = moved

    @property
    def share(self) -> float:
        """How much of the work is done, in [0, 1]."""
        return min(1.0, self.done / self.total) if self.total else 1.0

    def advance(self, amount: Amount = 1.0, *, note: str = "") -> None:
        """Say that some more is done.

        Args:
            amount: How much, in the unit of the total.
            note: A few words to show beside the bar from now on.
        """
        self.done += amount
        self.note = note or self.note
        self._moved(self)

    def part(self, amount: Amount) -> Track:
        """What to hand to a function whose work is this much of the whole, in the same unit."""

        @contextmanager
        def opened(total: Amount, label: str) -> Iterator[Bar]:  # noqa: ARG001 - the whole has one
            start = self.done

            def moved(inner: Bar) -> None:
                self.done = start + amount * inner.share
                self.note = inner.note or self.note
                self._moved(self)

            inner = Bar(total, moved)
            yield inner
            if not total:  # nothing was left to do
                moved(inner)

        return opened


@contextmanager
def track(total: Amount, label: str) -> Iterator[Bar]:
    """Show a bar in the terminal or under the notebook's cell while the work lasts.

    Work of less than two seconds shows nothing. A finished bar vanishes; if the work took long,
    a line with its time stays. If the work is broken off, by an error or by hand, the line says
    where. A bar that is opened while another one is shown shows nothing, and so does every bar
    where there is neither a notebook nor a terminal.

    Args:
        total: All there is to do, in whatever unit.
        label: What is being done, in a few words.

    Yields:
        The bar, to be advanced by `total` in all.
    """
    global _busy
    surface = None if _busy else find_surface()
    if surface is None:
        yield Bar(total, _ignore)
        return
    drawn = _Drawn(label, surface)
    bar = Bar(total, drawn.move)
    try:
        _busy = True
        yield bar
    except BaseException:
        drawn.stop(bar)
        raise
    else:
        drawn.finish()
    finally:
        _busy = False


@contextmanager
def silent(total: Amount, label: str) -> Iterator[Bar]:  # noqa: ARG001
    """Show nothing."""
    yield Bar(total, _ignore)


def _ignore(_bar: Bar) -> None:
    pass


class _Drawn:
    """Decides when a bar is drawn and what is left of it."""

    def __init__(self, label: str, surface: Surface) -> None:
        self._label, self._surface = label, surface
        self._start, self._shown = _clock(), -float("inf")

    def move(self, bar: Bar) -> None:
        now = _clock()
        if not self._is_seen and (now - self._start < DELAY or bar.share == 1.0):
            return
        if now - self._shown >= _PATIENCE:
            self._shown = now
            self._surface.show(Look(self._label, bar.share, now - self._start, bar.note))

    def finish(self) -> None:
        seconds = _clock() - self._start
        took = f"{self._label}: took {tqdm.format_interval(seconds)}"
        if self._is_seen or seconds >= REMEMBERED:
            self._surface.close(took if seconds >= REMEMBERED else "", quiet=True)

    def stop(self, bar: Bar) -> None:
        seconds = _clock() - self._start
        look = Look(self._label, bar.share, seconds, bar.note)
        if self._is_seen or seconds >= DELAY:
            where = f"{look.percent} after {tqdm.format_interval(seconds)}"
            where += f" ({bar.note})" if bar.note else ""
            self._surface.close(f"{self._label}: stopped at {where}", quiet=False)

    @property
    def _is_seen(self) -> bool:
        return self._shown > self._start
