"""Making a bridge ready to be looked into: folded, centred, without gradients."""

import torch
from transformer_lens.utilities.activation_functions import softcap_enabled

from helpers.models.errors import UnsupportedModelError
from helpers.models.model import Model
from helpers.models.sites import Site
from helpers.models.sources import Source

FOLDINGS: dict[str, dict[str, bool]] = {
    "all": {"center_unembed": False},  # that is done below, without a copy
    "no value biases": {"center_unembed": False, "fold_value_biases": False},
    "none": {"no_processing": True},
}
"""What is done to the weights, from most to least: not every family bears all of it."""


def wrap_bridge(bridge: object, source: Source, *, folding: str = "all") -> Model:
    """Turn a bridge of TransformerLens into a `Model`: fold, centre, switch gradients off.

    Args:
        bridge: A freshly booted `TransformerBridge`; compatibility mode must not be on yet.
        source: What to say about its origin.
        folding: Which of `FOLDINGS`.

    Raises:
        UnsupportedModelError: If it shows no attention pattern in some layer.
    """
    model = Model(bridge=bridge, source=source)  # type: ignore[arg-type]
    missing = [
        layer
        for layer in range(model.n_layers)
        if Site("pattern", layer).hook_name not in model.bridge.hook_dict
    ]
    if missing:
        raise UnsupportedModelError(
            f"{source.name} has no attention patterns in layers {missing}: state-space and hybrid "
            "models have no heads to look at there. Choose a model with attention in every layer."
        )
    steps = FOLDINGS[folding]
    # Each step of this makes a copy of all weights: only steps that have something to do.
    if not any("bias" in name for name, _ in model.bridge.original_model.named_parameters()):
        steps = {**steps, "fold_value_biases": False}
    model.bridge.enable_compatibility_mode(disable_warnings=True, **steps)
    model.bridge.requires_grad_(False)
    if folding != "none":
        _centre_unembedding(model)
    _fuse_gelu(model.bridge.original_model)
    model.bridge.eval()  # last: TransformerLens' tools refuse a model with any part in training
    return model


def _centre_unembedding(model: Model) -> None:
    """Subtract from the unembedding its mean over tokens: log-probabilities stay the same.

    Not where logits are capped: there a shift of all of them changes what comes after the cap.
    """
    if softcap_enabled(getattr(model.bridge.cfg, "output_logits_soft_cap", None)):
        return
    unembedding = model.bridge.unembed.original_component  # a linear layer: token x residual stream
    unembedding.weight.data -= unembedding.weight.data.mean(0)
    if unembedding.bias is not None:
        unembedding.bias.data -= unembedding.bias.data.mean()


def _fuse_gelu(network: torch.nn.Module) -> None:
    """Use PyTorch's one-pass GELU where the model spells the same formula out in eight passes."""
    from transformers.activations import GELUTanh, NewGELUActivation

    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, NewGELUActivation):
                setattr(module, name, GELUTanh())
