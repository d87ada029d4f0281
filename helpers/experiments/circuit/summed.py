"""One key, several writers: what more than one previous-token head adds."""

from collections.abc import Sequence

import xarray as xr

from helpers.circuits import (
    Accuracy,
    Rung,
    pick_readings,
    read_by_layer,
    reading_work,
    top_k_accuracy,
    two_head_circuit,
)
from helpers.experiments.circuit.tables import label_accuracies, sample_tokens
from helpers.experiments.provenance import run_attrs
from helpers.heads import Head, parse_heads
from helpers.models import Model
from helpers.progress import track


def score_summed_circuit(
    model: Model,
    previous: Sequence[str | Head],
    induction: str | Head,
    *,
    rungs: Sequence[Rung] = ("raw", "effective"),
    tokens: int = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """The circuit with the keys of the first 1, 2, 3 … previous-token heads summed.

    score_n(i, j) = (x_i W_Q^I) · sum over the first n heads P of (y_j W_OV^P W_K^I): what heads
    write adds up in the residual stream. Every head counts as if it looked back with all of its
    attention, so one that hardly does counts too much: hand in heads that do, the best first.

    Args:
        model: The model.
        previous: Previous-token heads in the order in which they are added; those that are not
            in an earlier layer than the induction head are left out.
        induction: Induction head I.
        rungs: On which rungs of the embedding ladder; see `helpers.circuits.read_by_head`.
        tokens: Size of the seeded sample of tokens; the whole vocabulary if it is smaller.
        seed: Seed of the sample.

    Returns:
        Dataset of `accuracy` over `summed` (1, 2 …), `rung`, `along`, `k` and `mrr` over
        `summed`, `rung`, `along`, both in [0, 1]; the coordinate `added` names the head that
        each step adds.

    Raises:
        ValueError: If a head or a rung does not exist, or none is in an earlier layer.
    """
    I = Head.parse(induction).check(model.n_layers, model.n_heads)  # noqa: E741
    writers = [head for head in dict.fromkeys(parse_heads(previous)) if head.layer < I.layer]
    if not writers:
        raise ValueError(f"None of these heads is in an earlier layer than {I}: nothing to sum.")
    ids = sample_tokens(model, tokens, seed)
    layers = sorted({head.layer for head in (*writers, I)})
    counts = list(range(1, len(writers) + 1))

    found: dict[tuple[int, ...], Accuracy] = {}
    matching = len(ids) * model.d_head
    reading = [reading_work(model, layers, rung) for rung in rungs]
    with track(sum(reading) + len(rungs) * len(counts) * matching, "summing keys") as bar:
        for column, rung in enumerate(rungs):
            part = bar.part(reading[column])
            read = read_by_layer(model, layers, rung=rung, tokens=ids, track=part)
            for count in counts:
                first = writers[:count]
                readings = pick_readings(model, first, I, read, rung=rung)
                circuit = two_head_circuit(model, first, I, readings=readings)
                found[count - 1, column] = top_k_accuracy(circuit, track=bar.part(matching))
    labelled = label_accuracies(
        found,
        ("summed", "rung"),
        {"summed": counts, "rung": list(rungs)},
        tokens=len(ids),
        of="sampled tokens",
    )
    attrs = {**run_attrs(model), "induction": str(I), "tokens": len(ids), "seed": seed}
    return xr.Dataset(labelled, attrs=attrs).assign_coords(
        added=("summed", [str(head) for head in writers])
    )
