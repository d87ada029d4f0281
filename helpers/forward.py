"""Running the model and keeping only what is asked for, batch by batch, layer by layer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.metrics import is_top1, token_log_probs
from helpers.models import Model, Site, SiteKind
from helpers.progress import Track, silent

BATCH = 8
"""Sequences that are run at once."""

Observer = Callable[[slice, Tensor], None]
_ORDER: list[SiteKind] = ["resid_pre", "pattern", "z", "attn_out", "mlp_out", "resid_post"]


class Predictions(NamedTuple):
    """How well each target was predicted; entry i of the last dimension is the i-th target."""

    log_prob: Float[Tensor, "batch target"]
    top1: Bool[Tensor, "batch target"]


class _Seen(Exception):  # noqa: N818 - not an error: it ends a run that has nothing left to show
    pass


def observe(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    observers: Mapping[Site, Observer],
    *,
    batch_size: int = BATCH,
    track: Track = silent,
    label: str = "running the model",
) -> None:
    """Run the model and show chosen activations to their observers, keeping none.

    Each run ends at the last site that somebody observes: layers above it are not computed, and
    nothing is unembedded.

    Args:
        model: The model.
        tokens: Token ids.
        observers: For each site a function of the rows of `tokens` that are being run and the
            activation of those rows. It must not write into the activation.
        batch_size: Sequences that are run at once.
        track: Shows how far the run has come.
        label: What the run is for, in a few words.
    """
    last = max(observers, key=_depth)
    batches = list(batch_slices(len(tokens), batch_size))
    for rows in track(batches, total=len(batches), label=label):
        hooks = {
            site: _watch(observer, rows, stop=site == last) for site, observer in observers.items()
        }
        with model.hooked(hooks):
            try:
                model(tokens[rows])
            except _Seen:
                continue


def predict(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    *,
    targets: slice = slice(None),
    batch_size: int = BATCH,
    track: Track = silent,
) -> Predictions:
    """Log-probability and first choice for each next token.

    Only the positions that predict a wanted target are unembedded, one sequence at a time, so
    that the logits of a large vocabulary never fill the memory.

    Args:
        model: The model.
        tokens: Token ids.
        targets: Which targets to predict; entry i of the target dimension is position i + 1.
        batch_size: Sequences that are run at once.
        track: Shows how far the run has come.

    Returns:
        Log-probabilities in nats and hits, `[batch, target]`.
    """
    wanted = range(tokens.shape[1] - 1)[targets]
    positions = torch.tensor([*wanted, wanted[-1] + 1])
    parts: list[Predictions] = []

    def unembed(rows: slice, residual: Tensor) -> None:
        for row, sequence in zip(residual, tokens[rows], strict=True):
            logits = model.unembed(row[positions.to(row.device)])
            ids = sequence[positions].to(logits.device)
            parts.append(Predictions(token_log_probs(logits, ids), is_top1(logits, ids)))

    observe(
        model,
        tokens,
        {Site("resid_post", model.n_layers - 1): unembed},
        batch_size=batch_size,
        track=track,
        label="predicting",
    )
    return Predictions(*(torch.stack(column).cpu() for column in zip(*parts, strict=True)))


def reduce_patterns(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    reduce: Callable[[Float[Tensor, "batch head query key"]], Float[Tensor, "*lead batch head"]],
    *,
    batch_size: int = BATCH,
    track: Track = silent,
) -> Float[Tensor, "*lead batch layer head"]:
    """Apply a function to every attention pattern, holding one layer's patterns at a time.

    Args:
        model: The model.
        tokens: Token ids.
        reduce: From patterns `[batch, head, query, key]` to numbers `[..., batch, head]`.
        batch_size: Sequences that are run at once.
        track: Shows how far the run has come.

    Returns:
        The numbers of all layers, on the CPU.
    """
    parts: list[list[Tensor]] = [[] for _ in range(model.n_layers)]

    def observer(layer: int) -> Observer:
        return lambda _rows, pattern: parts[layer].append(reduce(pattern).cpu())

    observe(
        model,
        tokens,
        {Site("pattern", layer): observer(layer) for layer in range(model.n_layers)},
        batch_size=batch_size,
        track=track,
        label="scanning heads",
    )
    return torch.stack([torch.cat(batches, dim=-2) for batches in parts], dim=-2)


def attention_patterns(
    model: Model, tokens: Int[Tensor, "batch pos"], heads: Sequence[Head]
) -> Float[Tensor, "head batch query key"]:
    """Attention patterns of chosen heads.

    Args:
        model: The model.
        tokens: Token ids.
        heads: Which heads, in the order of the result.

    Returns:
        Patterns on the CPU; rows sum to 1, entries above the diagonal are 0.

    Raises:
        ValueError: If a head does not exist.
    """
    parts: dict[Head, list[Tensor]] = {
        head.check(model.n_layers, model.n_heads): [] for head in heads
    }

    def observer(layer: int) -> Observer:
        def keep(_rows: slice, pattern: Tensor) -> None:
            for head, kept in parts.items():
                if head.layer == layer:
                    kept.append(pattern[:, head.head].cpu())

        return keep

    layers = sorted({head.layer for head in heads})
    observe(model, tokens, {Site("pattern", layer): observer(layer) for layer in layers})
    return torch.stack([torch.cat(parts[head]) for head in heads])


def activations(
    model: Model, tokens: Int[Tensor, "batch pos"], kind: SiteKind, layers: Sequence[int]
) -> Float[Tensor, "layer batch *rest"]:
    """One kind of activation in chosen layers, for all tokens.

    Args:
        model: The model.
        tokens: Token ids.
        kind: Kind of site; see `Site`.
        layers: Which layers, in the order of the result.

    Returns:
        The activations, on the model's device.
    """
    parts: dict[int, list[Tensor]] = {layer: [] for layer in layers}

    def observer(layer: int) -> Observer:
        return lambda _rows, value: parts[layer].append(value.clone())

    observe(model, tokens, {Site(kind, layer): observer(layer) for layer in layers})
    return torch.stack([torch.cat(parts[layer]) for layer in layers])


def batch_slices(total: int, size: int) -> Iterator[slice]:
    """Cut `total` rows into slices of at most `size`."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def _depth(site: Site) -> tuple[int, int]:
    return (site.layer, _ORDER.index(site.kind))


def _watch(observer: Observer, rows: slice, *, stop: bool) -> Callable[[Tensor], None]:
    def call(activation: Tensor) -> None:
        observer(rows, activation)
        if stop:
            raise _Seen

    return call
