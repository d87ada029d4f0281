"""What is left of a prediction as heads are taken away, as a table and in a few lines."""

import numpy as np
import pandas as pd
import xarray as xr

from helpers.drawing.prose import Prose, bullets

LOST, KEPT = 0.5, 0.9
"""Below this share of its probability a prediction counts as lost, above this one as kept."""


def tabulate_ablated(ablated: xr.Dataset) -> pd.DataFrame:
    """What is removed, a row each, and the probability that is left.

    Args:
        ablated: Result of `measure_ablated`.

    Returns:
        Columns in pairs, "mean" and "zero": these heads; as many others; as many others with the
        previous-token head among them. Of the others the median over draws, with the lowest and
        the highest in brackets. The last pair is left out where no previous-token head stands out.
    """
    previous = str(ablated.attrs["previous"])
    columns = {"these heads": "probability"}
    if "others" in ablated:
        columns["as many others"] = "others"
    if previous:
        columns[f"others, {previous} among them"] = "others_with_previous"
    cells = {
        (said, str(way)): [
            _say_cell(ablated[name].isel(row=row, removal=m)) for row in range(ablated.sizes["row"])
        ]
        for said, name in columns.items()
        for m, way in enumerate(ablated["removal"].to_numpy())
    }
    table = pd.DataFrame(cells, index=_name_rows(ablated))
    return table.rename_axis(columns=(f"p({_word(ablated)}) without", ""))


def describe_ablated(ablated: xr.Dataset) -> Prose:
    """Whether one head is missed, the group, and the second kind of head, in at most five lines.

    Args:
        ablated: Result of `measure_ablated`.
    """
    p = ablated["probability"].to_numpy()
    kind, removed = (ablated[name].to_numpy() for name in ("kind", "removed"))
    if np.isnan(p).all():
        return Prose(f"Nothing is taken away: {ablated.attrs['lacks']}")
    before = f"**{ablated.attrs['model']}** gives “{_word(ablated)}” {say_probability(p[0, 0])}"
    if ablated.attrs["lacks"]:
        return Prose(f"{before}. Nothing is taken away: {ablated.attrs['lacks']}.")
    (group,) = np.where(kind == "induction")
    one, whole = group[0], group[-1]
    others = ablated["others"].isel(row=whole)
    lines = [f"Without the best induction head: {_say_pair(p[one])}; there is no other."]
    if whole > one:
        lines = [
            f"Without the best induction head: {_say_pair(p[one])}; without all {removed[whole]}: "
            f"{_say_pair(p[whole])}. {_judge_group(p[0], p[one], p[whole])}"
        ]
    if others.notnull().all():
        lines.append(
            f"As many other heads, drawn from all layers {others.sizes['draw']} times, leave "
            f"{_say_pair(others.median('draw').to_numpy())} (median), at worst "
            f"{say_probability(float(others.min()))}."
        )
    lines.append(_judge_previous(ablated, p[0]))
    apart = np.abs(p[:, 0] - p[:, 1])
    most = int(apart.argmax())
    if apart[most] >= 0.05:
        without = _name_rows(ablated)[most]
        without = without if without.startswith("all") else f"the {without}"
        lines.append(
            f"*Mean* leaves what a head writes on average over random tokens, *zero* leaves "
            f"nothing; no run of the model's own does either. They disagree most without "
            f"{without}: {_say_pair(p[most])}. So neither is *the* effect."
        )
    else:
        lines.append("*Mean* and *zero* agree to within .05 in every row.")
    return bullets(f"{before}. What is left of it, *mean* / *zero*:", lines)


def say_probability(p: float) -> str:
    """A probability as .998; nothing if there is none."""
    return "" if np.isnan(p) else f"{p:.3f}".removeprefix("0")


def _word(ablated: xr.Dataset) -> str:
    return str(ablated.attrs["target"]).removeprefix("·")  # the space before it


def _say_pair(p: np.ndarray) -> str:
    return " / ".join(say_probability(float(each)) for each in p)


def _say_cell(p: xr.DataArray) -> str:
    if "draw" not in p.dims or p.isnull().any():
        return say_probability(float(p.mean()))
    middle, low, high = (say_probability(float(x)) for x in (p.median(), p.min(), p.max()))
    return f"{middle} ({low}–{high})"


def _name_rows(ablated: xr.Dataset) -> list[str]:
    kinds, removed = ablated["kind"].to_numpy(), ablated["removed"].to_numpy()
    most = {kind: removed[kinds == kind].max() for kind in kinds}
    names = []
    for kind, size in zip(kinds, removed, strict=True):
        if kind == "nothing":
            names.append("nothing")
        elif kind == "previous_token" and size == 1:
            names.append(f"previous-token head {ablated.attrs['previous']}")
        elif size == most[kind] > 1:
            names.append(f"all {size} {kind.replace('_', '-')} heads")
        else:
            names.append("best induction head" if size == 1 else f"best {size}")
    return names


def _judge_group(before: np.ndarray, one: np.ndarray, whole: np.ndarray) -> str:
    if not (whole < LOST * before).all():
        return "On this text the model does not depend on them."
    if (one > KEPT * before).all():
        return (
            "One is hardly missed, because others do the same (**redundancy**); together they "
            "carry it: a **group**."
        )
    return (
        "Together they carry it: a **group**, in which even one is missed (little **redundancy**)."
    )


def _judge_previous(ablated: xr.Dataset, before: np.ndarray) -> str:
    previous = ablated.attrs["previous"]
    if not previous:
        return "No previous-token head stands out in a layer before them."
    (rows,) = np.where(ablated["kind"].to_numpy() == "previous_token")
    alone = ablated["probability"].to_numpy()[rows[0]]
    said = f"Without {previous}, a **previous-token head**, alone: {_say_pair(alone)}."
    if (alone < LOST * before).all():
        return f"{said} This second kind of head is not one of the group, and has no stand-in."
    if (alone > KEPT * before).all():
        return f"{said} On this text that one head is not needed."
    return f"{said} This second kind of head has a part in it."
