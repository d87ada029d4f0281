"""Notebook 8: what if the repeat is not exact, or comes late?"""

from collections.abc import Sequence
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from helpers.heads import Head
from helpers.inputs import (
    Input,
    RepeatedTokens,
    about,
    listed_tokens,
    read_repeated,
    without_special,
)
from helpers.models import Model
from helpers.progress import progress
from helpers.results import label_array
from helpers.running import predict_at

DAMAGES = ("nothing", "one token changed", "two tokens swapped")
SIZES = (1, 2, 5, 10)
GAPS = (0, 10, 25, 50, 100, 200)
SINCE = 10
_LOG_PROB: dict[str, Any] = {"long_name": "log-probability of the target token", "units": "nats"}
_LOOK: dict[str, Any] = {"long_name": "attention to where that token stood in the first half"}


def damage_repeat(model: Model, sample: Input, head: str | Head) -> xr.Dataset:
    """Damage the second half in the middle, and see how soon the model is back on track.

    `[BOS, r_1 … r_N, r_1 … x … r_N]`: the token at place i = N // 2 of the second half becomes a
    token x that stands nowhere else, or r_i and r_{i+1} change places. Offset d is the target at
    place i + d of the second half, predicted from the token before it. What an exact lookup of
    the token before can still do:

    | damage             | cannot predict | why                                              |
    |--------------------|----------------|--------------------------------------------------|
    | one token changed  | d = 0, 1       | x never came; nothing is known to follow x       |
    | two tokens swapped | d = 0, 1, 2    | the tokens before were followed by other ones    |

    Args:
        model: The model.
        sample: Repeated tokens, N at least 6.
        head: Whose attention to read.

    Returns:
        Dataset over `damage` ("nothing" and the two above), `offset` and `sequence`: `log_prob`
        of the target, nats, and `attention` of the head, from the token before the target to
        where the target's token stood in the first half, in [0, 1]; NaN where it never stood.

    Raises:
        ValueError: If N is less than 6 or no token is left to put in.
    """
    sample, reader = read_repeated(model, sample), model.parse_head(head)
    n, at = sample.n, sample.n // 2
    if n < 6:
        raise ValueError(f"N = {n} leaves no room around the damage: choose N >= 6.")
    changed, swapped = sample.tokens.clone(), sample.tokens.clone()
    changed[:, n + at] = _unused_tokens(model, sample, 1)[:, 0]
    swapped[:, [n + at, n + at + 1]] = sample.tokens[:, [n + at + 1, n + at]]
    offsets = torch.arange(max(2 - at, -5), min(n - at, SINCE) + 1)
    places = (n + at + offsets).expand(len(sample), -1)
    inputs = [sample.tokens, changed, swapped]
    seen = [
        predict_at(model, tokens, reader, places)
        for tokens in progress(inputs, "damaging the repeat")
    ]
    dims = ("damage", "offset", "sequence")
    coords = {"damage": list(DAMAGES), "offset": offsets.numpy()}
    return xr.Dataset(
        {
            "log_prob": label_array(
                torch.stack([one.log_prob.T for one in seen]), dims, coords=coords, **_LOG_PROB
            ),
            "attention": label_array(
                torch.stack([one.attention.T for one in seen]), dims, coords=coords, **_LOOK
            ),
        },
        attrs=about(model, sample, head=str(reader), place=at),
    )


def shuffle_repeat(
    model: Model, sample: Input, head: str | Head, *, sizes: Sequence[int] = SIZES
) -> xr.Dataset:
    """Cut the second half into pieces, shuffle them, and see what the model needs to be on track.

    A piece keeps its own order; what comes after its last token is new. `since` counts the tokens
    since the order broke: 1 is the first token of a piece, which no lookup can predict, 2 the
    second, for which one token of the piece is known.

    Args:
        model: The model.
        sample: Repeated tokens.
        head: Whose attention to read; see `damage_repeat`.
        sizes: Tokens of a piece. Those below N are taken; N itself (order kept) comes last.

    Returns:
        Dataset over `piece`, `since` (1 … at most 10) and `sequence`: `log_prob`, nats, and
        `attention`, in [0, 1], mean over a sequence's targets; NaN where there are none. `first`
        over `sequence`: mean log-probability of the first half, where nothing can be known.
    """
    sample, reader = read_repeated(model, sample), model.parse_head(head)
    n = sample.n
    pieces = [*(size for size in sizes if size < n), n]
    generator = torch.Generator().manual_seed(sample.seed)
    since = torch.arange(1, min(SINCE, n) + 1)
    shape = (len(pieces), len(since), len(sample))
    log_prob, attention = torch.full((2, *shape), torch.nan, dtype=torch.float32)
    everywhere = torch.arange(1, 2 * n + 1).expand(len(sample), -1)
    first = torch.zeros(len(sample), dtype=torch.float32)
    for i, piece in enumerate(progress(pieces, "shuffling the repeat")):
        order = torch.stack([_shuffled(n, piece, generator) for _ in range(len(sample))])
        tokens = sample.tokens.clone()
        tokens[:, n + 1 :] = sample.tokens[:, 1 : n + 1].gather(1, order)
        seen = predict_at(model, tokens, reader, everywhere)
        run = torch.stack([_since_break(row) for row in order])
        for j, length in enumerate(since[:piece].tolist()):
            there = run == length
            for result, values in ((log_prob, seen.log_prob), (attention, seen.attention)):
                result[i, j] = values[:, n:].masked_fill(~there, torch.nan).nanmean(1)
        first = seen.log_prob[:, :n].mean(1)
    dims, coords = ("piece", "since", "sequence"), {"piece": pieces, "since": since.numpy()}
    return xr.Dataset(
        {
            "log_prob": label_array(log_prob, dims, coords=coords, **_LOG_PROB),
            "attention": label_array(attention, dims, coords=coords, **_LOOK),
            "first": label_array(first, ("sequence",), **_LOG_PROB),
        },
        attrs=about(model, sample, head=str(reader)),
    )


