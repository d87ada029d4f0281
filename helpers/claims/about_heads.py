"""What heads look at, what is lost without them, and which layers matter to what."""

import numpy as np
import xarray as xr

from helpers.claims.evidence import Finding, claim, nothing
from helpers.claims.numbers import Number, mean_of, upper, upper_of_others
from helpers.heads import Head
from helpers.results import NotMeasurableError, selection_frequency

_NONE = "no such head stands out in this model"


@claim(
    "E1",
    "scan",
    needs=("stability",),
    says="the head that leads with one seed leads on others, and looks there only where something "
    "repeats",
    number="induction score of the head that leads with the first seed, on the other seeds",
    otherwise="no single head leads whichever tokens are drawn, or it looks there without a "
    "repeat: do not call it an induction head",
)
def top_head(stability: xr.Dataset) -> Finding:
    """lower end above the 97.5 % quantile of all other heads, and above three times what the same
    head scores where nothing repeats
    """
    scores = stability["induction"].transpose("seed", "sequence", "layer", "head")
    choice = scores.isel(seed=0).mean("sequence").to_numpy()
    layer, head = map(int, np.unravel_index(choice.argmax(), choice.shape))
    held_out = scores.isel(seed=slice(1, None)) if scores.sizes["seed"] > 1 else scores
    number = mean_of(held_out.sel(layer=layer, head=head))
    band = upper_of_others(held_out.mean(("seed", "sequence")), Head(layer, head))
    still = float(stability["induction_unrepeated"].sel(layer=layer, head=head).mean())
    return Finding(
        number,
        {"other heads, 97.5 %": band, "where nothing repeats": still},
        number.low > band and number.low > 3 * still,
        str(Head(layer, head)),
    )


@claim(
    "E2",
    "scan",
    needs=("stability",),
    says="other random tokens find the same head",
    number="share of bootstrap draws (seeds x sequences) in which the top head is on top",
    otherwise="the order of the best heads belongs to the draw: speak of the group, not of one "
    "head",
)
def same_head(stability: xr.Dataset) -> Finding:
    """at least 0.9, and the head scores more than three times as much as where nothing repeats"""
    table = selection_frequency(stability, by="induction")
    best = table.iloc[0]
    share = float(best["draws_on_top"])
    seeds = float(best["seeds_on_top"]) / stability.sizes["seed"]
    return Finding(
        Number(share),
        {"seeds on top": seeds, "chance": 1 / len(table)},
        share >= 0.9 and float(best["low"]) > 3 * float(best["unrepeated"]),
        str(best["head"]),
    )


@claim(
    "E3",
    "mlps",
    needs=("layers",),
    says="MLPs beyond layer 0 matter more to text than to the repeat",
    number="change of the loss without one MLP (mean ablation), mean over layers from 1 on: text "
    "minus repeat, nats",
    otherwise="past layer 0 the repeat needs the MLPs at least as much as text does: the post's "
    "conclusion does not carry over to this model",
    component="mlp_out",
    more="text",
    less="repeat",
)
@claim(
    "E4",
    "mlps",
    needs=("layers",),
    says="attention beyond layer 0 matters more to the repeat than to text",
    number="change of the loss without one attention layer (mean ablation), mean over layers from "
    "1 on: repeat minus text, nats",
    otherwise="past layer 0 attention does no more for the repeat than for text",
    component="attn_out",
    more="repeat",
    less="text",
)
def layer_difference(layers: xr.Dataset, *, component: str, more: str, less: str) -> Finding:
    """lower end above 0.02 nats"""
    effect = layers["effect"].sel(component=component, removal="mean").isel(layer=slice(1, None))
    if not effect.sizes["layer"]:
        raise NotMeasurableError("the model has one layer")
    per_sequence = effect.mean("layer")
    # Independent samples: which sequence of one is taken with which of the other is chance.
    a, b = (per_sequence.sel(input=name).to_numpy() for name in (more, less))
    number = mean_of(a - b)
    return Finding(
        number, {more: float(a.mean()), less: float(b.mean())}, number.low > 0.02, "layers 1 on"
    )


def _without_induction(id: str, method: str):
    return claim(
        id,
        "removal",
        needs=("removed_groups",),
        says=f"removing the induction heads ({method}) costs the repeat more than random heads do",
        number="change of the second-half loss, nats",
        otherwise="as many random heads of the same layers cost as much, or nothing was lost; "
        "look at "
        "the first half: this way of removing may break more than the repeat",
        group="induction",
        method=method,
    )


@_without_induction("E10", "mean")
@_without_induction("E11", "zero")
@_without_induction("E12", "resample")
@claim(
    "E14",
    "removal",
    needs=("removed_groups",),
    says="removing the previous-token heads costs the repeat more than random heads do",
    number="change of the second-half loss (mean ablation), nats",
    otherwise="as many random heads of the same layers cost as much, or nothing was lost",
    group="previous_token",
    method="mean",
)
def removal(removed: xr.Dataset, *, group: str, method: str) -> Finding:
    """lower end above the 97.5 % quantile of as many random heads of the same layers, and above
    0.1 nats
    """
    if group not in removed["group"]:
        return nothing(_NONE)
    one = removed.sel(group=group, removal=method)
    number = mean_of(one["effect"].sel(input="second half"))
    band = upper(one["random"].sel(input="second half"))
    return Finding(
        number,
        {"random heads, 97.5 %": band},
        number.low > band and number.low > 0.1,
        str(one["heads"].item()),
    )


@claim(
    "E13",
    "removal",
    needs=("removed_groups",),
    says="removing the induction heads spares text and the first half",
    number="change of the second-half loss (mean ablation), nats",
    otherwise="other predictions need the same heads, or nothing was lost in the first place",
)
def spared(removed: xr.Dataset) -> Finding:
    """lower end above 0.1 nats, and on text and on the first half both ends within a tenth of it,
    up or down
    """
    if "induction" not in removed["group"]:
        return nothing(_NONE)
    one = removed.sel(group="induction", removal="mean")
    number, first, text = (
        mean_of(one["effect"].sel(input=name)) for name in ("second half", "first half", "text")
    )
    most = max(abs(end) for each in (first, text) for end in (each.low, each.high))
    return Finding(
        number,
        {"first half": first.value, "text": text.value},
        number.low > 0.1 and most < number.value / 10,
        str(one["heads"].item()),
    )


@claim(
    "E18",
    "paths",
    needs=("direct_logits",),
    says="the induction heads raise the target's logit directly, more than random heads do",
    number="direct logit attribution: what they add to the target's logit over the average "
    "token's, summed",
    otherwise="these heads do not say the token themselves: later layers may read what they write",
)
def direct_addition(logits: xr.Dataset) -> Finding:
    """lower end above the 97.5 % quantile of random heads of the same layers, and above 0.1"""
    if "induction" not in logits["group"]:
        return nothing(_NONE)
    one = logits.sel(group="induction")
    number, band = mean_of(one["together"]), upper(one["random"])
    return Finding(
        number,
        {"random heads, 97.5 %": band, "whole logit": float(logits["total"].mean())},
        number.low > band and number.low > 0.1,
        str(one["heads"].item()),
    )
