"""A loaded model: TransformerLens' bridge, its sizes, and names for its parts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from helpers.heads import Head
from helpers.models.errors import UnsupportedModelError
from helpers.models.lean import lean
from helpers.models.site import Site
from helpers.models.sources import Source
from helpers.models.weights import HeadWeights

_BYTES, _BYTES_GPU = 20 << 20, 2 << 30
"""Size of the largest activation of a batch: larger ones are slower on a CPU."""


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

    @cached_property
    def weights_in_blocks(self) -> int:
        """Weights in the matrices of all blocks: what a position is multiplied with on its way.

        It is what work is measured by where a bar says how far it has come.
        """
        attention = 2 * self.d_model * self.d_head * (self.n_heads + self.n_kv_heads)
        mlp: Any = getattr(getattr(self.bridge.blocks[0], "mlp", None), "original_component", None)
        weights = mlp.parameters() if mlp is not None else ()
        return self.n_layers * (attention + sum(w.numel() for w in weights if w.ndim > 1))

    @property
    def unembedding(self) -> float:
        """What unembedding a position costs, in runs of a position through all blocks."""
        return self.W_U.numel() / self.weights_in_blocks

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

    def logits_in_blocks(
        self, residual: Float[Tensor, "row d_model"], *, block: int
    ) -> Iterator[tuple[int, Float[Tensor, "row block"]]]:
        """The same logits, `block` tokens of the vocabulary at a time.

        A large vocabulary's logits are more than a processor's cache holds; a block is not.

        Args:
            residual: Residual stream after the last block.
            block: Tokens at a time.

        Yields:
            Id of the block's first token and its logits. They lie in a buffer that the next
            block overwrites: use them up, keep nothing.
        """
        read = self.bridge.ln_final(residual[None])[0]
        W_U, b_U = self.W_U.mT, self.bridge.b_U
        buffer = read.new_empty(len(read) * min(block, self.d_vocab))
        for start in range(0, self.d_vocab, block):
            weight = W_U[start : start + block]
            logits = buffer[: len(read) * len(weight)].view(len(read), len(weight))
            torch.addmm(b_U[start : start + block], read, weight.mT, out=logits)
            yield start, logits

    def logit_direction(
        self, residual: Float[Tensor, "*batch d_model"], ids: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch d_model"]:
        """Along which direction the residual stream raises one token above the average token.

        direction[b] = (W_U[:, ids_b] - mean over v of W_U[:, v]) / scale_b, centred like the
        final norm's input, where scale is what the final norm divides this residual by. Then
        residual · direction + b_U[ids] - mean b_U = logit of the token - mean logit, and what a
        part of the residual adds to that is its own product with the direction.

        Args:
            residual: Residual stream after the last block.
            ids: One token for each.
        """
        towards = self.W_U.mT[ids] - self.W_U.mean(1)
        kind = self.bridge.cfg.normalization_type or ""
        if kind.startswith("LN"):
            residual = residual - residual.mean(-1, keepdim=True)
            towards = towards - towards.mean(-1, keepdim=True)
        if not kind:
            return towards
        return towards / (residual.square().mean(-1, keepdim=True) + self.bridge.cfg.eps).sqrt()

    def normalize(
        self, residual: Float[Tensor, "*batch d_model"], layer: int
    ) -> Float[Tensor, "*batch d_model"]:
        """What the heads of a layer read when this is the residual stream before it."""
        flat = residual.reshape(1, -1, self.d_model)
        return self.bridge.blocks[layer].ln1(flat).reshape(residual.shape)

    def __call__(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        """Run the model on token ids and return its logits, without gradients."""
        with torch.no_grad():
            return self.forward(tokens)

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        """Like a call, but gradients are kept if something asks for them."""
        with lean(self.bridge.blocks):
            return self.bridge(tokens.to(self.device))

    @property
    def tokens_at_once(self) -> int:
        """How many tokens make a batch: the cores are busy, the widest activation is in cache."""
        return max(
            1, self._bytes_at_once // (4 * max(self.bridge.cfg.d_mlp or 0, 4 * self.d_model))
        )

    def rows_at_once(self, queries: int, keys: int) -> int:
        """How many sequences make a batch whose attention patterns are in cache."""
        return max(1, self._bytes_at_once // (4 * self.n_heads * queries * keys))

    @property
    def _bytes_at_once(self) -> int:
        return _BYTES_GPU if self.device.type == "cuda" else _BYTES

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

    @contextmanager
    def entering_blocks(self, call: Callable[[], None]) -> Iterator[None]:
        """Call a function whenever a block is entered, while the context lasts."""
        hooks = [
            block.register_forward_pre_hook(lambda _block, _args: call())
            for block in self.bridge.blocks
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

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