def separate_repeat(
    model: Model, sample: Input, head: str | Head, *, gaps: Sequence[int] = GAPS
) -> xr.Dataset:
    """Put other random tokens between the halves: how far back does the lookup reach?

    `[BOS, r_1 … r_N, x_1 … x_g, r_1 … r_N]`; a token and its first occurrence are N + g apart.

    Args:
        model: The model.
        sample: Repeated tokens.
        head: Whose attention to read; see `damage_repeat`.
        gaps: Numbers g of tokens between; those that do not fit the model's context are left out.

    Returns:
        Dataset over `gap` and `sequence`: `log_prob`, nats, and `attention`, in [0, 1], mean over
        the second half (r_2 … r_N: the boundary is left out); `first`: mean log-probability of the
        first half. The attribute `longest` is the largest gap that the context allows.

    Raises:
        ValueError: If no gap fits.
    """
    sample, reader = read_repeated(model, sample), model.parse_head(head)
    n = sample.n
    longest = model.n_ctx - (2 * n + 1)
    fitting = [gap for gap in gaps if 0 <= gap <= longest]
    if not fitting:
        raise ValueError(f"No gap of {list(gaps)} fits: {model.name} leaves room for {longest}.")
    filler = _unused_tokens(model, sample, max(fitting))
    columns: dict[str, list[Tensor]] = {"log_prob": [], "attention": [], "first": []}
    before, after = sample.tokens[:, : n + 1], sample.tokens[:, n + 1 :]
    for gap in progress(fitting, "separating the halves"):
        tokens = torch.cat([before, filler[:, :gap], after], dim=1)
        places = torch.cat([torch.arange(1, n + 1), n + gap + torch.arange(2, n + 1)])
        seen = predict_at(model, tokens, reader, places.expand(len(sample), -1))
        columns["first"].append(seen.log_prob[:, :n].mean(1))
        columns["log_prob"].append(seen.log_prob[:, n:].mean(1))
        columns["attention"].append(seen.attention[:, n:].mean(1))
    return xr.Dataset(
        {
            name: label_array(
                torch.stack(values),
                ("gap", "sequence"),
                coords={"gap": fitting},
                **(_LOOK if name == "attention" else _LOG_PROB),
            )
            for name, values in columns.items()
        },
        attrs=about(model, sample, head=str(reader), longest=longest),
    )


def _shuffled(n: int, piece: int, generator: torch.Generator) -> Tensor:
    """The places 0 … n - 1 with pieces shuffled; never in the old order if there are several."""
    parts = torch.arange(n).split(piece)
    while True:
        order = torch.randperm(len(parts), generator=generator).tolist()
        if len(parts) == 1 or order != sorted(order):
            return torch.cat([parts[i] for i in order])


def _since_break(order: Tensor) -> Tensor:
    """How many tokens since the last one that did not follow its old neighbour, itself included."""
    run = torch.ones_like(order)
    for i in range(1, len(order)):
        if order[i] == order[i - 1] + 1:
            run[i] = run[i - 1] + 1
    return run


def _unused_tokens(model: Model, sample: RepeatedTokens, count: int) -> Tensor:
    """Random tokens that a sequence does not have; without replacement while they last.

    Raises:
        ValueError: If there are none.
    """
    generator = torch.Generator().manual_seed(sample.seed + 1)
    words = listed_tokens(model)
    rows = []
    for sequence in sample.tokens:
        free = words[~torch.isin(words, sequence)]
        drawn = free[torch.randperm(len(free), generator=generator)]
        ordinary = without_special(model, drawn)
        if not len(ordinary):
            raise ValueError(f"{model.name} has no token left that the sequence does not have.")
        rows.append(ordinary.repeat(count // len(ordinary) + 1)[:count])
    return torch.stack(rows)
