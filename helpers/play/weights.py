"""The small model's weights as a page carries them: float16, in the order in which it reads."""

import base64
import json
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from safetensors.numpy import load_file

from helpers.inputs import sample_repeated_tokens
from helpers.interventions import AblationValues
from helpers.models import Model, Site
from helpers.models.sources import MINI_DIRECTORY

_LINEAR = {
    "c_attn": "attn.c_attn",
    "c_proj": "attn.c_proj",
    "c_fc": "mlp.c_fc",
    "mlp": "mlp.c_proj",
}
"""A block's weight matrices: the page's name, the file's name."""


class PageWeights(NamedTuple):
    """A GPT-2 for `scripts/gpt2.js`.

    Args:
        about: Its numbers: layers, heads, width, context, vocabulary, epsilon.
        tensors: All tensors in order, flat, rounded to float16. Weight matrices are [out, in], so
            that a product runs along the memory; each layer's "mean" and "zero" are what stands in
            a removed head's place.
    """

    about: dict[str, int | float]
    tensors: dict[str, Float[np.ndarray, " size"]]

    @property
    def shapes(self) -> list[tuple[str, int]]:
        """Name and size of each tensor, in order."""
        return [(name, len(values)) for name, values in self.tensors.items()]

    def pack(self) -> str:
        """All tensors as base64 of little-endian float16."""
        flat = np.concatenate(list(self.tensors.values()))
        return base64.b64encode(flat.astype("<f2").tobytes()).decode()


def page_weights(model: Model) -> PageWeights:
    """The weights of the model that the project ships, as its file has them, and what removal puts.

    A removed head's output becomes what `ablate` puts there. TransformerLens folds LayerNorm and
    then value biases into the layer's own bias, so `ablate`'s "zero" leaves them in. The page
    computes with the file's weights, where a head's output holds a constant, b_V + W_V ln_1.bias:
    there "zero" is that constant, and "mean" is the mean of what `ablate` replaces, over sequences
    and positions of repeated tokens, plus the constant.

    Args:
        model: `load_model("mini")`.
    """
    file = {
        name.removeprefix("transformer."): values
        for name, values in load_file(MINI_DIRECTORY / "model.safetensors").items()
    }
    config: dict[str, Any] = json.loads((MINI_DIRECTORY / "config.json").read_text("utf-8"))
    tensors = {"wte": file["wte.weight"], "wpe": file["wpe.weight"]}
    means = _mean_outputs(model)
    for layer in range(config["n_layer"]):
        for name in ("ln_1", "ln_2"):
            for part in ("weight", "bias"):
                tensors[f"{layer}.{name}.{part}"] = file[f"h.{layer}.{name}.{part}"]
        for name, stored in _LINEAR.items():
            tensors[f"{layer}.{name}.weight"] = file[f"h.{layer}.{stored}.weight"].T
            tensors[f"{layer}.{name}.bias"] = file[f"h.{layer}.{stored}.bias"]
        shifted = file[f"h.{layer}.ln_1.bias"] @ file[f"h.{layer}.attn.c_attn.weight"]
        b_V = (shifted + file[f"h.{layer}.attn.c_attn.bias"])[2 * config["n_embd"] :]
        tensors[f"{layer}.zero"] = b_V
        tensors[f"{layer}.mean"] = means[layer].ravel() + b_V
    for part in ("weight", "bias"):
        tensors[f"ln_f.{part}"] = file[f"ln_f.{part}"]
    about = {
        "layers": config["n_layer"],
        "heads": config["n_head"],
        "width": config["n_embd"],
        "context": config["n_positions"],
        "vocabulary": config["vocab_size"],
        "epsilon": config["layer_norm_epsilon"],
    }
    rounded = {
        name: values.astype(np.float16).astype(np.float32).ravel()
        for name, values in tensors.items()
    }
    return PageWeights(about, rounded)


def _mean_outputs(model: Model) -> Float[np.ndarray, "layer head d_head"]:
    """What `ablate(model, head, method="mean")` puts into a text: one vector a head."""
    tokens = sample_repeated_tokens(model).tokens
    sites = [Site("z", layer) for layer in range(model.n_layers)]
    values = AblationValues(model, tokens, sites, method="mean")
    # Of another length than the sample's: the average over all positions but BOS.
    return np.stack([values.fitted(site, 0, 1, 2)[0, 1].cpu().numpy() for site in sites])
