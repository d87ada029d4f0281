"""Do heads, having found the place, make the model say what stands there?"""

from collections.abc import Iterable

import torch
import xarray as xr

from helpers.heads import Head
from helpers.inputs import about
from helpers.interventions import sample_random_heads
from helpers.models import Model
from helpers.progress import progress
from helpers.results import label_array
from helpers.weights import copying_accuracy, copying_eigenvalue_score


def score_copying(model: Model, heads: str | Head | Iterable[str | Head]) -> xr.Dataset:
    """Whether heads, attending to a token, make the model say it.

    Args:
        model: The model.
        heads: One head or several.

    Returns:
        Dataset over `head_name` of `top1`, `top5` (share of the whole vocabulary, in [0, 1]) and
        `eigenvalue` (in [-1, 1]: 1 copies, -1 suppresses).

    Raises:
        ValueError: If a head does not exist.
    """
    chosen = model.parse_heads(heads)
    shares, values = [], []
    for head in progress(chosen, "reading OV circuits"):
        values.append(copying_eigenvalue_score(model, head))
        shares.append(copying_accuracy(model, head))
    coords = {"head_name": [str(head) for head in chosen]}
    chance = 1 / model.d_vocab
    return xr.Dataset(
        {
            "top1": ("head_name", [share.top1 for share in shares], {"chance": chance}),
            "top5": ("head_name", [share.top5 for share in shares], {"chance": 5 * chance}),
            "eigenvalue": ("head_name", values),
        },
        coords=coords,
        attrs=about(model, tokens=model.d_vocab),
    )


def score_group_copying(
    model: Model, heads: str | Head | Iterable[str | Head], *, draws: int = 20, seed: int = 0
) -> xr.Dataset:
    """Whether heads that attend to a token together make the model say it.

    E (sum over the heads of W_OV) W_U: where several heads look at the same place, what they
    write adds up. Random groups, with as many heads in each layer, are scored by eigenvalues
    only: a share of tokens would take a pass over d_vocab x d_vocab logits for each.

    Args:
        model: The model.
        heads: The group; a head named twice counts once.
        draws: How many random groups.
        seed: Seed of the random groups.

    Returns:
        Dataset of `top1`, `top5` (share of the whole vocabulary, in [0, 1]), `eigenvalue` (in
        [-1, 1]: 1 copies, -1 suppresses) and `random` over `draw`, the eigenvalue score of
        random groups. The attribute `heads` names the group.

    Raises:
        ValueError: If a head does not exist.
    """
    group = list(dict.fromkeys(model.parse_heads(heads)))
    drawn = sample_random_heads(group, model, draws=draws, seed=seed)
    share = copying_accuracy(model, group)
    said = model.W_U @ model.W_E  # the same for every group
    values = [
        copying_eigenvalue_score(model, some, said=said)
        for some in progress(drawn, "reading OV circuits")
    ]
    chance = 1 / model.d_vocab
    return xr.Dataset(
        {
            "top1": ((), share.top1, {"chance": chance}),
            "top5": ((), share.top5, {"chance": 5 * chance}),
            "eigenvalue": ((), copying_eigenvalue_score(model, group, said=said)),
            "random": label_array(
                torch.tensor(values, dtype=torch.float32),
                ("draw",),
                long_name="eigenvalue score of random groups",
            ),
        },
        attrs=about(model, tokens=model.d_vocab, seed=seed, heads=", ".join(map(str, group))),
    )
