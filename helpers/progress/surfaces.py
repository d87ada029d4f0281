"""Where a bar is drawn: a terminal, a notebook, or nowhere."""

import html
import os
import sys
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from tqdm import tqdm

SHARE = "progress"
"""Under this name a notebook's bar keeps its share in the metadata, for who executes notebooks."""


@dataclass(frozen=True)
class Look:
    """What there is to see of a bar at some moment."""

    label: str
    share: float
    seconds: float
    note: str

    @property
    def percent(self) -> str:
        """How much is done."""
        return f"{int(100 * self.share + 1e-9)} %"

    @property
    def times(self) -> str:
        """Time gone, time left, rate and note."""
        left, rate = "?", "?"
        if self.share:
            left = tqdm.format_interval(self.seconds * (1 - self.share) / self.share)
            a_second = 100 * self.share / self.seconds
            rate = f"{a_second:.1f} %/s" if a_second >= 1 else f"{60 * a_second:.1f} %/min"
        words = [tqdm.format_interval(self.seconds), f"{left} left", rate, self.note]
        return ", ".join(filter(None, words))


@runtime_checkable
class Surface(Protocol):
    """Where a bar is drawn."""

    def show(self, look: Look) -> None:
        """Draw it, over what was there."""
        ...

    def close(self, words: str, *, quiet: bool) -> None:
        """Take it away and leave some words in its place, or nothing; quiet ones catch no eye."""
        ...


class _Terminal:
    def __init__(self, file: Any) -> None:
        self._file = file
        self._print = tqdm.status_printer(file)
        encoding = getattr(file, "encoding", None) or ""
        self._ascii = False if "utf" in encoding.lower() else " #"

    def show(self, look: Look) -> None:
        after = look.times.replace("{", "{{").replace("}", "}}")
        line = tqdm.format_meter(
            look.share,
            1,
            look.seconds,
            ncols=_columns(self._file),
            ascii=self._ascii,  # type: ignore[arg-type] - tqdm takes both
            prefix=f"{look.label}: {look.percent:>5}",
            bar_format=f"{{desc}}|{{bar}}| {after}",
        )
        self._print(line)

    def close(self, words: str, *, quiet: bool) -> None:  # noqa: ARG002 - all words are alike here
        self._print("")
        self._file.write(f"\r{words}\n" if words else "\r")
        self._file.flush()


class _Notebook:
    """A line that updates in place: HTML, and as plain text for where that is not shown."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, look: Look) -> None:
        label = html.escape(look.label)
        bar = (
            f'<progress value="{look.share:.3f}" max="1" aria-label="{label}" style="width:12em;'
            'vertical-align:middle;accent-color:var(--jp-brand-color1,auto)"></progress>'
        )
        words = f"{look.percent}, {look.times}"
        page, plain = f"{bar} {label}: {html.escape(words)}", f"{look.label}: {words}"
        self._put(page, plain, {SHARE: look.share})

    def close(self, words: str, *, quiet: bool) -> None:
        muted = ' style="color:var(--jp-ui-font-color2,currentColor)"' if quiet else ""
        self._put(f"<small{muted}>{html.escape(words)}</small>" if words else "", words, {})

    def _put(self, page: str, plain: str, metadata: dict[str, float]) -> None:
        from IPython.display import display

        bundle = {"text/plain": plain, "text/html": page}
        if self._handle is None:
            self._handle = display(bundle, raw=True, metadata=metadata, display_id=True)
        else:
            self._handle.update(bundle, raw=True, metadata=metadata)


def find_surface() -> Surface | None:
    """Where a bar can be drawn now; None where there is neither a notebook nor a terminal."""
    if _in_notebook():
        return _Notebook()
    try:
        return _Terminal(sys.stderr) if sys.stderr.isatty() else None
    except (AttributeError, ValueError):  # there is none, or it is closed
        return None


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)


def _columns(file: Any) -> int:
    try:
        return max(20, os.get_terminal_size(file.fileno()).columns - 1)
    except (OSError, ValueError):
        return 79
