"""The name of an attention head: `Head(5, 1)`, printed and parsed as "L5H1"."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from helpers.arguments import check_whole, say_value

_PATTERN = re.compile(r"[Ll]?(\d+)[.Hh](\d+)")


@dataclass(frozen=True, order=True)
class Head:
    """One attention head, ordered by layer, then by its number in the layer.

    Args:
        layer: Layer, counted from 0.
        head: Head within the layer, counted from 0.
    """

    layer: int
    head: int

    def __post_init__(self) -> None:
        check_whole(layer=self.layer, head=self.head)
        if self.layer < 0 or self.head < 0:
            raise ValueError(
                f"Layer and head are counted from 0, got layer={self.layer}, head={self.head}."
            )

    def __str__(self) -> str:
        return f"L{self.layer}H{self.head}"

    __repr__ = __str__

    @classmethod
    def parse(cls, text: "str | Head") -> "Head":
        """Read a head from "L5H1" or "5.1"; a Head is returned as it is.

        Raises:
            ValueError: If the text is neither form.
        """
        if isinstance(text, Head):
            return text
        match = _PATTERN.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f'{say_value(text)} does not name a head. Write "L5H1" or "5.1".')
        return cls(int(match[1]), int(match[2]))

    def check(self, n_layers: int, n_heads: int) -> "Head":
        """Return the head itself if a model of this size has it.

        Raises:
            ValueError: If the layer or the head is out of range.
        """
        if self.layer >= n_layers or self.head >= n_heads:
            raise ValueError(
                f"{self} does not exist: the model has layers 0-{n_layers - 1} "
                f"with heads 0-{n_heads - 1}."
            )
        return self


def parse_heads(heads: "str | Head | Iterable[str | Head]") -> list[Head]:
    """Read one head or many, in any mixture of the forms `Head.parse` knows.

    Raises:
        ValueError: If there is no head at all or one cannot be read.
    """
    if isinstance(heads, (str, Head)) or not isinstance(heads, Iterable):
        heads = [heads]
    parsed = [Head.parse(head) for head in heads]
    if not parsed:
        raise ValueError("No head was given. Pass at least one, for example ['L5H1'].")
    return parsed
