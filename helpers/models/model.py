"""A loaded model: TransformerLens' bridge, its sizes, and names for its parts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens import FactoredMatrix
from transformer_lens.model_bridge import TransformerBridge

from helpers.heads import Head
from helpers.models.errors import UnsupportedModelError
from helpers.models.sources import Source

SiteKind = Literal["pattern", "z", "attn_out", "mlp_out", "resid_pre", "resid_post"]

_HOOKS: dict[SiteKind, str] = {
    "pattern": "blocks.{layer}.attn.hook_pattern",
    "z": "blocks.{layer}.attn.hook_z",
    "attn_out": "blocks.{layer}.hook_attn_out",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_post": "blocks.{layer}.hook_resid_post",
}


class Site(NamedTuple):
    """A place in the network where an activation can be read or replaced.

    | kind       | activation                                   | shape                       |
    |------------|----------------------------------------------|-----------------------------|
    | pattern    | attention pattern                            | `[batch, head, query, key]` |
    | z          | what each head gathered, before W_O          | `[batch, pos, head, d_head]`|
    | attn_out   | what the attention layer writes              | `[batch, pos, d_model]`     |
    | mlp_out    | what the MLP writes                          | `[batch, pos, d_model]`     |
    | resid_pre  | residual stream before the block             | `[batch, pos, d_model]`     |
    | resid_post | residual stream after the block              | `[batch, pos, d_model]`     |
    """

    kind: SiteKind
    layer: int

    @property
    def hook_name(self) -> str:
        """Name of TransformerLens' hook point."""
        if self.kind not in _HOOKS:
            raise ValueError(f"Unknown kind {self.kind!r}; known: {', '.join(get_args(SiteKind))}.")
        return _HOOKS[self.kind].format(layer=self.layer)


@dataclass(frozen=True)
class HeadWeights:
    """The matrices and biases of one attention head, as read after folding and centring.

    Args:
        W_Q: Residual stream to query.
        W_K: Residual stream to key (of the KV head that this head reads).
        W_V: Residual stream to value (likewise).
        W_O: Value to residual stream.
        b_Q: Bias of the query; zeros in models without.
        b_K: Bias of the key, likewise.
        b_V: Bias of the value, likewise.
    """

    W_Q: Float[Tensor, "d_model d_head"]
    W_K: Float[Tensor, "d_model d_head"]
    W_V: Float[Tensor, "d_model d_head"]
    W_O: Float[Tensor, "d_head d_model"]
    b_Q: Float[Tensor, " d_head"]
    b_K: Float[Tensor, " d_head"]
    b_V: Float[Tensor, " d_head"]

    @property
    def QK(self) -> FactoredMatrix:
        """`W_Q W_K^T`: query side times key side, `[d_model, d_model]` in factors."""
        return FactoredMatrix(self.W_Q, self.W_K.T)

    @property
    def OV(self) -> FactoredMatrix:
        """`W_V W_O`: what is read to what is written, `[d_model, d_model]` in factors."""
        return FactoredMatrix(self.W_V, self.W_O)


