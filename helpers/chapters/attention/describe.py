"""Which heads are looked at, in words."""

from helpers.drawing.prose import Prose
from helpers.heads import Head


def describe_pair(previous: Head, induction: Head) -> Prose:
    """Name the candidate circuit.

    Args:
        previous: Previous-token head.
        induction: Induction head.
    """
    return Prose(
        f"Candidate circuit: **{previous}** (previous token) → **{induction}** (induction)."
    )
