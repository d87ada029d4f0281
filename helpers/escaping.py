"""Text as it is: nothing in it is invisible, and nobody takes it for markup."""

import html
import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of characters that draw nothing, or change how others are drawn."""
_JOINERS = {"\u200c", "\u200d"}
"""Needed inside words of some scripts, and inside emoji."""


def escape_invisible(text: object) -> str:
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


def escape_text(value: object) -> str:
    """Text as it is: plotly reads HTML, and TeX between dollars, in labels; tokens must not."""
    return html.escape(escape_invisible(value), quote=False).replace("$", "&#36;")


def escape_name(name: object) -> str:
    """Name of a group or a score as people write it: "previous-token"."""
    return escape_text(str(name).replace("_", "-"))
