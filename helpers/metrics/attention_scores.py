"""What an attention pattern on `[BOS, r_1 … r_N, r_1 … r_N]` says about its head.

Positions are t = 0 … 2N. Every score is a mean over the listed entries of the pattern
`A[..., query, key]`, so it lies in [0, 1]: the attention that the head pays, on average, to
the place that a head of that kind would look at. Leading dimensions are kept.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Patterns = Float[Tensor, "*lead query key"]
Scores = Float[Tensor, "*lead"]


def induction_score(pattern: Patterns, n: int) -> Scores:
    """Attention from a repeated token to the token after its first occurrence.

    mean over q = N+1 … 2N of A[q, q - (N - 1)]. Range [0, 1]; a perfect induction head
    scores 1, uniform attention about 1 / (1.5 N).

    Args:
        pattern: Attention patterns, `[..., query, key]`, query = key = 2N + 1.
        n: Length N of the repeated half.

    Returns:
        Scores, `[...]`.

    Raises:
        ValueError: If the pattern is not (2N + 1) x (2N + 1).

    Source: Olsson et al. 2022, In-context Learning and Induction Heads ("prefix matching").
    """
    _check(pattern, n)
    # The diagonal also holds q = N - 1 and q = N, where there is no repeat yet.
    return _diagonal(pattern, n - 1)[..., 2:].mean(-1)


def induction_score_blog(pattern: Patterns, n: int) -> Scores:
    """The induction score as most public code takes it: the mean of the whole diagonal.

    mean over q = N-1 … 2N of A[q, q - (N - 1)]: two entries more than `induction_score`,
    in which nothing repeats yet. A perfect induction head that rests on BOS until the repeat
    starts scores (N + 1) / (N + 2), 0.981 at N = 50; a head that always rests on BOS scores
    1 / (N + 2), 0.019, where `induction_score` says 1 and 0.

    Args:
        pattern: Attention patterns, `[..., query, key]`, query = key = 2N + 1.
        n: Length N of the repeated half.

    Returns:
        Scores, `[...]`, in [0, 1].

    Raises:
        ValueError: If the pattern is not (2N + 1) x (2N + 1).

    Source: the blog post this walkthrough re-does, and ARENA 1.2.
    """
    _check(pattern, n)
    return _diagonal(pattern, n - 1).mean(-1)


def previous_token_score(pattern: Patterns, n: int) -> Scores:
    """Attention from each token to the one before it.

    mean over q = 2 … 2N of A[q, q - 1]. Range [0, 1]; uniform attention scores about
    ln(2N) / 2N. q = 1 is left out: its previous token is BOS, where idle heads rest.

    Args:
        pattern: Attention patterns, `[..., query, key]`, query = key = 2N + 1.
        n: Length N of the repeated half.

    Returns:
        Scores, `[...]`.

    Raises:
        ValueError: If the pattern is not (2N + 1) x (2N + 1).

    Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
    """
    _check(pattern, n)
    return _diagonal(pattern, 1)[..., 1:].mean(-1)


def duplicate_token_score(pattern: Patterns, n: int) -> Scores:
    """Attention from a repeated token to its own first occurrence.

    mean over q = N+1 … 2N of A[q, q - N]. Range [0, 1]; uniform attention about 1 / (1.5 N).

    Args:
        pattern: Attention patterns, `[..., query, key]`, query = key = 2N + 1.
        n: Length N of the repeated half.

    Returns:
        Scores, `[...]`.

    Raises:
        ValueError: If the pattern is not (2N + 1) x (2N + 1).

    Source: Wang et al. 2022, Interpretability in the Wild.
    """
    _check(pattern, n)
    return _diagonal(pattern, n)[..., 1:].mean(-1)


def attention_sink_score(pattern: Patterns, n: int) -> Scores:
    """Attention that rests on the first position, where heads with nothing to do look.

    mean over q = 1 … 2N of A[q, 0]. Range [0, 1]; uniform attention about ln(2N) / 2N.

    Args:
        pattern: Attention patterns, `[..., query, key]`, query = key = 2N + 1.
        n: Length N of the repeated half.

    Returns:
        Scores, `[...]`.

    Raises:
        ValueError: If the pattern is not (2N + 1) x (2N + 1).

    Source: Elhage et al. 2021 (heads resting on the start token).
    """
    _check(pattern, n)
    return pattern[..., 1:, 0].mean(-1)


SCORES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "induction": induction_score,
    "previous_token": previous_token_score,
    "duplicate_token": duplicate_token_score,
    "attention_sink": attention_sink_score,
    "induction_blog": induction_score_blog,
}
"""Every score by its name, in the order in which results list them."""


def score_pattern(pattern: Patterns, n: int) -> Float[Tensor, "score *lead"]:
    """All scores of `SCORES`, stacked along a new first dimension.

    Args:
        pattern: Attention patterns, `[..., query, key]`, query = key = 2N + 1.
        n: Length N of the repeated half.

    Returns:
        Scores in the order of `SCORES`, `[score, ...]`, in [0, 1].
    """
    return torch.stack([score(pattern, n) for score in SCORES.values()])


def uniform_pattern(length: int) -> Float[Tensor, "query key"]:
    """Causal attention that prefers nothing: A[q, k] = 1 / (q + 1) for k <= q.

    Scored like any pattern it gives the chance level that the plots draw in.

    Args:
        length: Number of positions.

    Returns:
        Pattern whose rows sum to 1.
    """
    allowed = torch.ones(length, length, dtype=torch.float32).tril()
    return allowed / allowed.sum(-1, keepdim=True)


def _diagonal(pattern: Patterns, back: int) -> Float[Tensor, "*lead entries"]:
    return pattern.diagonal(offset=-back, dim1=-2, dim2=-1)


def _check(pattern: Patterns, n: int) -> None:
    length = 2 * n + 1
    if n < 2 or pattern.shape[-2:] != (length, length):
        raise ValueError(
            f"A pattern of shape {tuple(pattern.shape)} does not fit N = {n}: the last two "
            f"dimensions must be 2N + 1 = {length} (BOS and two halves), N at least 2."
        )
