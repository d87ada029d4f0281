"""The old lines beside today's: every block of that page is run, and what is gone must fail."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "from_the_post.md"
TEXT = PAGE.read_text(encoding="utf-8")


class Block(NamedTuple):
    """One fenced block, its first line in the page, and the error it must end with, or none."""

    source: str
    line: int
    error: str


def read_blocks() -> Iterator[Block]:
    for found in re.finditer(r"^```python(?: gone: (\w+))?\n(.*?)^```$", TEXT, re.M | re.S):
        yield Block(found[2], TEXT[: found.start(2)].count("\n"), found[1] or "")


def run(source: str, names: dict, *, line: int = 0) -> None:
    """As a cell of a notebook; an error names its line in the page."""
    exec(compile("\n" * line + source, str(PAGE), "exec"), names)


# The bridge's and circuitsvis' own: nothing that a reader of the page should see.
@pytest.mark.filterwarnings("ignore")
def test_every_block_does_what_the_page_says(capsys):
    names: dict = {}
    blocks = list(read_blocks())
    assert TEXT.count("```") == 2 * len(blocks)  # none is overlooked
    for block in blocks:
        if not block.error:
            run(block.source, names, line=block.line)
            continue
        with pytest.raises(Exception) as caught:
            run(block.source, names, line=block.line)
        assert caught.type.__name__ == block.error, f"line {block.line + 1}: {caught.value!r}"
    assert sum(bool(block.error) for block in blocks) >= 5
    assert "chosen: " in capsys.readouterr().out


GONE = re.findall(r"^\| `((?:from|import) [^`]+)` \| `([^`]+)` \|$", TEXT, re.M)


@pytest.mark.parametrize(("old", "new"), GONE, ids=[old for old, _ in GONE])
def test_the_table_of_what_is_gone(old, new):
    with pytest.raises(ImportError):
        run(old, {})
    run(new, {})


def test_the_page_names_the_version_it_was_checked_with():
    assert len(GONE) >= 8
    assert f"TransformerLens {version('transformer-lens')}" in TEXT
