"""Notebook 8: what if the repeat is not exact, or comes late?"""

from collections.abc import Sequence
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from helpers.experiments.lookup import look_back, unused_tokens
from helpers.experiments.provenance import run_attrs
from helpers.heads import Head
from helpers.models import Model
from helpers.progress import track
from helpers.results import label_array
from helpers.tokens import RepeatedTokens

DAMAGES = ("nothing", "one token changed", "two tokens swapped")
SIZES = (1, 2, 5, 10)
GAPS = (0, 10, 25, 50, 100, 200)
SINCE = 10
_LOG_PROB: dict[str, Any] = {"long_name": "log-probability of the token that came", "units": "nats"}
_LOOK: dict[str, Any] = {"long_name": "attention to where that token stood in the first half"}


def damage_repeat(model: Model, sample: RepeatedTokens, head: Head) -> xr.Dataset:
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
    n, at = sample.n, sample.n // 2
    if n < 6:
        raise ValueError(f"N = {n} leaves no room around the damage: choose N >= 6.")
    changed, swapped = sample.tokens.clone(), sample.tokens.clone()
    changed[:, n + at] = unused_tokens(model, sample, 1)[:, 0]
    swapped[:, [n + at, n + at + 1]] = sample.tokens[:, [n + at + 1, n + at]]
    offsets = torch.arange(max(2 - at, -5), min(n - at, SINCE) + 1)
    places = (n + at + offsets).expand(len(sample), -1)
    with track(len(DAMAGES), "damaging the repeat") as bar:
        seen = [
            look_back(model, tokens, head, places, track=bar.part(1))
            for tokens in (sample.tokens, changed, swapped)
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
        attrs={**run_attrs(model, sample), "head": str(head), "place": at},
    )


def shuffle_repeat(
    model: Model, sample: RepeatedTokens, head: Head, *, sizes: Sequence[int] = SIZES
) -> xr.Dataset:
    """Cut the second half into blocks, shuffle them, and see what the model needs to be on track.

    A block keeps its own order; what comes after its last token is new. `since` counts the tokens
    since the order broke: 1 is the first token of a block, which no lookup can predict, 2 the
    second, for which one token of the block is known.

    Args:
        model: The model.
        sample: Repeated tokens.
        head: Whose attention to read; see `damage_repeat`.
        sizes: Tokens of a block. Those below N are taken; N itself (order kept) comes last.

    Returns:
        Dataset over `block`, `since` (1 … at most 10) and `sequence`: `log_prob`, nats, and
        `attention`, in [0, 1], mean over a sequence's targets; NaN where there are none. `first`
        over `sequence`: mean log-probability of the first half, where nothing can be known.
    """
    n = sample.n
    blocks = [*(size for size in sizes if size < n), n]
    generator = torch.Generator().manual_seed(sample.seed)
    since = torch.arange(1, min(SINCE, n) + 1)
    shape = (len(blocks), len(since), len(sample))
    log_prob, attention = torch.full(shape, torch.nan), torch.full(shape, torch.nan)
    everywhere = torch.arange(1, 2 * n + 1).expand(len(sample), -1)
    first = torch.zeros(len(sample))
    with track(len(blocks), "shuffling the repeat") as bar:
        for i, block in enumerate(blocks):
            orders = [_shuffled(n, block, generator) for _ in range(len(sample))]
            order = torch.stack(orders)
            tokens = sample.tokens.clone()
            tokens[:, n + 1 :] = sample.tokens[:, 1 : n + 1].gather(1, order)
            seen = look_back(model, tokens, head, everywhere, track=bar.part(1))
            run = torch.stack([_since_break(row) for row in order])
            for j, length in enumerate(since[:block].tolist()):
                there = run == length
                for result, values in ((log_prob, seen.log_prob), (attention, seen.attention)):
                    chosen = values[:, n:].masked_fill(~there, torch.nan)
                    result[i, j] = chosen.nanmean(1)
            first = seen.log_prob[:, :n].mean(1)
    dims, coords = ("block", "since", "sequence"), {"block": blocks, "since": since.numpy()}
    return xr.Dataset(
        {
            "log_prob": label_array(log_prob, dims, coords=coords, **_LOG_PROB),
            "attention": label_array(attention, dims, coords=coords, **_LOOK),
            "first": label_array(first, ("sequence",), **_LOG_PROB),
        },
        attrs={**run_attrs(model, sample), "head": str(head)},
    )


def separate_repeat(
    model: Model, sample: RepeatedTokens, head: Head, *, gaps: Sequence[int] = GAPS
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
        the second half (r_2 … r_N: the seam is left out); `first`: mean log-probability of the
        first half. The attribute `longest` is the largest gap that the context allows.

    Raises:
        ValueError: If no gap fits.
    """
    n = sample.n
    longest = model.n_ctx - (2 * n + 1)
    fitting = [gap for gap in gaps if 0 <= gap <= longest]
    if not fitting:
        raise ValueError(f"No gap of {list(gaps)} fits: {model.name} leaves room for {longest}.")
    filler = unused_tokens(model, sample, max(fitting))
    columns: dict[str, list[Tensor]] = {"log_prob": [], "attention": [], "first": []}
    before, after = sample.tokens[:, : n + 1], sample.tokens[:, n + 1 :]
    with track(sum(2 * n + 1 + gap for gap in fitting), "separating the halves") as bar:
        for gap in fitting:
            tokens = torch.cat([before, filler[:, :gap], after], dim=1)
            places = torch.cat([torch.arange(1, n + 1), n + gap + torch.arange(2, n + 1)])
            part = bar.part(tokens.shape[1])
            seen = look_back(model, tokens, head, places.expand(len(sample), -1), track=part)
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
        attrs={**run_attrs(model, sample), "head": str(head), "longest": longest},
    )


def _shuffled(n: int, block: int, generator: torch.Generator) -> Tensor:
    """The places 0 … n - 1 with blocks shuffled; never in the old order if there are several."""
    parts = torch.arange(n).split(block)
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
