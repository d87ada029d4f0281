"""The circuit of two heads: previous-token head -> key of the induction head."""

from collections.abc import Iterable
from typing import NamedTuple

from transformer_lens import FactoredMatrix

from helpers.arguments import say_value
from helpers.heads import Head
from helpers.models import Model, check_model
from helpers.weights.diagonal import diagonal_ranks, mean_reciprocal_rank, share_within
from helpers.weights.token_inputs import Readings, pick_readings, read_by_layer


class Accuracy(NamedTuple):
    """How high the own entry of a token ranks in its row or column, on average.

    Args:
        top1_keys: Among all keys of one query (softmax runs over keys: the right one).
        top5_keys: The same, among the five largest.
        top1_queries: Among all queries of one key (what much public code computes with `.T`).
        top5_queries: The same, among the five largest.
        mrr_keys: Mean of 1 / rank among all keys of one query.
        mrr_queries: Mean of 1 / rank among all queries of one key.
        tokens: How many tokens were compared; chance is k / tokens, and for the mean reciprocal
            rank `chance_reciprocal_rank(tokens)`.
    """

    top1_keys: float
    top5_keys: float
    top1_queries: float
    top5_queries: float
    mrr_keys: float
    mrr_queries: float
    tokens: int


def two_head_circuit(
    model: Model,
    previous: str | Head | Iterable[str | Head],
    induction: str | Head,
    *,
    readings: Readings | None = None,
) -> FactoredMatrix:
    """How strongly the induction head, at token i, matches a place whose previous token is j.

    score(i, j) = (x_i W_Q^I) · (y_j W_OV^P W_K^I), where x_i and y_j stand for the tokens: with
    x = y = W_E that is W_E W_Q^I W_K^I^T W_OV^P^T W_E^T, the circuit of the post. A circuit that
    finds repeats has its largest entries on the diagonal.

    Several previous-token heads may be given: what they write adds up in the residual stream, so
    their keys are summed, as if each looked back with all of its attention. Several induction
    heads may not: each has a softmax of its own.

    With rotated positions (RoPE) the rotation between query and key is left out.

    Args:
        model: The model.
        previous: Previous-token head P, which writes token j into the place after it, or several.
        induction: Induction head I, in a later layer, which looks for token i.
        readings: What stands for the tokens where each head reads; raw W_E if not given.

    Returns:
        FactoredMatrix, `[query token, key token]`, inner dimension d_head.

    Raises:
        ValueError: If a head does not exist, a P is not in an earlier layer than I or is named
            twice, or `readings` were made for another number of heads.
        UnsupportedModelError: If the model's heads are more than their matrices.

    Source: Elhage et al. 2021; top-1 test after ARENA 1.2 and the post.
    """
    check_model(model)
    model.need("weights", "heads", "scores")
    senders, reader = model.parse_heads(previous), model.parse_head(induction)
    if len(set(senders)) < len(senders):
        raise ValueError(f"A head writes once; {', '.join(map(str, senders))} names one twice.")
    for head in senders:
        if head.layer >= reader.layer:
            raise ValueError(
                f"{head} cannot feed {reader}: composition runs from an earlier layer to a "
                "later one. Swap them?"
            )
    if readings is None:
        layers = sorted({head.layer for head in (*senders, reader)})
        readings = pick_readings(
            model, senders, reader, read_by_layer(model, layers, embedding="raw"), embedding="raw"
        )
    if not isinstance(readings, Readings) or len(readings.values) != len(senders):
        raise ValueError(
            f"readings are those of {len(senders)} previous-token heads and {reader}, made with "
            f"pick_readings; got {say_value(readings)}. Leave them out for raw W_E."
        )
    I = model.head_weights(reader)  # noqa: E741
    queries = readings.query @ I.W_Q + readings.b_Q
    keys = readings.b_K
    for head, value, b_V in zip(senders, readings.values, readings.b_V, strict=True):
        P = model.head_weights(head)
        keys = keys + (value @ P.W_V + b_V) @ (P.W_O @ I.W_K)
    return FactoredMatrix(queries, keys.mT)


def top_k_accuracy(circuit: FactoredMatrix, *, tile: int | None = None) -> Accuracy:
    """How often and how nearly the circuit matches tokens best with themselves, both ways.

    hit_k(i) = fewer than k other entries of row (column) i are as large as the diagonal;
    MRR = mean over i of 1 / (1 + how many are). A tie is a miss, so a circuit of zeros scores 0,
    and 1 / tokens in MRR. The matrix is gone through once for both ways, tile by tile, and never
    stored.

    Args:
        circuit: Square `[query token, key token]` circuit in factors.
        tile: Side of a tile; one that suits the cache if not given.

    Returns:
        Top-1, top-5 and mean reciprocal rank along keys and along queries; range [0, 1], chance
        k / tokens and `chance_reciprocal_rank(tokens)`.

    Raises:
        ValueError: If the circuit is not square.
    """
    by_key, by_query = diagonal_ranks(circuit, tile=tile)
    return Accuracy(
        top1_keys=share_within(by_key, 1),
        top5_keys=share_within(by_key, 5),
        top1_queries=share_within(by_query, 1),
        top5_queries=share_within(by_query, 5),
        mrr_keys=mean_reciprocal_rank(by_key),
        mrr_queries=mean_reciprocal_rank(by_query),
        tokens=len(by_key),
    )
