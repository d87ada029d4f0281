"""How long each cell of a notebook will take: as long as last time, or as what it calls does."""

import re
from collections.abc import Sequence
from pathlib import Path

import nbformat

SECONDS = {
    "ablate_layers": 170.0,
    "ablate_positions": 22.0,
    "ablate_second_half": 35.0,
    "attribute_logits": 4.0,
    "cut_paths": 75.0,
    "damage_repeat": 5.0,
    "load_model": 3.5,
    "measure_faithfulness": 55.0,
    "measure_loss": 3.5,
    "measure_text_repeats": 27.0,
    "remove_groups": 230.0,
    "remove_in_order": 40.0,
    "remove_mlps": 120.0,
    "score_circuit_baselines": 2.0,
    "score_composition": 1.0,
    "score_copying": 6.5,
    "score_embedding_ladder": 1.5,
    "score_group_copying": 5.5,
    "score_heads": 2.5,
    "score_stability": 18.0,
    "score_summed_circuit": 1.5,
    "score_text_induction": 2.5,
    "score_two_head_circuit": 1.5,
    "score_without": 25.0,
    "separate_repeat": 8.0,
    "shuffle_repeat": 9.0,
}
"""What helpers take on SmolLM2 with 32 sequences of N = 50, on two cores; those that take long."""
WEIGHTS = 540e6
"""Bytes of SmolLM2's weights: smaller models take less, about in proportion."""
_START, _CELL = 5.0, 0.1
"""Starting a kernel and importing; any other cell."""
_CALL = re.compile(r"\b(\w+)\(")


def forecast_cells(
    notebook: nbformat.NotebookNode, *, last: Path | None = None, weights: float = WEIGHTS
) -> list[float]:
    """Seconds that each cell of a notebook will take, more or less.

    Args:
        notebook: The notebook; cells of text take none.
        last: The same notebook as it was executed before, if there is one: a cell that stands in
            it takes as long as it took.
        weights: Bytes of the model's weights.

    Returns:
        One number a cell. Only what they are against each other counts.
    """
    took = _last_times(last)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return [
        0.0
        if cell.cell_type != "code"
        else took.get(cell.source)
        or _guess(cell.source, weights) + (_START if cell.source == code[0] else 0.0)
        for cell in notebook.cells
    ]


def bytes_of_weights(directory: Path) -> float:
    """How large the weights in a model directory are."""
    return float(sum(path.stat().st_size for path in directory.glob("*.safetensors")))


def _guess(source: str, weights: float) -> float:
    called: Sequence[str] = _CALL.findall(source)
    return _CELL + sum(SECONDS.get(name, 0.0) for name in called) * weights / WEIGHTS


def _last_times(last: Path | None) -> dict[str, float]:
    if last is None or not last.is_file():
        return {}
    cells = nbformat.read(last, as_version=4).cells
    times = {cell.source: cell.metadata.get("papermill", {}).get("duration") for cell in cells}
    return {source: seconds for source, seconds in times.items() if seconds}
