"""What is left of a prediction as heads are removed, told in the README for each model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from helpers.chapters.loss.describe_ablated import KEPT, LOST, say_probability

Row = Mapping[str, Any]
Ablated = Mapping[str, Mapping[str, Any]]
"""For each model what `keep_ablated` kept."""

MODELS = {"mini": "mini", "smollm2": "SmolLM2"}
"""Models of the README's table."""
_ABOUT = ("revision", "text", "target", "reference", "draws", "seed")
_BLOCK = re.compile(r"(<!-- ablated: .*?-->\n)(.*?)(<!-- end of ablated -->)", re.DOTALL)
_SOME = 4
"""How many heads the row between one head and all of them removes."""


def keep_ablated(ablated: xr.Dataset) -> dict[str, Any]:
    """What the docs keep of a run: numbers, of draws the lowest, the median and the highest.

    Args:
        ablated: Result of `measure_ablated`.
    """
    told = {name: np.asarray(ablated.attrs[name]).item() for name in _ABOUT}
    rows = []
    for i in range(ablated.sizes["row"]):
        row = ablated.isel(row=i)
        kept: dict[str, Any] = {name: row[name].item() for name in ("kind", "removed", "heads")}
        kept["probability"] = row["probability"].to_numpy().round(5).tolist()
        for name in ("others", "others_with_previous"):
            drawn = row[name].to_numpy()
            ends = np.quantile(drawn, [0, 0.5, 1], axis=-1).T
            kept[name] = None if np.isnan(drawn).any() else ends.round(5).tolist()
        rows.append(kept)
    return {**told, "rows": rows}


def tell_ablated(text: str, measured: Ablated) -> str:
    """The README with its table of removed heads as it was measured.

    Args:
        text: The README.
        measured: What was kept, by model.

    Raises:
        ValueError: If the README has no such block.
    """
    if not _BLOCK.search(text):
        raise ValueError("README.md has no block between `<!-- ablated: … -->` and its end.")
    return _BLOCK.sub(lambda block: block[1] + _table(measured) + block[3], text)


def _table(measured: Ablated) -> str:
    kept = {name: measured[name] for name in MODELS}
    one, some, every, previous = zip(
        *(_pick_rows(model["rows"]) for model in kept.values()), strict=True
    )
    (word,) = {model["target"].removeprefix("·") for model in kept.values()}
    numbers = ", ".join(str(row["removed"]) for row in every)
    picked = {
        "nothing": [model["rows"][0] for model in kept.values()],
        "best induction head": one,
        f"best {_SOME}": some,
        f"all ({numbers})": every,
        "previous-token head": previous,
    }
    # No blanks beside the bars: each would be one of the README's 700 words.
    lines = [
        f"|p({word}) without|" + "".join(f"{MODELS[name]}|others|" for name in kept),
        "|---|" + "---|---|" * len(kept),
        *(
            f"|{name}|" + "".join(f"{_own(row)}|{_others(row)}|" for row in rows)
            for name, rows in picked.items()
        ),
    ]
    among = [say_probability(np.max(row["others_with_previous"])) for row in some]
    (draws,) = {model["draws"] for model in kept.values()}
    said = (
        f"Mean/zero ablation. *Others*: the lowest of {draws} draws of as many other heads; with "
        f"the previous-token head among {_SOME}, the highest is {' and '.join(among)}. "
        f"{_judge(kept, one, every, previous)}[Chapter 1](notebooks/01_loss.ipynb) has every row."
    )
    return "\n".join([*lines, "", said, ""])


def _judge(kept: Ablated, *picked: Sequence[Row]) -> str:
    """The group, the second kind of head and redundancy, where all models agree on the first two.

    Args:
        kept: What was kept, by model.
        *picked: Without the best induction head, all of them, and the previous-token head.
    """
    before = [model["rows"][0]["probability"] for model in kept.values()]
    shares = [
        [np.array(row["probability"]) / p for row, p in zip(rows, before, strict=True)]
        for rows in picked
    ]
    one, every, previous = shares
    if not all((share < LOST).all() for share in [*every, *previous]):
        return ""
    spared = [name for name, share in zip(kept, one, strict=True) if (share > KEPT).all()]
    said = "The word goes with the **group**, or with the second kind of head alone"
    if spared:
        on = " and ".join(MODELS[name] for name in spared)
        said += f"; one of the group is hardly missed on {on} (**redundancy**)"
    return f"{said}. "


def _pick_rows(rows: Sequence[Row]) -> tuple[Row, Row, Row, Row]:
    """Without the best induction head, some, all of them, and the previous-token head."""
    induction = [row for row in rows if row["kind"] == "induction"]
    some = next(row for row in induction if row["removed"] == _SOME)
    previous = next(row for row in rows if row["kind"] == "previous_token")
    return induction[0], some, induction[-1], previous


def _own(row: Row) -> str:
    values = [say_probability(p) for p in row["probability"]]
    return values[0] if row["kind"] == "nothing" else "/".join(values)


def _others(row: Row) -> str:
    if row["others"] is None:
        return ""
    return "/".join(say_probability(low) for low, _, _ in row["others"])
