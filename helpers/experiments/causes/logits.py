"""What do the heads say by themselves?"""

from collections.abc import Mapping, Sequence

import torch
import xarray as xr
from torch import Tensor

from helpers.experiments.provenance import run_attrs
from helpers.forward import direct_logits
from helpers.heads import Head
from helpers.interventions import draw_matched
from helpers.metrics import part_slice
from helpers.models import Model
from helpers.progress import track
from helpers.results import label_array
from helpers.tokens import RepeatedTokens


def attribute_logits(
    model: Model,
    sample: RepeatedTokens,
    groups: Mapping[str, Sequence[Head]],
    *,
    draws: int = 20,
) -> xr.Dataset:
    """What each head adds, by itself, to the logit of the right token in the second half.

    Args:
        model: The model.
        sample: Repeated tokens.
        groups: Name and heads of groups whose parts are added up; empty ones are left out.
        draws: How many groups of random heads of the same layers to compare each with.

    Returns:
        Dataset of `direct` over `sequence`, `layer`, `head`: mean over targets N+2 … 2N of the
        head's own addition to the right token's logit, over what it adds to the average token;
        `total` over `sequence`: the whole logit, of which MLPs, embeddings and biases make the
        rest; `together` over `group`, `sequence`; and `random` over `group`, `draw`, averaged
        over sequences. See `helpers.forward.direct_logits`.

    Raises:
        ValueError: If a head does not exist.
    """
    parts = direct_logits(model, sample.tokens, targets=part_slice("second", sample.n), track=track)
    direct = parts.heads.mean(-1)
    named = {name: list(heads) for name, heads in groups.items() if heads}
    drawn = [draw_matched(heads, model, draws=draws, seed=sample.seed) for heads in named.values()]
    together = torch.stack([_sum(direct, heads) for heads in named.values()])
    random = torch.stack(
        [torch.stack([_sum(direct, heads).mean() for heads in draw]) for draw in drawn]
    )
    what = {"units": "logits", "long_name": "direct logit attribution"}
    group = {"group": list(named)}
    return xr.Dataset(
        {
            "direct": label_array(direct, ("sequence", "layer", "head"), coords=None, **what),
            "total": label_array(parts.total.mean(-1), ("sequence",), units="logits"),
            "together": label_array(together, ("group", "sequence"), coords=group, **what),
            "random": label_array(random, ("group", "draw"), coords=group, **what),
            "heads": ("group", [", ".join(map(str, heads)) for heads in named.values()]),
        },
        attrs={**run_attrs(model, sample), "draws": draws},
    )


def _sum(direct: Tensor, heads: Sequence[Head]) -> Tensor:
    return torch.stack([direct[:, head.layer, head.head] for head in heads]).sum(0)
