"""Running the model and keeping only what is asked for, batch by batch, layer by layer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.models import Model, Site, SiteKind
from helpers.progress import Track, silent

ROWS, BLOCK = 1024, 2048
"""Residuals that are unembedded at once, and tokens of the vocabulary at a time: 8 MB of logits."""

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
    batch_size: int | None = None,
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
        batch_size: Sequences that are run at once; as many as suit the cache if not given.
        track: Shows how far the run has come.
        label: What the run is for, in a few words.
    """
    last = max(observers, key=_depth)
    size = batch_size or sequences_at_once(model, tokens.shape[1])
    batches = list(batch_slices(len(tokens), size))
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
    batch_size: int | None = None,
    track: Track = silent,
) -> Predictions:
    """Log-probability and first choice for each next token.

    Only the positions that predict a wanted target are unembedded, a block of the vocabulary at
    a time, so that the logits of a large vocabulary never fill the memory.

    Args:
        model: The model.
        tokens: Token ids.
        targets: Which targets to predict; entry i of the target dimension is position i + 1.
        batch_size: Sequences that are run at once; as many as suit the cache if not given.
        track: Shows how far the run has come.

    Returns:
        Log-probabilities in nats and hits, `[batch, target]`.
    """
    wanted = range(tokens.shape[1] - 1)[targets]
    parts: list[Predictions] = []

    def unembed(rows: slice, residual: Tensor) -> None:
        ids = tokens[rows, wanted.start + 1 : wanted.stop + 1]
        flat = residual[:, wanted.start : wanted.stop].flatten(0, 1)
        found = predict_from(model, flat, ids.flatten())
        parts.append(Predictions(*(entry.view(ids.shape) for entry in found)))

    observe(
        model,
        tokens,
        {Site("resid_post", model.n_layers - 1): unembed},
        batch_size=batch_size,
        track=track,
        label="predicting",
    )
    return Predictions(*(torch.cat(column) for column in zip(*parts, strict=True)))


def predict_from(
    model: Model, residual: Float[Tensor, "row d_model"], ids: Int[Tensor, " row"]
) -> tuple[Float[Tensor, " row"], Bool[Tensor, " row"]]:
    """Log-probability of one token for each residual stream, and whether it was the first choice.

    log p = logit of the token - log-sum-exp over the vocabulary, taken block by block: the
    logits are used while they lie in the cache and never written out. A tie for the first
    choice is a miss.

    Args:
        model: The model.
        residual: Residual stream after the last block, at the position that predicts.
        ids: The token that came, for each.

    Returns:
        Log-probabilities in nats and hits, on the CPU.
    """
    gpu = model.device.type == "cuda"
    rows, block = (8 * ROWS, model.d_vocab) if gpu else (ROWS, BLOCK)
    parts = []
    for part in batch_slices(len(residual), rows):
        wanted = ids[part].to(residual.device)
        total = best = right = torch.full((len(wanted),), -torch.inf, device=residual.device)
        for start, logits in model.logits_in_blocks(residual[part], block=block):
            total = torch.logaddexp(total, logits.logsumexp(-1))
            (inside,) = torch.where((wanted >= start) & (wanted < start + logits.shape[1]))
            column = wanted[inside] - start
            right = right.index_put((inside,), logits[inside, column])
            logits[inside, column] = -torch.inf  # what is left are the others
            best = torch.maximum(best, logits.amax(-1))
        parts.append(((right - total).cpu(), (right > best).cpu()))
    log_prob, top1 = zip(*parts, strict=True)
    return torch.cat(log_prob), torch.cat(top1)


def sequences_at_once(model: Model, pos: int) -> int:
    """How many sequences of this length make a batch that suits the cache."""
    return max(1, min(model.tokens_at_once // pos, model.rows_at_once(pos, pos)))


def reduce_patterns(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    reduce: Callable[[Float[Tensor, "batch head query key"]], Float[Tensor, "*lead batch head"]],
    *,
    batch_size: int | None = None,
    track: Track = silent,
) -> Float[Tensor, "*lead batch layer head"]:
    """Apply a function to every attention pattern, holding one layer's patterns at a time.

    Args:
        model: The model.
        tokens: Token ids.
        reduce: From patterns `[batch, head, query, key]` to numbers `[..., batch, head]`.
        batch_size: Sequences that are run at once; as many as suit the cache if not given.
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


def run_for_gradient(
    model: Model, tokens: Int[Tensor, "batch pos"], kind: SiteKind
) -> tuple[Float[Tensor, "batch pos d_model"], list[Float[Tensor, "batch pos *rest"]]]:
    """Run the model once so that the outputs of a kind can be differentiated with respect to.

    Args:
        model: The model.
        tokens: Token ids.
        kind: Kind of site; see `Site`.

    Returns:
        Residual stream after the last block, and the output of each layer that led to it:
        `torch.autograd.grad` of anything made from the first with respect to the second works.
    """
    outputs: list[Tensor] = []
    final: list[Tensor] = []

    def start(residual: Tensor) -> Tensor:
        return residual.detach().requires_grad_()

    def keep(output: Tensor) -> Tensor:
        outputs.append(output)
        return output  # what the hook was shown, not what it was made from, goes on in the graph

    def stop(residual: Tensor) -> None:
        final.append(residual)
        raise _Seen

    hooks: dict[Site, Callable[[Tensor], Tensor | None]] = {
        Site("resid_pre", 0): start,
        **{Site(kind, layer): keep for layer in range(model.n_layers)},
        Site("resid_post", model.n_layers - 1): stop,
    }
    with torch.enable_grad(), model.hooked(hooks):
        try:
            model.forward(tokens)
        except _Seen:
            pass
    return final[0], outputs


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
