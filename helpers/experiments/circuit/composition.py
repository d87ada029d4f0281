"""How much of what an earlier head writes a later head reads."""

import numpy as np
import xarray as xr

from helpers.circuits import k_composition, random_composition
from helpers.experiments.provenance import run_attrs
from helpers.models import Model
from helpers.progress import track
from helpers.results import label_array


def score_composition(model: Model) -> xr.Dataset:
    """K-composition of every earlier head into every later head, with its random baseline.

    Args:
        model: The model.

    Returns:
        Dataset of `k_composition` over `layer_from`, `head_from`, `layer_to`, `head_to`, in
        [0, 1], NaN where the first head is not in an earlier layer. The attributes `random_mean`
        and `random_sd` are what two random heads of this size score.
    """
    mean, sd = random_composition(model)
    layers, heads = np.arange(model.n_layers), np.arange(model.n_heads)
    scores = label_array(
        k_composition(model, track=track),
        ("layer_from", "head_from", "layer_to", "head_to"),
        coords={"layer_from": layers, "head_from": heads, "layer_to": layers, "head_to": heads},
        long_name="K-composition score",
    )
    attrs = {**run_attrs(model), "random_mean": float(mean), "random_sd": float(sd)}
    return xr.Dataset({"k_composition": scores}, attrs=attrs)