@dataclass(frozen=True, repr=False)
class Model:
    """A language model ready to be looked into; everything TransformerLens offers is at `bridge`.

    Args:
        bridge: TransformerLens' bridge, LayerNorm folded, writing weights centred, no gradients.
        source: Where the weights come from and what pins them.
    """

    bridge: TransformerBridge = field(repr=False)
    source: Source

    @property
    def name(self) -> str:
        """Short name; "gpt2" only if the weights are GPT2-small's own."""
        return self.source.name

    @property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer."""
        return self.bridge.tokenizer

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.bridge.W_E.device

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return self.bridge.cfg.n_layers

    @property
    def n_heads(self) -> int:
        """Number of (query) heads in each layer."""
        return self.bridge.cfg.n_heads

    @property
    def n_kv_heads(self) -> int:
        """Number of key/value heads in each layer; fewer than `n_heads` if they are shared."""
        return self.bridge.cfg.n_key_value_heads or self.n_heads

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self.bridge.cfg.d_model

    @property
    def d_head(self) -> int:
        """Width of one head."""
        return self.bridge.cfg.d_head

    @property
    def d_vocab(self) -> int:
        """Number of tokens."""
        return self.bridge.cfg.d_vocab

    @property
    def n_ctx(self) -> int:
        """Longest input, in tokens."""
        return self.bridge.cfg.n_ctx

    @property
    def has_mlps(self) -> bool:
        """Whether the blocks have MLPs (the hand-made test model has none)."""
        return not self.bridge.cfg.attn_only

    @property
    def rotates_positions(self) -> bool:
        """Whether positions enter by rotating queries and keys (RoPE) instead of by addition."""
        return self.bridge.cfg.positional_embedding_type == "rotary"

    @property
    def W_E(self) -> Float[Tensor, "d_vocab d_model"]:
        """Token embedding."""
        return self.bridge.W_E

    @property
    def W_U(self) -> Float[Tensor, "d_model d_vocab"]:
        """Unembedding."""
        return self.bridge.W_U

    @cached_property
    def _stacks(self) -> dict[str, Tensor]:
        return {name: getattr(self.bridge, name) for name in ("W_Q", "W_K", "W_V", "W_O")}

    def heads(self) -> list[Head]:
        """Every head of the model, in order."""
        return [Head(layer, h) for layer in range(self.n_layers) for h in range(self.n_heads)]

    def head_weights(self, head: Head) -> HeadWeights:
        """The matrices of one head; shared keys and values are looked up for it.

        Raises:
            ValueError: If the model has no such head.
        """
        layer, h = head.check(self.n_layers, self.n_heads).layer, head.head
        kv = h // (self.n_heads // self.n_kv_heads)
        stacks = self._stacks
        return HeadWeights(
            W_Q=stacks["W_Q"][layer, h],
            W_K=stacks["W_K"][layer, kv],
            W_V=stacks["W_V"][layer, kv],
            W_O=stacks["W_O"][layer, h],
            b_Q=self._bias("b_Q", layer, h),
            b_K=self._bias("b_K", layer, kv),
            b_V=self._bias("b_V", layer, kv),
        )

    def _bias(self, name: str, layer: int, head: int) -> Float[Tensor, " d_head"]:
        bias = getattr(self.bridge.blocks[layer].attn, name, None)
        if bias is None:
            return torch.zeros(self.d_head, device=self.device)
        return bias.reshape(-1, self.d_head)[head]

    def stacked(self, name: Literal["W_Q", "W_K", "W_V", "W_O"]) -> Float[Tensor, "layer head a b"]:
        """One matrix of every head; shared keys and values are repeated for each of their heads."""
        stack = self._stacks[name]
        return stack.repeat_interleave(self.n_heads // stack.shape[1], dim=1)

    def unembed(self, residual: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Last norm and unembedding: from the residual stream after the last block to logits."""
        flat = residual.reshape(1, -1, self.d_model)
        return self.bridge.unembed(self.bridge.ln_final(flat)).reshape(*residual.shape[:-1], -1)

    def normalize(
        self, residual: Float[Tensor, "*batch d_model"], layer: int
    ) -> Float[Tensor, "*batch d_model"]:
        """What the heads of a layer read when this is the residual stream before it."""
        flat = residual.reshape(1, -1, self.d_model)
        return self.bridge.blocks[layer].ln1(flat).reshape(residual.shape)

    def __call__(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        """Run the model on token ids and return its logits."""
        with torch.no_grad():
            return self.bridge(tokens.to(self.device))

    @contextmanager
    def hooked(self, hooks: Mapping[Site, Callable[[Tensor], Tensor | None]]) -> Iterator[None]:
        """Call a function on activations while the context lasts; what it returns replaces them.

        Args:
            hooks: For each site a function of the activation. None leaves it as it is; the
                activation itself must not be written into.

        Raises:
            UnsupportedModelError: If the model has no such site.
        """
        known = self.bridge.hook_dict
        for site in hooks:
            if site.hook_name not in known:
                raise UnsupportedModelError(
                    f"{self.name} has no {site.kind!r} in layer {site.layer} "
                    f"(no hook point {site.hook_name})."
                )
        pairs = [(site.hook_name, _as_hook(call)) for site, call in hooks.items()]
        with self.bridge.hooks(fwd_hooks=pairs):
            yield

    def __repr__(self) -> str:
        heads = f"{self.n_layers} layers x {self.n_heads} heads"
        if self.n_kv_heads != self.n_heads:
            heads += f" ({self.n_kv_heads} KV heads)"
        return (
            f"{self.name}: {heads}, d_model {self.d_model}, vocabulary {self.d_vocab:,}, "
            f"context {self.n_ctx}, on {self.device}\n"
            f"weights: {self.source.revision}"
        )


def _as_hook(call: Callable[[Tensor], Tensor | None]) -> Callable[..., Tensor | None]:
    def hook(tensor: Tensor, hook: object) -> Tensor | None:  # noqa: ARG001 - TransformerLens names it
        return call(tensor)

    return hook
