"""Going through the tail of the network again without going through what did not change.

Why the trick is right: a transformer is causal and layered. A change at layer l and position p
leaves everything below l as it was, and everything before p, at every layer; of the earlier
positions a later one sees nothing but their keys and values. So a clean run keeps what the tail
needs: the residual stream between the blocks, the keys and values of every position, and the
arguments with which the model called each block. A block is then called again *by the model's own
code*, on a few late positions only, with the clean keys and values put before their own. No
model's mathematics is copied here, so that GPT-2, Llama and GPT-NeoX types, shared keys and
rotated positions all go the same way.

The idea is that of a key-value cache in generation (Pope et al. 2022, Efficiently Scaling
Transformer Inference), used for one more thing: going on from the middle of the network.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.cache_utils import Cache

from helpers.models.errors import UnsupportedModelError
from helpers.models.model import Model, StopRun
from helpers.models.sites import Site
from helpers.models.skip_unwatched import skip_unwatched

TOLERANCE = 1e-3
"""Largest difference to a run of the whole model, in nats, that rounding can explain."""


class NotReplayableError(UnsupportedModelError):
    """The model cannot be gone through again for some positions only; the message says why."""


@dataclass(frozen=True, repr=False)
class CleanRun:
    """What a run without any change left behind, for `block` to start from.

    Args:
        model: The model.
        tokens: What was run.
        residuals: Residual stream before each block, then after the last: layers + 1 tensors.
        keys: Keys of each layer, as the attention scores take them.
        values: Values of each layer.
    """

    model: Model
    tokens: Int[Tensor, "batch pos"]
    residuals: list[Float[Tensor, "batch pos d_model"]]
    keys: list[Float[Tensor, "batch kv_head pos d_head"]]
    values: list[Float[Tensor, "batch kv_head pos d_head"]]
    _calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(repr=False)

    def block(
        self,
        layer: int,
        residual: Float[Tensor, "row some d_model"],
        *,
        sequence: Int[Tensor, " row"],
        start: int,
    ) -> Float[Tensor, "row some d_model"]:
        """Call one block of the model on some positions of rows that share a clean beginning.

        Args:
            layer: Which block.
            residual: Residual stream before the block, at positions start … start + some - 1.
            sequence: Which sequence of the clean run each row continues.
            start: First position; what stands before it is taken from the clean run.

        Returns:
            Residual stream after the block, at the same positions.

        Raises:
            NotReplayableError: If the block takes an argument that cannot be cut to positions.
        """
        stop = start + residual.shape[1]
        prefix = _Prefix(self, sequence, start)

        def fit(value: Any) -> Any:
            if isinstance(value, Cache):
                return prefix
            if isinstance(value, Tensor):
                return self._cut(value, sequence, start, stop)
            if isinstance(value, tuple):
                return tuple(fit(entry) for entry in value)
            if value is None or isinstance(value, (bool, int, float, str)):
                return value
            raise NotReplayableError(f"Layer {layer} is called with a {type(value).__name__}.")

        args, kwargs = self._calls[layer]
        block = self.model.bridge.blocks[layer]
        with torch.no_grad(), skip_unwatched([block]):
            out = block(
                residual, *map(fit, args), **{name: fit(value) for name, value in kwargs.items()}
            )
        return residual_of(out)

    def go_on(self, first: int, last: int | None = None) -> Float[Tensor, "batch pos d_model"]:
        """Call the blocks from one layer on, on all positions; hooks see them and may change them.

        Args:
            first: From which block on; what stands before it is the clean run's.
            last: Before which block to stop; after the last one if not given.

        Returns:
            Residual stream there.
        """
        stream, everyone = self.residuals[first], torch.arange(len(self.tokens))
        for layer in range(first, self.model.n_layers if last is None else last):
            stream = self.block(layer, stream, sequence=everyone, start=0)
        return stream

    def _cut(self, value: Tensor, sequence: Tensor, start: int, stop: int) -> Tensor:
        """The part of an argument that belongs to some positions (and rows)."""
        batch, pos = self.tokens.shape
        if value.shape == (pos,):
            return value[start:stop]
        if value.ndim < 2 or value.shape[0] not in {1, batch}:
            raise NotReplayableError(f"A block takes an argument of shape {tuple(value.shape)}.")
        rows = value if value.shape[0] == 1 else value[sequence]
        if value.ndim == 4 and value.shape[2:] == (pos, pos):
            return rows[..., start:stop, :stop]
        if value.ndim in {2, 3} and value.shape[1] == pos:
            return rows[:, start:stop]
        raise NotReplayableError(f"A block takes an argument of shape {tuple(value.shape)}.")


def record(model: Model, tokens: Int[Tensor, "batch pos"]) -> CleanRun:
    """Run the model without any change and keep what its tail can be replayed from.

    Nothing is unembedded. Memory: three tensors the size of the residual stream (less with
    shared keys and values) for each layer.

    Args:
        model: The model.
        tokens: Token ids.

    Raises:
        NotReplayableError: If the model keeps no plain cache of keys and values.
    """
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    residuals: list[Tensor] = []

    def before(_module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        kwargs = dict(kwargs)
        residual = args[0] if args else kwargs.pop("hidden_states")
        residuals.append(residual)
        calls.append((args[1:], kwargs))

    def after(_module: object, _args: object, out: Any) -> None:
        residuals.append(residual_of(out))
        raise StopRun

    with _module_hooks(model, before, after), torch.no_grad():
        model.run(tokens)
    given = [value for args, kwargs in calls[:1] for value in (*args, *kwargs.values())]
    cache = next((value for value in given if isinstance(value, Cache)), None)
    layers = getattr(cache, "layers", [])
    keys = [getattr(layer, "keys", None) for layer in layers]
    values = [getattr(layer, "values", None) for layer in layers]
    whole = len(calls) == len(keys) == model.n_layers and all(
        isinstance(x, Tensor) and x.shape[::2] == tokens.shape for x in (*keys, *values)
    )
    if not whole:
        raise NotReplayableError(f"{model.name} keeps no plain cache of keys and values.")
    return CleanRun(model, tokens, residuals, keys, values, calls)  # type: ignore[arg-type]


def can_replay(model: Model, length: int) -> bool:
    """Whether what is replayed now is what a run of the whole model would give.

    Never while anything is hooked into the model: a replay goes on from a clean run. Else the
    model is tried once, and the answer is kept: one attention output of the first layer is
    changed at one position, replayed from there and from the beginning, and compared with a run
    of the whole model. If they differ by more than `TOLERANCE`, or the model cannot be replayed
    at all, a warning says so, and everything is done with whole runs from then on.

    Args:
        model: The model.
        length: Positions of the input; one longer than any before is recorded once to see whether
            the model keeps all its keys and values.
    """
    if not model.is_clean:
        return False
    if model.now.checked is None:
        model.now.checked = _self_check(model)
        if model.now.checked:
            _warn(model, model.now.checked)
    if model.now.checked or length <= model.now.recorded:
        return not model.now.checked
    try:
        record(model, torch.zeros(1, length, dtype=torch.long))
    except NotReplayableError as error:
        _warn(model, str(error))
        return False
    model.now.recorded = length
    return True


def _warn(model: Model, reason: str) -> None:
    warnings.warn(
        f"{model.name} is run whole for each change, which takes longer: {reason}", stacklevel=4
    )


def _self_check(model: Model) -> str:
    """What is wrong with replaying this model; nothing if all is well."""
    pos, at = min(12, model.n_ctx), 5
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(model.d_vocab, (2, pos), generator=generator)
    site = Site("attn_out", 0)

    def change(output: Tensor) -> Tensor:
        changed = output.clone()
        changed[:, at - pos] *= -1.0  # counted from the end: so it is the same when replayed
        return changed

    try:
        run, rows, worst = record(model, tokens), torch.arange(2), 0.0
        with torch.no_grad(), model.hooked({site: change}):
            whole = model.forward(tokens).log_softmax(-1)
        for start in (0, at):
            residual = run.residuals[0][:, start:]
            with model.hooked({site: change}):
                residual = run.block(0, residual, sequence=rows, start=start)
            for layer in range(1, model.n_layers):
                residual = run.block(layer, residual, sequence=rows, start=start)
            replayed = model.unembed(residual).log_softmax(-1)
            worst = max(worst, float((replayed - whole[:, start:]).abs().max()))
    except UnsupportedModelError as error:
        return str(error)
    return "" if worst <= TOLERANCE else f"a replayed run differs by {worst:.2g} nats."


class _Prefix:
    """Stands in for the model's cache: puts clean keys and values before the new ones."""

    def __init__(self, run: CleanRun, sequence: Tensor, start: int) -> None:
        self._run, self._sequence, self._start = run, sequence, start

    def update(
        self, keys: Tensor, values: Tensor, layer: int, *_args: Any, **_kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        return self._join(self._run.keys[layer], keys), self._join(self._run.values[layer], values)

    def get_seq_length(self, *_args: Any) -> int:
        return self._start

    def _join(self, clean: Tensor, new: Tensor) -> Tensor:
        before = clean[:, :, : self._start]
        if len(before) == 1:
            rows = before.expand(len(new), -1, -1, -1)
        else:
            rows = before[self._sequence.to(before.device)]
        return torch.cat([rows, new], dim=2)


def residual_of(out: Any) -> Tensor:
    """The residual stream out of what a block returns."""
    return out[0] if isinstance(out, (tuple, list)) else out


@contextmanager
def _module_hooks(model: Model, before: Callable, after: Callable) -> Iterator[None]:
    blocks = model.bridge.blocks
    handles = [block.register_forward_pre_hook(before, with_kwargs=True) for block in blocks]
    handles.append(blocks[-1].register_forward_hook(after))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
