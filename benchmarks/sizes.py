"""`python -m benchmarks sizes [MODEL]`: on how many sequences each dear verdict is measured.

The rule, fixed before any number was looked at: the 95 % interval of a claim's number shall be at
most half as wide as the distance from the number to the value at which its rule turns. Distance
and spread come from a pilot of 4 sequences, drawn with a seed of its own and not used again. Never
fewer than 8 sequences, never more than the notebooks come with.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmarks.work import empty_cache, run_cells, say
from helpers.claims.evidence import EVIDENCE
from helpers.claims.numbers import Number, mean_of
from helpers.models import asked_for
from helpers.results import load_result, write_json
from helpers.run.notebooks import find_notebooks

PILOT, SEED = 4, 1000
LEAST, MOST = 8, 32
DEAR = ("mlps", "removal", "paths", "text")
"""Chapters whose cost grows with the number of sequences; the others stay as they are."""

TURNS = {
    **dict.fromkeys(("E3", "E4"), (0.02, "")),
    **dict.fromkeys(("E10", "E11", "E12", "E14", "E18"), (0.1, "random heads, 97.5 %")),
    "E13": (0.1, ""),
    **dict.fromkeys(("E15", "E16", "E17"), (0.5, "")),
    "E19": (0.5, "random heads, 97.5 %"),
    **dict.fromkeys(("E21", "E23"), (0.5, "")),
    "E22": (-0.5, ""),
}
"""Where the rule of a claim turns: at this value or at this control, whichever is higher."""


class Size(NamedTuple):
    """What one verdict needs.

    Args:
        claim: Its id.
        chapter: Where it is measured.
        number: The number in the pilot.
        turns: The value at which the rule turns.
        spread: Standard deviation over sequences in the pilot.
        needs: Sequences by the rule, before the bounds; infinite if the number is that value.
        taken: Sequences taken.
    """

    claim: str
    chapter: str
    number: float
    turns: float
    spread: float
    needs: float
    taken: int


def size(number: float, turns: float, spread: float) -> tuple[float, int]:
    """Sequences until 2 x 1.96 x spread / sqrt(n) is half the distance; and within the bounds."""
    distance = abs(number - turns)
    needs = math.ceil((2 * 1.96 * spread * 2 / distance) ** 2) if distance else math.inf
    return needs, int(min(max(needs, LEAST), MOST))


def main(arguments: list[str]) -> int:
    """Run the pilot, print the sizes, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sizes", description=__doc__)
    parser.add_argument("model", nargs="?", default="mini", help="what load_model takes (mini)")
    parser.add_argument("--only", default=",".join(DEAR), help="some chapters: mlps,text")
    parser.add_argument("--notebooks", type=Path, default=Path("notebooks"))
    parser.add_argument("--build", type=Path, default=Path("build/bench"), help="where to write")
    chosen = parser.parse_args(arguments)
    parameters = {"MODEL": asked_for(chosen.model), "SEQUENCES": PILOT, "SEED": SEED}
    with tempfile.TemporaryDirectory() as folder, empty_cache(Path(folder)):
        for path in find_notebooks(chosen.notebooks):
            if path.stem[3:] in chosen.only.split(","):
                say(f"{path.stem}\n")
                run_cells(path, parameters)
        found = pilot_sizes(Path(folder))
    table = pd.DataFrame(found)
    say(f"\n{chosen.model}, {PILOT} sequences, seed {SEED}\n{table.round(3).to_string()}\n")
    path = chosen.build / f"sizes-{chosen.model.replace('/', '--')}.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    measured = {one.claim for one in found}
    kept = [one for one in before if one["claim"] not in measured]
    write_json([*kept, *(one._asdict() for one in found)], path)
    say(f"written: {path}\n")
    return 0


def pilot_sizes(data: Path) -> list[Size]:
    """What each verdict needs, from the results of a pilot.

    Args:
        data: Where its notebooks kept their results.
    """
    results = {path.stem: load_result(path) for path in data.glob("*.nc")}
    sizes = []
    for claim in EVIDENCE:
        if claim.id not in TURNS or not all(name in results for name in claim.needs):
            continue
        found = claim.measure(*(results[name] for name in claim.needs))
        if math.isnan(found.number.value):
            continue  # nothing to measure in this model
        floor, control = TURNS[claim.id]
        turns = max(floor, found.controls[control]) if control else floor
        sizes.append(_size(claim.id, claim.chapter, found.number, turns))
        if claim.id == "E13":  # it asks of two controls too that they stay within a tenth
            effect = results["removed_groups"]["effect"].sel(group="induction", removal="mean")
            for name in ("first half", "text"):
                other, tenth = mean_of(effect.sel(input=name)), found.number.value / 10
                turns = math.copysign(tenth, other.value)
                sizes.append(_size(f"{claim.id}, {name}", claim.chapter, other, turns))
    if "mlp_second_half" in results:  # C7 turns where a layer's whole second half costs 0.1 nats
        whole = results["mlp_second_half"]["effect"].isel(target=slice(1, None)).mean("target")
        most = whole.isel(layer=int(whole.mean("sequence").to_numpy().argmax()))
        sizes.append(_size("C7", "mlps", mean_of(most), 0.1))
    return sizes


def _size(claim: str, chapter: str, number: Number, turns: float) -> Size:
    """What one number needs; the spread is taken from its interval in the pilot.

    The bootstrap's interval is of a mean of 4, with their own variance: 3/4 of the sample's.
    """
    error = (number.high - number.low) / (2 * 1.96)
    spread = error * math.sqrt(PILOT) / math.sqrt((PILOT - 1) / PILOT)
    return Size(claim, chapter, number.value, turns, spread, *size(number.value, turns, spread))
