"""A loaded model: TransformerLens' bridge, its sizes, names for its parts, and hooks into a run."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from helpers.arguments import say_value
from helpers.heads import Head, parse_heads
from helpers.models.errors import UnmetNeedError, UnsupportedModelError
from helpers.models.head_weights import HeadWeights
from helpers.models.sites import Part, Site, parse_part
from helpers.models.skip_unwatched import skip_unwatched
from helpers.models.sources import Source

_BYTES, _BYTES_GPU = 20 << 20, 2 << 30
"""Size of the largest activation of a batch: larger ones are slower on a CPU."""

Hook = Callable[[Tensor], Tensor | None]
"""A function of an activation; what it returns takes its place, None leaves it as it is."""


class StopRun(Exception):  # noqa: N818 - not an error: it ends a run that has nothing left to show
    """Raised by a hook that has seen all it wanted."""


@dataclass(frozen=True, eq=False)
class Intervention:
    """What is done to a model while a context lasts.

    Args:
        words: The same in words, for the results.
        hooks: Functions of activations that do it.
        kind: "paths" changes what one head reads of another, "plain" is everything else.
    """

    words: str
    hooks: Mapping[Site, Hook]
    kind: Literal["plain", "paths"]


@dataclass
class Now:
    """What is going on in a model while a context or a run lasts.

    Args:
        interventions: Those that are active, the outermost first.
        resting: Which of them rest for the moment; see `Model.without_interventions`.
        depth: How many runs are going on inside each other: a hook that works out what a path
            carries calls blocks of its own.
        first_row: Which row of its input the first row of the running batch is.
        checked: What the self-check of the fast engine said, once it was asked.
        recorded: The longest input that was seen to leave what a replay needs.
    """

    interventions: list[Intervention] = field(default_factory=list)
    resting: Literal["none", "paths", "all"] = "none"
    depth: int = 0
    first_row: int = 0
    checked: str | None = None
    recorded: int = 0

    @property
    def acting(self) -> list[Intervention]:
        """Those that do not rest: plain ones first, since paths read what they leave."""
        resting = {"none": (), "paths": ("paths",), "all": ("plain", "paths")}[self.resting]
        acting = [one for one in self.interventions if one.kind not in resting]
        return sorted(acting, key=lambda one: one.kind == "paths")


@dataclass(frozen=True, repr=False)
class Model:
    """A language model ready to be looked into; everything TransformerLens offers is at `bridge`.

    | hooks set by   | are for                     | see runs inside runs | count as intervention |
    |----------------|-----------------------------|----------------------|-----------------------|
    | `hooked`       | watching and the fast ways  | no                   | no                    |
    | `intervened`   | `ablate`, `patch` …         | yes                  | yes                   |
    | TransformerLens| whatever the reader wants   | no                   | no, but see `is_clean`|

    Not for several threads at once: what is going on is remembered on the model.

    Args:
        bridge: TransformerLens' bridge, LayerNorm folded, writing weights centred, no gradients.
        source: Where the weights come from and what pins them.
        fails: What a helper may need that is not true of it, with how that was found; see `need`.
        saved_tokenizer: The tokenizer as its files have it; TransformerLens gives its own a BOS
            and an EOS even where there are none.
        now: What is going on in it.
    """

    bridge: TransformerBridge = field(repr=False)
    source: Source
    saved_tokenizer: Any = field(default=None, repr=False, compare=False)
    fails: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    now: Now = field(default_factory=Now, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Short name; "gpt2" only if the weights are GPT2-small's own."""
        return self.source.name

    @property
    def attrs(self) -> dict[str, str | int | float]:
        """What every result says about the model, its active interventions included."""
        attrs: dict[str, str | int | float] = {"model": self.name, "revision": self.source.revision}
        acting = [one for one in self.now.interventions if one in self.now.acting]
        if acting:
            attrs["interventions"] = "; ".join(one.words for one in acting)
        return attrs

    @property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer."""
        return self.saved_tokenizer or self.bridge.tokenizer

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
    def W_E(self) -> Float[Tensor, "d_vocab d_model"]:
        """Token embedding."""
        return self.bridge.W_E

    @property
    def W_U(self) -> Float[Tensor, "d_model d_vocab"]:
        """Unembedding."""
        return self.bridge.W_U

    def heads(self) -> list[Head]:
        """Every head of the model, in order."""
        return [Head(layer, h) for layer in range(self.n_layers) for h in range(self.n_heads)]

    def parse_heads(self, heads: "str | Head | Iterable[str | Head]") -> list[Head]:
        """Read heads in any form ("L5H1", "5.1", `Head`, or a list of these), in their order.

        Raises:
            ValueError: If one cannot be read or the model does not have it, or there is none.
        """
        return [head.check(self.n_layers, self.n_heads) for head in parse_heads(heads)]

    def parse_head(self, head: "str | Head | Iterable[str | Head]") -> Head:
        """Read one head in any form.

        Raises:
            ValueError: If it cannot be read, the model does not have it, or there are several.
        """
        found = self.parse_heads(head)
        if len(found) > 1:
            raise ValueError(f"One head is wanted here, got {', '.join(map(str, found))}.")
        return found[0]

    def parse_parts(self, parts: "str | Part | Iterable[str | Part]") -> list[Part]:
        """Read heads and layers in any form: "L5H1", "L3.mlp", "L3.attn", or a list of these.

        Raises:
            ValueError: If one cannot be read or the model does not have it, or there is none.
            UnsupportedModelError: If the model has no MLPs, and one is named.
        """
        one = isinstance(parts, (str, Head, Site)) or not isinstance(parts, Iterable)
        found = [parse_part(part) for part in ([parts] if one else parts)]  # type: ignore[union-attr]
        if not found:
            raise ValueError("Nothing was named. Give at least one, for example ['L5H1'].")
        for part in found:
            if isinstance(part, Head):
                part.check(self.n_layers, self.n_heads)
            elif part.kind not in {"mlp_out", "attn_out"}:
                raise ValueError(
                    f'{part} is not what a layer writes: name "L{part.layer}.mlp" or '
                    f'"L{part.layer}.attn", or patch it.'
                )
            else:
                self._check_layer(part)
        return found

    def _check_layer(self, site: Site) -> None:
        if not 0 <= site.layer < self.n_layers:
            raise ValueError(f"{site} does not exist: the model has layers 0-{self.n_layers - 1}.")
        if site.kind == "mlp_out" and not self.has_mlps:
            raise UnsupportedModelError(f"{self.name} is attention-only: it has no {site}.")

    def parse_activation(self, part: object) -> tuple[Part, Site]:
        """A head, or a site ("L3.mlp", "L3.resid_pre", …); and the site where it is read.

        Raises:
            ValueError: As `parse_parts`, or if several are named.
        """
        if not isinstance(part, (str, Head, Site)):
            raise ValueError(
                f"One part is wanted here, got {say_value(part)}: patch several by nesting."
            )
        chosen = parse_part(part)
        if isinstance(chosen, Head):
            return chosen.check(self.n_layers, self.n_heads), Site("z", chosen.layer)
        self._check_layer(chosen)
        return chosen, chosen

    @cached_property
    def _stacks(self) -> dict[str, Tensor]:
        return {name: getattr(self.bridge, name) for name in ("W_Q", "W_K", "W_V", "W_O")}

    def kv_head(self, head: int) -> int:
        """Whose keys and values a head of a layer reads."""
        return head // (self.n_heads // self.n_kv_heads)

    def head_weights(self, head: Head) -> HeadWeights:
        """The matrices of one head; shared keys and values are looked up for it.

        Raises:
            ValueError: If the model has no such head.
        """
        layer, h = head.check(self.n_layers, self.n_heads).layer, head.head
        kv = self.kv_head(h)
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
            return torch.zeros(self.d_head, dtype=torch.float32, device=self.device)
        return bias.reshape(-1, self.d_head)[head]

    def stacked(self, name: Literal["W_Q", "W_K", "W_V", "W_O"]) -> Float[Tensor, "layer head a b"]:
        """One matrix of every head; shared keys and values are repeated for each of their heads."""
        stack = self._stacks[name]
        return stack.repeat_interleave(self.n_heads // stack.shape[1], dim=1)

    def normalize(
        self, residual: Float[Tensor, "*batch d_model"], layer: int
    ) -> Float[Tensor, "*batch d_model"]:
        """What the heads of a layer read when this is the residual stream before it.

        Raises:
            UnsupportedModelError: If the family has no norm there.
        """
        norm = getattr(self.bridge.blocks[layer], "ln1", None)
        if norm is None and self.bridge.cfg.normalization_type:
            raise UnsupportedModelError(f"{self.name} has no norm before its attention layers.")
        flat = residual.reshape(1, -1, self.d_model)
        return (norm(flat) if norm is not None else flat).reshape(residual.shape)

    def unembed(self, residual: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
        """Last norm and unembedding: from the residual stream after the last block to logits.

        Raises:
            UnsupportedModelError: If the family's logits are made in another way.
        """
        self.need("unembedding")
        flat = residual.reshape(1, -1, self.d_model)
        logits = self.finish(self.bridge.unembed(self.bridge.ln_final(flat)))
        return logits.reshape(*residual.shape[:-1], -1)

    def finish(self, logits: Float[Tensor, "*batch token"]) -> Float[Tensor, "*batch token"]:
        """What some families do to logits after the unembedding: a factor, a cap."""
        return self.bridge.adapter.apply_output_logits_transform(logits)

    @property
    def centres_at_last(self) -> bool:
        """Whether the last norm takes the mean away before it divides."""
        return (self.bridge.cfg.normalization_type or "").startswith("LN")

    def last_scale(
        self, residual: Float[Tensor, "*batch d_model"]
    ) -> Float[Tensor, "*batch 1"] | float:
        """What the last norm divides a residual stream by."""
        if not self.bridge.cfg.normalization_type:
            return 1.0
        if self.centres_at_last:
            residual = residual - residual.mean(-1, keepdim=True)
        return (residual.square().mean(-1, keepdim=True) + self.bridge.cfg.eps).sqrt()

    def need(self, *needs: str) -> None:
        """Refuse what cannot be right on this model: `trial` tried it when it was loaded.

        Args:
            needs: What the caller builds on: "unembedding", "direct", "parts", "heads", "weights",
                "embedding", "removal", "pattern".

        Raises:
            UnmetNeedError: If one of them is not true of the model.
        """
        for need in needs:
            if need in self.fails:
                raise UnmetNeedError(
                    f"This cannot be measured on {self.name}: {self.fails[need]}. Choose a model "
                    "of another family; what does not build on this works."
                )

    def __call__(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        """Run the model on token ids and return its logits, without gradients."""
        with torch.no_grad():
            return self.forward(tokens)

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        """Like a call, but gradients are kept if something asks for them."""
        with skip_unwatched(self.bridge.blocks):
            return self.bridge(tokens.to(self.device))

    def run(self, tokens: Int[Tensor, "batch pos"], *, first_row: int = 0) -> None:
        """Run the model for what its hooks see, until one of them raises `StopRun`.

        Args:
            tokens: Token ids.
            first_row: Which row of a larger input their first row is.
        """
        with self.from_row(first_row):
            try:
                self.forward(tokens)
            except StopRun:
                pass

    @contextmanager
    def from_row(self, row: int) -> Iterator[None]:
        """Say that what is run is a part of a larger input, from this row of it on."""
        before = self.now.first_row
        self.now.first_row = before + row
        try:
            yield
        finally:
            self.now.first_row = before

    @contextmanager
    def hooked(self, hooks: Mapping[Site, Hook]) -> Iterator[None]:
        """Call a function on activations while the context lasts; what it returns replaces them.

        Args:
            hooks: For each site a function of the activation. None leaves it as it is; the
                activation itself must not be written into.

        Raises:
            UnsupportedModelError: If the model has no such site.
        """
        depth = self.now.depth

        def at_this_depth(call: Hook) -> Hook:
            return lambda activation: call(activation) if self.now.depth == depth else None

        with self._attached({site: at_this_depth(call) for site, call in hooks.items()}):
            yield

    @contextmanager
    def _attached(self, hooks: Mapping[Site, Hook]) -> Iterator[None]:
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
    def intervened(
        self, words: str, hooks: Mapping[Site, Hook], *, kind: Literal["plain", "paths"] = "plain"
    ) -> Iterator[None]:
        """Hooks that count as an intervention: results name it, and nothing replayed hides it.

        Args:
            words: What is done, for the results.
            hooks: As for `hooked`.
            kind: "paths" comes after everything else, and rests where a run inside a run works
                out what a path carries.
        """
        new = Intervention(words, hooks, kind)

        def act(site: Site) -> Hook:
            def hook(activation: Tensor) -> Tensor | None:
                here = [one for one in self.now.interventions if site in one.hooks]
                if here[0] is not new:  # the outermost acts for all, so that plain ones come first
                    return None
                for one in self.now.acting:
                    changed = one.hooks[site](activation) if site in one.hooks else None
                    activation = activation if changed is None else changed
                return activation

            return hook

        with self._attached({site: act(site) for site in hooks}):
            self.now.interventions.append(new)
            try:
                yield
            finally:
                self.now.interventions.remove(new)

    @contextmanager
    def without_interventions(self, kind: Literal["paths", "all"] = "all") -> Iterator[None]:
        """Let the active interventions rest while the context lasts: the clean model.

        Args:
            kind: "paths" lets only patched paths rest.
        """
        before = self.now.resting
        self.now.resting = "all" if before == "all" else kind
        try:
            yield
        finally:
            self.now.resting = before

    @contextmanager
    def inner_run(self) -> Iterator[None]:
        """Blocks are called from within a hook: what watches the outer run does not see them."""
        points = [point for point in self.bridge.hook_dict.values() if point.fwd_hooks]
        before = [(point, point._forward_hooks.copy()) for point in points]
        for point in points:
            for handle in point.fwd_hooks:
                if not hasattr(handle.user_hook, "of_helpers"):
                    point._forward_hooks.pop(handle.hook.id, None)
        self.now.depth += 1
        try:
            yield
        finally:
            self.now.depth -= 1
            for point, hooks in before:
                point._forward_hooks.clear()
                point._forward_hooks.update(hooks)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is hooked into the model's hook points, by this package or anybody else.

        Only then may a stored or replayed activation stand for what a run would give.
        """
        return not any(point.fwd_hooks for point in self.bridge.hook_dict.values())

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

    def __repr__(self) -> str:
        layers = "layer" if self.n_layers == 1 else "layers"
        heads = f"{self.n_layers} {layers} x {self.n_heads} heads"
        if self.n_kv_heads != self.n_heads:
            heads += f" ({self.n_kv_heads} KV heads)"
        return (
            f"{self.name}: {heads}, d_model {self.d_model}, vocabulary {self.d_vocab:,}, "
            f"context {self.n_ctx}, on {self.device}\n"
            f"weights: {self.source.revision}"
        )


def check_model(model: object) -> None:
    """Refuse what is no model.

    Raises:
        TypeError: If it is none.
    """
    if not isinstance(model, Model):
        raise TypeError(f"The model comes first, as load_model() gives it; got {say_value(model)}.")


def _as_hook(call: Hook) -> Callable[..., Tensor | None]:
    def hook(tensor: Tensor, hook: object) -> Tensor | None:  # noqa: ARG001 - TransformerLens names it
        return call(tensor)

    hook.of_helpers = True  # type: ignore[attr-defined]
    return hook
