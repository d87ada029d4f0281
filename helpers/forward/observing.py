"""Running the model and showing chosen activations to whoever asked, batch by batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.models import Model, Site, SiteKind
from helpers.progress import Track, silent

Observer = Callable[[slice, Tensor], None]
_ORDER: list[SiteKind] = [
    "resid_pre",
    "q",
    "k",
    "v",
    "pattern",
    "z",
    "attn_out",
    "mlp_out",
    "resid_post",
]


class _Seen(Exception):  # noqa: N818 - not an error: it ends a run that has nothing left to show
    pass


def observe(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    observers: Mapping[Site, Observer],
    *,
    batch_size: int | None = None,
    after: float = 0.0,
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
        after: What observers of the last block do with a sequence, in runs through all blocks.
        track: Shows how far the run has come.
        label: What the run is for, in a few words.
    """
    last = max(observers, key=_depth)
    size = batch_size or sequences_at_once(model, tokens.shape[1])
    depth = last.layer + 1  # blocks that each sequence enters
    rest = after * model.n_layers
    with track(len(tokens) * (depth + rest), label) as bar:
        for rows in batch_slices(len(tokens), size):
            some = len(tokens[rows])
            hooks = {
                site: _watch(observer, rows, stop=site == last)
                for site, observer in observers.items()
            }

            def entered(amount: float = some) -> None:
                bar.advance(amount)

            with model.hooked(hooks), model.entering_blocks(entered):
                try:
                    model(tokens[rows])
                except _Seen:
                    pass
            bar.advance(some * rest)


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
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    heads: Sequence[Head],
    *,
    track: Track = silent,
) -> Float[Tensor, "head batch query key"]:
    """Attention patterns of chosen heads.

    Args:
        model: The model.
        tokens: Token ids.
        heads: Which heads, in the order of the result.
        track: Shows how far the run has come.

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
    sites = {Site("pattern", layer): observer(layer) for layer in layers}
    observe(model, tokens, sites, track=track, label="reading attention")
    return torch.stack([torch.cat(parts[head]) for head in heads])


def activations(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    kind: SiteKind,
    layers: Sequence[int],
    *,
    track: Track = silent,
) -> Float[Tensor, "layer batch *rest"]:
    """One kind of activation in chosen layers, for all tokens.

    Args:
        model: The model.
        tokens: Token ids.
        kind: Kind of site; see `Site`.
        layers: Which layers, in the order of the result.
        track: Shows how far the run has come.

    Returns:
        The activations, on the model's device.
    """
    parts: dict[int, list[Tensor]] = {layer: [] for layer in layers}

    def observer(layer: int) -> Observer:
        return lambda _rows, value: parts[layer].append(value.clone())

    observe(model, tokens, {Site(kind, layer): observer(layer) for layer in layers}, track=track)
    return torch.stack([torch.cat(parts[layer]) for layer in layers])


def run_for_gradient(
    model: Model, tokens: Int[Tensor, "batch pos"], kind: SiteKind, *, track: Track = silent
) -> tuple[Float[Tensor, "batch pos d_model"], list[Float[Tensor, "batch pos *rest"]]]:
    """Run the model once so that the outputs of a kind can be differentiated with respect to.

    Args:
        model: The model.
        tokens: Token ids.
        kind: Kind of site; see `Site`.
        track: Shows how far the run has come.

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
    with (
        track(model.n_layers, "running the model") as bar,
        torch.enable_grad(),
        model.hooked(hooks),
        model.entering_blocks(bar.advance),
    ):
        try:
            model.forward(tokens)
        except _Seen:
            pass
    return final[0], outputs


def sequences_at_once(model: Model, pos: int) -> int:
    """How many sequences of this length make a batch that suits the cache."""
    return max(1, min(model.tokens_at_once // pos, model.rows_at_once(pos, pos)))


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
