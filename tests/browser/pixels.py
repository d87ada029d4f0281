"""What a page draws, in numbers."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from playwright.sync_api import Locator


def take_pixels(element: Locator) -> np.ndarray:
    """What an element looks like now, scrolled into view: row, column, channel."""
    return np.stack(list(read_rows(take_picture(element))))


def take_picture(element: Locator) -> bytes:
    """The same as PNG."""
    element.scroll_into_view_if_needed()
    return element.screenshot(animations="disabled")


def is_drawn(rows: Iterable[np.ndarray]) -> bool:
    """Whether anything is to be seen: not all pixels are the same. Looks no further than that."""
    rows = iter(rows)
    first = next(rows)
    return any((row != first[0]).any() for row in chain([first], rows))


def read_rows(png: bytes) -> Iterator[np.ndarray]:
    """The rows of a screenshot, from the top: 8 bit RGB or RGBA, not interlaced."""
    position, packed, header = 8, b"", b""
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        kind, body = png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        header = body if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        position += length + 12
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 8 or colour not in {2, 6} or interlaced:
        raise ValueError(f"not a screenshot: depth {depth}, colour {colour}, {interlaced=}")
    channels = 3 if colour == 2 else 4
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    row = np.zeros((width, channels), np.uint8)
    for line in lines:
        row = _unfilter(int(line[0]), line[1:].reshape(width, channels), row)
        yield row


def _unfilter(kind: int, line: np.ndarray, above: np.ndarray) -> np.ndarray:
    # The five filters of the PNG specification, section 9; sums are modulo 256 as uint8 is.
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line, axis=0, dtype=np.uint8)
    if kind == 2:
        return line + above
    guess = _mean if kind == 3 else _nearest
    before, corner, row = [0] * line.shape[1], [0] * line.shape[1], []
    for change, up in zip(line.tolist(), above.tolist(), strict=True):
        guesses = map(guess, before, up, corner)
        before = [(more + value) % 256 for more, value in zip(change, guesses, strict=True)]
        row.append(before)
        corner = up
    return np.array(row, np.uint8)


def _mean(left: int, up: int, _: int) -> int:
    return (left + up) // 2


def _nearest(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda value: abs(estimate - value))
