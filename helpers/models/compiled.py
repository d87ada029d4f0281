"""A model written by hand: 12 x 12 heads, attention only, no normalization, two heads that work.

L4H11 looks one position back and copies the token there into a "previous token" subspace; L5H5
looks for a position whose previous token is the current one and says the token there. All other
weights are zero, so every other head attends uniformly. It is the ground truth that every
analysis must find.
"""

from pathlib import Path
from typing import Any

import torch
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

from helpers.heads import Head
from helpers.models import Model, Source, wrap_bridge

PREVIOUS, INDUCTION = Head(4, 11), Head(5, 5)
LAYERS = HEADS = 12
VOCABULARY = 60
CONTEXT = 64
SHARP = 400.0
"""Score of a match before the division by sqrt(d_head) = 8: e^50 to 1."""

TOKEN = slice(0, VOCABULARY)
POSITION = slice(TOKEN.stop, TOKEN.stop + CONTEXT)
BEFORE = slice(POSITION.stop, POSITION.stop + VOCABULARY)
OUTPUT = slice(BEFORE.stop, BEFORE.stop + VOCABULARY)
D_MODEL = OUTPUT.stop
D_HEAD = 64


def compile_model(*, also: Head | None = None) -> Model:
    """Write the weights and wrap the model like any other.

    Args:
        also: One head more, which attends uniformly and says what it sees.
    """
    config = TransformerBridgeConfig(
        d_model=D_MODEL,
        d_head=D_HEAD,
        n_layers=LAYERS,
        n_heads=HEADS,
        n_ctx=CONTEXT,
        d_vocab=VOCABULARY,
        act_fn="relu",
        attn_only=True,
        normalization_type=None,
        seed=0,
    )
    native: Any = TransformerBridge  # the method is put on the class when the package is imported
    bridge = native.boot_native(config, device="cpu")
    weights = {
        name: weight.data.zero_() for name, weight in bridge.original_model.named_parameters()
    }
    _find(weights, "tok_embed.weight")[:, TOKEN] = torch.eye(VOCABULARY)
    _find(weights, "pos.weight")[:, POSITION] = torch.eye(CONTEXT)
    _find(weights, "head.weight")[:, OUTPUT] = 10.0 * torch.eye(VOCABULARY)
    one_back = torch.eye(CONTEXT).roll(-1, 0)
    one_back[-1] = 0  # position 0 has nothing before it
    _write(
        weights,
        PREVIOUS,
        q=(POSITION, SHARP * one_back),
        k=(POSITION, torch.eye(CONTEXT)),
        v=(TOKEN, torch.eye(VOCABULARY)),
        o=(BEFORE, torch.eye(VOCABULARY)),
    )
    _write(
        weights,
        INDUCTION,
        q=(TOKEN, SHARP * torch.eye(VOCABULARY)),
        k=(BEFORE, torch.eye(VOCABULARY)),
        v=(TOKEN, torch.eye(VOCABULARY)),
        o=(OUTPUT, torch.eye(VOCABULARY)),
    )
    if also is not None:
        every = torch.eye(VOCABULARY)
        _write(weights, also, v=(TOKEN, every), o=(OUTPUT, every))
    source = Source(
        "compiled", Path(__file__).parent, "written by hand", "an exercise or a test asked for it"
    )
    return wrap_bridge(bridge, source)


def _find(weights: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    (key,) = [key for key in weights if key.replace("_original_component.", "") == name]
    return weights[key]


def _write(weights: dict[str, torch.Tensor], head: Head, **parts: tuple) -> None:
    """Put `subspace -> dimensions of the head` into q, k, v and the way back into o."""
    rows = slice(head.head * D_HEAD, (head.head + 1) * D_HEAD)
    for part, (subspace, matrix) in parts.items():
        weight = _find(weights, f"layers.{head.layer}.attn.{part}.weight")
        size = matrix.shape[0]
        block = torch.zeros(D_HEAD, size)
        block[:size] = matrix
        if part == "o":
            weight[subspace, rows] = block.T
        else:
            weight[rows, subspace] = block
