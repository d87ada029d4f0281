"""How well the next token is predicted, and in which part of `[BOS, r, r]`."""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

TargetPart = Literal["first", "boundary", "second", "second_blog"]
PARTS: tuple[TargetPart, ...] = get_args(TargetPart)


def token_log_probs(
    logits: Float[Tensor, "*batch pos d_vocab"], tokens: Int[Tensor, "*batch pos"]
) -> Float[Tensor, "*batch target"]:
    """Log-probability of each target token, given those before it.

    lp[t - 1] = log softmax(logits[t - 1])[tokens[t]] for t = 1 … pos - 1. Range (-inf, 0], in
    nats; a model that knows nothing scores -ln(d_vocab).

    Args:
        logits: Model output, `[..., pos, d_vocab]`.
        tokens: What was fed in, `[..., pos]`.

    Returns:
        Log-probabilities, `[..., pos - 1]`: entry i belongs to target position i + 1.
    """
    predicting = logits[..., :-1, :]
    right = predicting.gather(-1, tokens[..., 1:, None])[..., 0]
    return right - predicting.logsumexp(-1)


def is_top1(
    logits: Float[Tensor, "*batch pos d_vocab"], tokens: Int[Tensor, "*batch pos"]
) -> Bool[Tensor, "*batch target"]:
    """Whether each target token was the model's first choice.

    hit[t - 1] = argmax(logits[t - 1]) == tokens[t] for t = 1 … pos - 1; chance is 1 / d_vocab.

    Args:
        logits: Model output, `[..., pos, d_vocab]`.
        tokens: What was fed in, `[..., pos]`.

    Returns:
        Hits, `[..., pos - 1]`: entry i belongs to target position i + 1.
    """
    return logits[..., :-1, :].argmax(-1) == tokens[..., 1:]


def part_slice(part: TargetPart, n: int) -> slice:
    """Which targets make up a part of `[BOS, r_1 … r_N, r_1 … r_N]`.

    | part        | target positions t | how many |
    |-------------|--------------------|----------|
    | first       | 1 … N              | N        |
    | boundary    | N + 1              | 1: nothing can tell that the repeat starts |
    | second      | N + 2 … 2N         | N - 1    |
    | second_blog | N + 1 … 2N         | N: the post's, boundary included |

    Args:
        part: One of the four names.
        n: Length N of the repeated half.

    Returns:
        Slice into the target dimension, whose entry i is target position i + 1.

    Raises:
        ValueError: If there is no part of that name.
    """
    bounds = {
        "first": (0, n),
        "boundary": (n, n + 1),
        "second": (n + 1, 2 * n),
        "second_blog": (n, 2 * n),
    }
    if part not in bounds:
        raise ValueError(f"Unknown part {part!r}; the parts are {', '.join(PARTS)}.")
    return slice(*bounds[part])


def in_context_learning_score(
    log_prob: Float[Tensor, "*batch target"], n: int
) -> Float[Tensor, "*batch"]:
    """How much better the end of the repeat is predicted than the first half.

    mean of lp over the last tenth of the second half (at least one target) minus the mean over
    the first half, in nats. 0 means that the context taught nothing; ln(d_vocab) is about the
    most a perfect model can gain.

    Args:
        log_prob: Log-probabilities from `token_log_probs`, target = 2N.
        n: Length N of the repeated half.

    Returns:
        One score for each sequence.

    Source: after Olsson et al. 2022 (loss late in the context minus loss early in it).
    """
    late = max(1, round(n / 10))
    return log_prob[..., -late:].mean(-1) - torch.as_tensor(log_prob[..., :n].mean(-1))
