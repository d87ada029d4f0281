"""Running the model and keeping only what is asked for, batch by batch, layer by layer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.models import Model, Site, SiteKind, StopRun, UnsupportedModelError
from helpers.progress import progress

Reduce = Callable[[Tensor, slice], Tensor]
"""From an activation, and which rows of the input it is of, to what is kept: batch first."""


def collect(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    reduce: Mapping[Site, Reduce],
    *,
    batch_size: int | None = None,
    label: str = "",
) -> dict[Site, Tensor]:
    """Run the model and keep, of each site, what a function makes of the activation there.

    Each run ends at the last site that is asked for: layers above it are not computed, and
    nothing is unembedded.

    Args:
        model: The model.
        tokens: Token ids.
        reduce: For each site a function of the activation and the rows of `tokens` it is of. It
            must not write into the activation, nor hand back a view of it.
        batch_size: Sequences that are run at once; as many as suit the cache if not given.
        label: What the run is for, in a few words, if it shall show a bar.

    Returns:
        What the functions gave, all rows together.

    Raises:
        UnsupportedModelError: If the model does not come by one of the sites.
    """
    if any(site.kind == "pattern" for site in reduce):
        model.need("pattern")
    kept: dict[Site, list[Tensor]] = {site: [] for site in reduce}
    size = batch_size or sequences_at_once(model, tokens.shape[1])
    for rows in progress(list(batch_slices(len(tokens), size)), label):
        waited_for = set(reduce)

        def keep(
            site: Site, rows: slice = rows, waited_for: set[Site] = waited_for
        ) -> Callable[[Tensor], None]:
            def hook(activation: Tensor) -> None:
                kept[site].append(reduce[site](activation, rows))
                waited_for.discard(site)
                if not waited_for:  # families differ in the order in which they come by
                    raise StopRun

            return hook

        with torch.no_grad(), model.hooked({site: keep(site) for site in reduce}):
            model.run(tokens[rows], first_row=rows.start)
        if waited_for:
            raise UnsupportedModelError(
                f"{model.name} never came by {', '.join(sorted(map(str, waited_for)))}: "
                "TransformerLens names a hook point there that the family does not use."
            )
    return {site: torch.cat(kept.pop(site)) for site in reduce}  # a site at a time: half the memory


def reduce_patterns(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    reduce: Callable[
        [Float[Tensor, "batch head query key"], slice], Float[Tensor, "batch head *rest"]
    ],
    *,
    batch_size: int | None = None,
    label: str = "",
) -> Float[Tensor, "batch layer head *rest"]:
    """Apply a function to every attention pattern, holding one layer's patterns at a time.

    Args:
        model: The model.
        tokens: Token ids.
        reduce: From patterns `[batch, head, query, key]`, and the rows they are of, to numbers.
        batch_size: Sequences that are run at once; as many as suit the cache if not given.
        label: What the run is for, in a few words, if it shall show a bar.

    Returns:
        The numbers of all layers, on the CPU.
    """
    sites = [Site("pattern", layer) for layer in range(model.n_layers)]
    found = collect(
        model,
        tokens,
        {site: lambda pattern, rows: reduce(pattern, rows).cpu() for site in sites},
        batch_size=batch_size,
        label=label,
    )
    return torch.stack([found[site] for site in sites], dim=1)


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
    chosen = model.parse_heads(heads)
    of_layer: dict[int, list[int]] = {}
    for head in chosen:
        of_layer.setdefault(head.layer, []).append(head.head)
    found = collect(
        model,
        tokens,
        {
            Site("pattern", layer): lambda pattern, _rows, some=some: pattern[:, some].cpu()
            for layer, some in of_layer.items()
        },
    )
    return torch.stack(
        [found[Site("pattern", h.layer)][:, of_layer[h.layer].index(h.head)] for h in chosen]
    )


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
        `torch.autograd.grad` of what is made from the first inside `with_gradients` with respect
        to the second works.
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
        raise StopRun

    hooks: dict[Site, Callable[[Tensor], Tensor | None]] = {
        Site("resid_pre", 0): start,
        **{Site(kind, layer): keep for layer in range(model.n_layers)},
        Site("resid_post", model.n_layers - 1): stop,
    }
    with with_gradients(), model.hooked(hooks):
        model.run(tokens.clone())  # ids that were drawn in inference mode cannot be kept for them
    return final[0], outputs


@contextmanager
def with_gradients() -> Iterator[None]:
    """Gradients are kept while the context lasts, whatever the reader has switched off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def sequences_at_once(model: Model, pos: int) -> int:
    """How many sequences of this length make a batch that suits the cache."""
    return max(1, min(model.tokens_at_once // pos, model.rows_at_once(pos, pos)))


def batch_slices(total: int, size: int) -> Iterator[slice]:
    """Cut `total` rows into slices of at most `size`."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
