"""What is predicted at some places, and whether a head looks at where the token stood before."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.models import Model, Site
from helpers.running.collect import collect
from helpers.running.next_token import predict_from


class SeenAt(NamedTuple):
    """What is read at each place, over sequences and places."""

    log_prob: Float[Tensor, "batch place"]
    attention: Float[Tensor, "batch place"]


def predict_at(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    head: Head,
    places: Int[Tensor, "batch place"],
) -> SeenAt:
    """Log-probability of the tokens at some places, and attention to where each stood before.

    Args:
        model: The model.
        tokens: Token ids, BOS first.
        head: Whose attention: from the position before the place, summed over all earlier places
            of the place's token; NaN where it never stood before.
        places: The places to predict, each at least 1.
    """
    ids = tokens.gather(1, places)
    same = tokens[:, None, :] == ids[:, :, None]
    earlier = torch.arange(tokens.shape[1]) < places[:, :, None]
    stood = (same & earlier).float()
    before = (places - 1)[:, :, None]

    def look(pattern: Tensor, rows: slice) -> Float[Tensor, "batch place"]:
        looks = pattern[:, head.head].cpu()
        seen = looks.gather(1, before[rows].expand(-1, -1, looks.shape[-1])) * stood[rows]
        return seen.sum(-1).masked_fill(stood[rows].sum(-1) == 0, torch.nan)

    def unembed(residual: Tensor, rows: slice) -> Float[Tensor, "batch place"]:
        index = before[rows].to(residual.device).expand(-1, -1, residual.shape[-1])
        flat = residual.gather(1, index).flatten(0, 1)
        return predict_from(model, flat, ids[rows].flatten())[0].view(ids[rows].shape)

    pattern, last = Site("pattern", head.layer), Site("resid_post", model.n_layers - 1)
    found = collect(model, tokens, {pattern: look, last: unembed})
    return SeenAt(found[last], found[pattern])
