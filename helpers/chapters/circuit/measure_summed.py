"""One key, several writers: what more than one previous-token head adds."""

from collections.abc import Sequence

import xarray as xr

from helpers.chapters.circuit.accuracies import label_accuracies, match_tokens, sample_tokens
from helpers.heads import Head
from helpers.inputs import about
from helpers.models import Model
from helpers.weights import Embedding


def score_summed_circuit(
    model: Model,
    previous: Sequence[str | Head],
    induction: str | Head,
    *,
    embeddings: Sequence[Embedding] = ("raw", "effective"),
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
        embeddings: What stands for the tokens; see `helpers.weights.read_by_layer`.
        tokens: Size of the seeded sample of tokens; the whole vocabulary if it is smaller.
        seed: Seed of the sample.

    Returns:
        Dataset of `accuracy` over `summed` (1, 2 …), `embedding`, `along`, `k` and `mrr` over
        `summed`, `embedding`, `along`, both in [0, 1]; the coordinate `added` names the head that
        each step adds.

    Raises:
        ValueError: If a head or an embedding does not exist, or none is in an earlier layer.
    """
    I = Head.parse(induction).check(model.n_layers, model.n_heads)  # noqa: E741
    writers = [head for head in dict.fromkeys(model.parse_heads(previous)) if head.layer < I.layer]
    if not writers:
        raise ValueError(f"None of these heads is in an earlier layer than {I}: nothing to sum.")
    ids = sample_tokens(model, tokens, seed)
    counts = list(range(1, len(writers) + 1))
    circuits = [(writers[:count], I) for count in counts]
    found = match_tokens(model, circuits, embeddings, tokens=ids)
    labelled = label_accuracies(
        found,
        ("summed", "embedding"),
        {"summed": counts, "embedding": list(embeddings)},
        tokens=len(ids),
        of="sampled tokens",
    )
    attrs = about(model, induction=str(I), tokens=len(ids), seed=seed)
    return xr.Dataset(labelled, attrs=attrs).assign_coords(
        added=("summed", [str(head) for head in writers])
    )
