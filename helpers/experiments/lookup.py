"""What is predicted at some places, and whether a head looks at where the token stood before."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import observe, predict_from
from helpers.heads import Head
from helpers.models import Model, Site
from helpers.progress import Track, silent
from helpers.tokens import RepeatedTokens, ordinary_tokens


class Seen(NamedTuple):
    """What is read at each place, over sequences and places."""

    log_prob: Float[Tensor, "batch place"]
    attention: Float[Tensor, "batch place"]


def look_back(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    head: Head,
    places: Int[Tensor, "batch place"],
    *,
    track: Track = silent,
) -> Seen:
    """Log-probability of the tokens at some places, and attention to where each stood before.

    Args:
        model: The model.
        tokens: Token ids, BOS first.
        head: Whose attention: from the position before the place, summed over all earlier places
            of the place's token; NaN where it never stood before.
        places: The places to predict, each at least 1.
        track: Shows how far the run has come.
    """
    head.check(model.n_layers, model.n_heads)
    ids = tokens.gather(1, places)
    same = tokens[:, None, :] == ids[:, :, None]
    earlier = torch.arange(tokens.shape[1]) < places[:, :, None]
    stood = (same & earlier).float()
    before = places - 1
    log_prob, attention = torch.zeros(places.shape), torch.full(places.shape, torch.nan)

    def read(rows: slice, pattern: Tensor) -> None:
        looks = pattern[:, head.head].cpu()
        index = before[rows][:, :, None].expand(-1, -1, looks.shape[-1])
        found = stood[rows]
        seen = (looks.gather(1, index) * found).sum(-1)
        attention[rows] = seen.masked_fill(found.sum(-1) == 0, torch.nan)

    def unembed(rows: slice, residual: Tensor) -> None:
        index = before[rows].to(residual.device)[:, :, None].expand(-1, -1, residual.shape[-1])
        flat = residual.gather(1, index).flatten(0, 1)
        log_prob[rows] = predict_from(model, flat, ids[rows].flatten())[0].view(index.shape[:2])

    last = Site("resid_post", model.n_layers - 1)
    observe(
        model,
        tokens,
        {Site("pattern", head.layer): read, last: unembed},
        after=model.unembedding * places.shape[1] / tokens.shape[1],
        track=track,
        label="predicting",
    )
    return Seen(log_prob, attention)


def unused_tokens(model: Model, sample: RepeatedTokens, count: int) -> Int[Tensor, "batch place"]:
    """Random tokens that a sequence does not have; without replacement while they last.

    Raises:
        ValueError: If there are none.
    """
    generator = torch.Generator().manual_seed(sample.seed + 1)
    words = ordinary_tokens(model)
    rows = []
    for sequence in sample.tokens:
        free = words[~torch.isin(words, sequence)]
        if not len(free):
            raise ValueError(f"{model.name} has no token left that the sequence does not have.")
        picks = torch.randperm(len(free), generator=generator)
        rows.append(free[picks.repeat(count // len(free) + 1)[:count]])
    return torch.stack(rows)
