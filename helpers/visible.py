"""Text in which nothing is invisible: what a token is, as one can read it."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of characters that draw nothing, or change how others are drawn."""
_JOINERS = {"\u200c", "\u200d"}
"""Needed inside words of some scripts, and inside emoji."""


def visible(text: object) -> str:
    r"""Spell out the characters of a text that nobody can see.

    Control characters, marks that turn the direction of writing, line and paragraph separators,
    lone surrogates and characters without a meaning become what Python writes for them: `\x00`,
    `\u202e`. All others stay, markup too: escaping it is the business of who writes HTML.

    Args:
        text: Any text, valid Unicode or not.

    Returns:
        Text that can be encoded as UTF-8 and shown on one line.
    """
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in _HIDDEN and letter not in _JOINERS
        else letter
        for letter in str(text)
    )
