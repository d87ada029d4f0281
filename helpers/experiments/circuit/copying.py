"""Do heads, having found the place, make the model say what stands there?"""

from collections.abc import Iterable

import torch
import xarray as xr

from helpers.circuits import copying_accuracy, copying_eigenvalue_score
from helpers.experiments.provenance import run_attrs
from helpers.heads import Head, parse_heads
from helpers.interventions import draw_matched
from helpers.models import Model
from helpers.progress import track
from helpers.results import label_array


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
    chosen = parse_heads(heads)
    shares, values = [], []
    with track(len(chosen), "reading OV circuits") as bar:
        for head in chosen:
            values.append(copying_eigenvalue_score(model, head))
            shares.append(copying_accuracy(model, head, track=bar.part(1)))
    coords = {"head_name": [str(head) for head in chosen]}
    chance = 1 / model.d_vocab
    return xr.Dataset(
        {
            "top1": ("head_name", [share.top1 for share in shares], {"chance": chance}),
            "top5": ("head_name", [share.top5 for share in shares], {"chance": 5 * chance}),
            "eigenvalue": ("head_name", values),
        },
        coords=coords,
        attrs={**run_attrs(model), "tokens": model.d_vocab},
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
    group = list(dict.fromkeys(parse_heads(heads)))
    drawn = draw_matched(group, model, draws=draws, seed=seed)
    inner = len(group) * model.d_head
    matching = model.d_vocab * inner  # in multiplications for each token, as the rest
    with track(matching + model.d_model**2 + draws * inner**2 / 4, "reading OV circuits") as bar:
        share = copying_accuracy(model, group, track=bar.part(matching))
        said = model.W_U @ model.W_E
        bar.advance(model.d_model**2)
        values = []
        for some in drawn:
            values.append(copying_eigenvalue_score(model, some, said=said))
            bar.advance(inner**2 / 4)
    chance = 1 / model.d_vocab
    return xr.Dataset(
        {
            "top1": ((), share.top1, {"chance": chance}),
            "top5": ((), share.top5, {"chance": 5 * chance}),
            "eigenvalue": ((), copying_eigenvalue_score(model, group, said=said)),
            "random": label_array(
                torch.tensor(values), ("draw",), long_name="eigenvalue score of random groups"
            ),
        },
        attrs={
            **run_attrs(model),
            "tokens": model.d_vocab,
            "seed": seed,
            "heads": ", ".join(map(str, group)),
        },
    )
