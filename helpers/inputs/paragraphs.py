"""The paragraphs that ship: genuine prose that belongs to everybody."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).with_name("paragraphs.json")


class Paragraph(NamedTuple):
    """One passage of a book whose copyright has run out.

    Args:
        author: Who wrote it.
        title: The book.
        year: When it (or, of a later edition, that edition) was published; before 1925.
        text: The passage, 100 to 150 words on one line.
    """

    author: str
    title: str
    year: int
    text: str


@cache
def load_paragraphs() -> tuple[Paragraph, ...]:
    """All paragraphs, book by book; spelling kept, quotation marks and italics made plain."""
    return tuple(Paragraph(**entry) for entry in json.loads(_FILE.read_text(encoding="utf-8")))
