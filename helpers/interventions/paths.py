"""Path patching: one head no longer reaches one input of another, and nothing else changes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from helpers.heads import Head
from helpers.inputs import Input
from helpers.interventions.ablate import take_values
from helpers.interventions.values import AblationMethod, AblationValues
from helpers.models import Model, Site, SiteKind, check_model
from helpers.models.model import Hook
from helpers.models.replay import residual_of

PathInput = Literal["query", "key", "value"]
PATH_INPUTS: tuple[PathInput, ...] = get_args(PathInput)
PathEffect = Literal["direct", "total", "indirect"]
PATH_EFFECTS: tuple[PathEffect, ...] = get_args(PathEffect)

PATH_SITES: dict[PathInput, SiteKind] = {"query": "q", "key": "k", "value": "v"}


@contextmanager
def patch_path(
    model: Model,
    sender: str | Head | Iterable[str | Head],
    receiver: str | Head,
    *,
    input: PathInput | Sequence[PathInput] = "key",
    effect: PathEffect = "direct",
    method: AblationMethod = "mean",
    reference: Input | AblationValues | None = None,
    seed: int = 0,
) -> Iterator[str]:
    """Ablate heads as one input of a later head sees them, and nowhere else.

    | effect   | the cut inputs are made from the residual stream changed by …                    |
    |----------|----------------------------------------------------------------------------------|
    | direct   | sum over senders of (value - z) W_O: what they write themselves; all in between  |
    |          | is frozen                                                                        |
    | total    | all that ablating the senders changes before the receiver's layer: what heads    |
    |          | and MLPs in between make of them goes too                                        |
    | indirect | total - direct: what the senders write stays, what others make of it goes        |

    The changed stream goes through the layer's norm and is read by the inputs named; the
    receiver's other inputs, and everything else in its layer, read the stream as it is. What the
    receiver then does differently reaches the rest of the model. Where heads share keys or
    values, they are changed as this one head sees them.

    Why it is right: in the receiver's layer the block is called once more, by the model's own
    code, on the changed stream, with the inputs that are not cut set to what they are in the run
    itself. Of that call only the receiver's pattern and what it gathered are taken over.

    Args:
        model: The model.
        sender: One head or several, in earlier layers.
        receiver: The head that reads.
        input: "query", "key", "value", or several of them; none changes nothing.
        effect: See above.
        method: What takes the place of the senders' output; see `ablate`.
        reference: Where that is taken from; see `ablate`.
        seed: See `ablate`.

    Yields:
        What is done, in words: results measured inside name it.

    Raises:
        ValueError: If an input or effect is unknown, a head does not exist, or a sender is not in
            an earlier layer.
        UnsupportedModelError: If heads do not write through W_O alone, but for effect "total".

    Source: Wang et al. 2022 (path patching). With effect "direct" the same as TransformerLens'
    `get_act_patch_direct_path`, which refuses models that share keys.
    """
    check_model(model)
    senders, reads = model.parse_heads(sender), model.parse_head(receiver)
    one = isinstance(input, str) or not isinstance(input, Iterable)
    inputs: list[PathInput] = [input] if one else [*input]  # type: ignore[list-item]
    _check(senders, reads, inputs, effect)
    values = take_values(model, list(senders), method=method, reference=reference, seed=seed)
    words = (
        f"patch path {', '.join(map(str, senders))} > {' and '.join(inputs) or 'nothing'} of "
        f"{reads} ({effect}, {values.words})"
    )
    path = _Path(model, senders, reads, inputs, values)
    need_for_paths(model, effect)
    change = {"direct": path.direct, "total": path.total, "indirect": path.indirect}[effect]
    hooks = {**change(), **path.receiving()}
    with path.arguments(), model.intervened(words, hooks, kind="paths"):
        yield words


def need_for_paths(model: Model, effect: str) -> None:
    """What must be true of a model for its paths to be cut; see `Model.need`."""
    model.need("removal", "pattern", *(("heads", "parts") if effect != "total" else ()))


def _check(senders: Sequence[Head], receiver: Head, inputs: Sequence[str], effect: str) -> None:
    for name, known in (*((name, PATH_INPUTS) for name in inputs), (effect, PATH_EFFECTS)):
        if name not in known:
            what = "effect" if known is PATH_EFFECTS else "input"
            raise ValueError(f"Unknown {what} {name!r}; there are {', '.join(known)}.")
    late = [head for head in senders if head.layer >= receiver.layer]
    if late:
        raise ValueError(f"{late[0]} is not in an earlier layer than {receiver}: no path.")


class _Path:
    """What the hooks of one path share while a batch goes through the model.

    In the order in which they fire: senders' z (direct), residual streams (total) or both say how
    the stream changes; in the receiver's layer its residual stream, queries, keys and values are
    seen; at its pattern the block is called again, and pattern and z of the receiver are replaced.
    """

    def __init__(
        self,
        model: Model,
        senders: list[Head],
        receiver: Head,
        inputs: Sequence[PathInput],
        values: AblationValues,
    ) -> None:
        self.model, self.senders, self.receiver, self.inputs = model, senders, receiver, inputs
        self.edits = values.hooks(model, senders)
        self.first = min(head.layer for head in senders)
        self.calls: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self.seen: dict[Site, Tensor] = {}  # the run's own q, k, v and residual stream
        self.changed: Callable[[Tensor], Tensor] = lambda own: (
            own
        )  # from the run's own residual stream to the changed
        self.again: dict[Site, Tensor] = {}  # what the receiver does when it reads that

    @contextmanager
    def arguments(self) -> Iterator[None]:
        """Remember with which arguments the model calls each block."""

        def remember(layer: int) -> Callable:
            def before(_block: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                if self.model.now.depth == 0:
                    self.calls[layer] = args, kwargs

            return before

        handles = [
            self.model.bridge.blocks[layer].register_forward_pre_hook(
                remember(layer), with_kwargs=True
            )
            for layer in range(self.first, self.receiver.layer + 1)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def direct(self) -> dict[Site, Hook]:
        """Change the stream by what the senders themselves would write differently."""
        changes: dict[int, Tensor] = {}
        self.changed = lambda own: own + torch.stack([*changes.values()]).sum(0)

        def watch(edit: Hook, heads: list[Head]) -> Hook:
            def write(z: Tensor) -> None:
                less = edit(z) - z  # type: ignore[operator] - an edit always gives a tensor
                written = [less[:, :, h.head] @ self.model.head_weights(h).W_O for h in heads]
                changes[heads[0].layer] = torch.stack(written).sum(0)

            return write

        return {
            site: watch(edit, [head for head in self.senders if head.layer == site.layer])
            for site, edit in self.edits.items()
        }

    def total(self) -> dict[Site, Hook]:
        """Carry a second stream, without the senders, up to the receiver's layer."""
        carried: list[Tensor] = []
        self.changed = lambda _own: carried[-1]

        def through(layer: int) -> Hook:
            site = Site("z", layer)
            edits = {site: self.edits[site]} if site in self.edits else {}

            def carry(own: Tensor) -> None:
                stream = own if layer == self.first else carried.pop()
                with self._inside("paths"), self.model.hooked(edits):
                    carried[:] = [self._block(layer, stream)]

            return carry

        layers = range(self.first, self.receiver.layer)
        return {Site("resid_pre", layer): through(layer) for layer in layers}

    def indirect(self) -> dict[Site, Hook]:
        """Carry the second stream, and give back to it what the senders themselves write."""
        direct = self.direct()
        less = self.changed
        total = self.total()
        without = self.changed
        self.changed = lambda own: without(own) - (less(own) - own)
        return {**direct, **total}

    def receiving(self) -> dict[Site, Hook]:
        """Let the receiver read the changed stream."""
        layer, head = self.receiver.layer, self.receiver.head
        before, pattern_site, z_site = (Site(k, layer) for k in ("resid_pre", "pattern", "z"))
        read = {name: Site(kind, layer) for name, kind in PATH_SITES.items()}

        def watch(site: Site) -> Hook:
            def keep(activation: Tensor) -> None:
                self.seen[site] = activation

            return keep

        def read_again() -> dict[Site, Tensor]:
            """Once a batch, at whichever of pattern and z the family comes by first."""
            if self.again:
                return self.again
            stream = self.changed(self.seen[before])
            hooks: dict[Site, Hook] = {
                site: lambda _changed, own=self.seen[site]: own
                for name, site in read.items()
                if name not in self.inputs
            }
            hooks |= {
                s: lambda found, s=s: self.again.update({s: found}) for s in (pattern_site, z_site)
            }
            with self._inside("all"), self.model.hooked(hooks):
                self._block(layer, stream)
            return self.again

        def start(activation: Tensor) -> None:
            self.seen[before] = activation
            self.again = {}

        def attend(pattern: Tensor) -> Tensor:
            edited = pattern.clone()
            edited[:, head] = read_again()[pattern_site][:, head]
            return edited

        def gather(z: Tensor) -> Tensor:
            edited = z.clone()
            edited[:, :, head] = read_again()[z_site][:, :, head]
            return edited

        watched = {site: watch(site) for site in read.values()}
        return {before: start, **watched, pattern_site: attend, z_site: gather}

    @contextmanager
    def _inside(self, resting: Literal["paths", "all"]) -> Iterator[None]:
        with self.model.inner_run(), self.model.without_interventions(resting):
            yield

    def _block(self, layer: int, stream: Tensor | None) -> Tensor:
        """Call a block once more; what it would add to the model's cache is thrown away."""
        args, kwargs = self.calls[layer]
        rest = [_without_cache(value) for value in args[1:]]
        named = {name: _without_cache(value) for name, value in kwargs.items()}
        named.pop("hidden_states", None)
        return residual_of(self.model.bridge.blocks[layer](stream, *rest, **named))


class _NoCache:
    """Stands in for the model's cache: keys and values are those of this call alone."""

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        return keys, values

    def get_seq_length(self, *_: Any) -> int:
        return 0


def _without_cache(value: Any) -> Any:
    return _NoCache() if isinstance(value, Cache) else value
