"""What several sentences share."""


class Prose(str):
    """Markdown text; a notebook renders it, everything else sees a string."""

    def _repr_markdown_(self) -> str:
        return str(self)


def times(ratio: float) -> str:
    """A ratio in words: "4.2 times", "31 times"."""
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
