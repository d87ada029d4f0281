"""What others have published about GPT2-small: to set beside a measurement, never to feed one."""

import pandas as pd

from helpers.heads import Head

OLSSON = "Olsson et al. 2022"
WANG = "Wang et al. 2022 (IOI)"
ARENA = "ARENA 1.2"

ROLES: dict[Head, tuple[str, str]] = {
    Head(0, 1): ("duplicate token", WANG),
    Head(0, 10): ("duplicate token", WANG),
    Head(2, 2): ("previous token", WANG),
    Head(3, 0): ("duplicate token", WANG),
    Head(4, 11): ("previous token", WANG),
    Head(5, 1): ("induction", ARENA),
    Head(5, 5): ("induction", WANG),
    Head(6, 9): ("induction", WANG),
    Head(7, 2): ("induction", ARENA),
    Head(7, 10): ("induction", ARENA),
}
"""Role of GPT2-small's heads and who says so."""


def add_known_roles(ranking: pd.DataFrame, *, model: str) -> pd.DataFrame:
    """Add a column with the published role of each head, if the model is GPT2-small.

    Args:
        ranking: Table with a column `head`.
        model: Name of the model the table was measured on.

    Returns:
        A copy with the column "published (gpt2)"; "–" where nothing is published or the model is
        another: heads of different models have nothing to do with each other.
    """

    def role(head: Head) -> str:
        if model != "gpt2" or head not in ROLES:
            return "–"
        return "{}, {}".format(*ROLES[head])

    return ranking.assign(**{"published (gpt2)": [role(head) for head in ranking["head"]]})
