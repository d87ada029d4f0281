"""What holds of a model that the helpers build on, found out by trying.

TransformerLens knows many families, and not of every one is it true that heads write through W_O
alone, or that the last norm only divides. Each such statement is tried once, on a few tokens; a
helper that builds on one that fails refuses, by its name (`Model.need`), and the rest works.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, Literal, get_args

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from helpers.heads import Head
from helpers.models.errors import UnsupportedModelError
from helpers.models.model import Hook, Model
from helpers.models.network import say_briefly
from helpers.models.replay import TOLERANCE
from helpers.models.sites import Site, SiteKind

Need = Literal[
    "unembedding",
    "direct",
    "parts",
    "heads",
    "weights",
    "scores",
    "embedding",
    "removal",
    "pattern",
    "attending",
]
_SAID: dict[Need, str] = {
    "unembedding": "its logits are not what its last norm and unembedding make of the stream",
    "direct": "its last norm does more than centre and divide",
    "parts": "its residual stream is not the sum of what its layers write",
    "heads": "a norm or a factor stands between a head's W_O and the residual stream",
    "weights": "its queries, keys and values are not its weights times the normed stream",
    "scores": "a norm or a cap stands between its queries and keys and its attention scores",
    "embedding": "its first layer does not read the token's embedding, up to a factor",
    "removal": "changing what a head gathers does not do what it does in plain transformers",
    "pattern": "its values are not weighed with its attention patterns alone",
    "attending": "TransformerLens shows its attention patterns when they have been used already",
}
_ROUNDING = 1e-5
"""What rounding can explain, as a part of the residual stream that the numbers were added to."""
_SEQUENCES, _LENGTH = 2, 12
_HALF, _LESS = 0.5, 0.75


def trial_tokens(d_vocab: int, n_ctx: int) -> Int[Tensor, "batch pos"]:
    """A handful of tokens, the same for every model of that vocabulary; the first one is shared."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(d_vocab, (_SEQUENCES, min(_LENGTH, n_ctx)), generator=generator)
    tokens[:, 0] = tokens[0, 0]
    return tokens


def differs(found: Tensor, right: Tensor, *, beside: Tensor | None = None) -> float:
    """By how many times more than rounding explains two results differ; over 1 is too much.

    Args:
        found: Numbers.
        right: What they should be.
        beside: Larger numbers that both were made from by adding and taking away.
    """
    allowed = TOLERANCE * right.abs().amax(-1, keepdim=True)
    if beside is not None:
        allowed = allowed + _ROUNDING * beside.abs().amax(-1, keepdim=True)
    ratio = (found - right).abs() / allowed.clamp(min=1e-6)
    return float(ratio.nan_to_num(torch.inf).max())


def differs_in_nats(found: Tensor, right: Tensor) -> float:
    """The same for log-probabilities: what is all but impossible may differ by a little more."""
    allowed = TOLERANCE * (1 + right.abs() / 10)
    return float(((found - right).abs() / allowed).nan_to_num(torch.inf).max())


def swap_heads(
    bridge: Any, tokens: Int[Tensor, "batch pos"], layers: Iterable[int]
) -> Float[Tensor, "batch pos d_vocab"]:
    """What a bridge says with the last head of layers swapped between sequences, by torch's hooks.

    It is the input of each layer's own output projection that is swapped, and not at the first
    position, so that TransformerLens' hooks have no part in it.

    Args:
        bridge: A bridge before any folding.
        tokens: Two sequences.
        layers: In which layers.

    Returns:
        Log-probabilities.
    """

    def swap(_module: object, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        z = args[0].unflatten(-1, (-1, bridge.cfg.d_head))
        return (_swapped(z).flatten(-2), *args[1:])

    handles = [
        bridge.blocks[layer].attn.o.original_component.register_forward_pre_hook(swap)
        for layer in layers
    ]
    try:
        return bridge(tokens).log_softmax(-1)
    finally:
        for handle in handles:
            handle.remove()


def try_out(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    seen: "Seen",
    right: Float[Tensor, "batch pos d_vocab"],
    swapped: Float[Tensor, "batch pos d_vocab"] | str,
) -> dict[str, str]:
    """Try every statement on a model.

    Args:
        model: The model, ready for use.
        tokens: What it is tried on.
        seen: Result of `watch`.
        right: Log-probabilities of the plain network for them.
        swapped: Result of `swap_heads` for `tried_layers`, or why there is none.

    Returns:
        What is not true of it, by what a helper may need.
    """
    checks: dict[Need, Callable[[], float]] = {
        "unembedding": lambda: _unembedding(model, seen, right),
        "direct": lambda: _direct(model, seen),
        "parts": lambda: _parts(model, seen),
        "heads": lambda: _heads(model, seen),
        "weights": lambda: _weights(model, seen),
        "scores": lambda: _scores(model, seen, disturbed()),
        "embedding": lambda: _embedding(model, seen, tokens),
        "removal": lambda: _removal(model, tokens, swapped),
        "pattern": lambda: _pattern(model, seen),
        "attending": lambda: _attending(model, seen, disturbed()),
    }
    disturbed = cache(lambda: _disturb(model, tokens, seen))
    fails: dict[str, str] = {}
    for need, check in checks.items():
        try:
            worst = check()
        except Exception as error:  # a part that is not there, or of another shape
            why = str(error) if isinstance(error, UnsupportedModelError) else say_briefly(error)
            fails[need] = f"{_SAID[need]} ({why.removesuffix('.')})"
        else:
            if worst > 1:
                fails[need] = f"{_SAID[need]} (tried at loading: off by {worst * TOLERANCE:.2g})"
    return fails


class Seen(dict[Site, Tensor]):
    """What stood at each site of a run."""

    def __missing__(self, site: Site) -> Tensor:
        raise UnsupportedModelError(f"TransformerLens shows no {site}")


def tried_layers(n_layers: int) -> list[int]:
    """In which layers a head is swapped: the first, a middle and the last one."""
    return sorted({0, n_layers // 2, n_layers - 1})


def watch(model: Model, tokens: Int[Tensor, "batch pos"]) -> tuple[Tensor, Seen]:
    """Run a model: its log-probabilities, and what stands at every site that it has."""
    seen = Seen()
    kinds: tuple[SiteKind, ...] = get_args(SiteKind)
    sites = [Site(kind, layer) for layer in range(model.n_layers) for kind in kinds]
    there = [site for site in sites if site.hook_name in model.bridge.hook_dict]
    with model.hooked({site: partial(_put_down, seen, site, None) for site in there}):
        return model(tokens).log_softmax(-1), seen


def _put_down(seen: Seen, site: Site, back: Tensor | None, activation: Tensor) -> Tensor | None:
    """Keep what is there; what stands in its place from now on is given back."""
    seen[site] = activation
    return back


def _disturb(model: Model, tokens: Tensor, seen: Seen) -> Seen:
    """A run with queries and keys made smaller, and the patterns of the other sequence.

    What each head gathers is put back, so that every layer reads what it read.
    """
    found, hooks = Seen(), dict[Site, Hook]()
    for layer in range(model.n_layers):
        pattern, z = Site("pattern", layer), Site("z", layer)
        hooks[Site("q", layer)] = lambda q: _HALF * q
        hooks[Site("k", layer)] = lambda k: _LESS * k
        hooks[pattern] = partial(_put_down, found, pattern, seen[pattern].flip(0))
        hooks[z] = partial(_put_down, found, z, seen[z])
    with model.hooked(hooks):
        model(tokens)
    return found


def _each(model: Model, difference: Callable[[int], float]) -> float:
    return max(difference(layer) for layer in range(model.n_layers))


def _unembedding(model: Model, seen: Seen, right: Tensor) -> float:
    stream = seen[Site("resid_post", model.n_layers - 1)]
    logits = model.bridge.ln_final(stream) @ model.W_U + model.bridge.b_U
    return differs_in_nats(model.finish(logits).log_softmax(-1), right)


def _direct(model: Model, seen: Seen) -> float:
    stream = seen[Site("resid_post", model.n_layers - 1)]
    centred = stream - stream.mean(-1, keepdim=True) if model.centres_at_last else stream
    return differs(centred / model.last_scale(stream), model.bridge.ln_final(stream))


def _parts(model: Model, seen: Seen) -> float:
    def difference(layer: int) -> float:
        before, after = seen[Site("resid_pre", layer)], seen[Site("resid_post", layer)]
        written = seen[Site("attn_out", layer)]
        if model.has_mlps:
            written = written + seen[Site("mlp_out", layer)]
        goes_on = 0.0
        if layer + 1 < model.n_layers:
            goes_on = differs(seen[Site("resid_pre", layer + 1)], after)
        return max(goes_on, differs(after - before, written, beside=after))

    return _each(model, difference)


def _heads(model: Model, seen: Seen) -> float:
    W_O = model.stacked("W_O")

    def difference(layer: int) -> float:
        written = einsum(seen[Site("z", layer)], W_O[layer], "b p h d, h d m -> b p m")
        out = seen[Site("attn_out", layer)]
        # Up to a constant, the bias, so that is what the first position's is taken from both for.
        return differs(out - out[:1, :1], written - written[:1, :1], beside=out)

    return _each(model, difference)


def _weights(model: Model, seen: Seen) -> float:
    def difference(layer: int) -> float:
        read = model.normalize(seen[Site("resid_pre", layer)], layer)
        worst = 0.0
        for head in range(model.n_heads):
            weights, kv = model.head_weights(Head(layer, head)), model.kv_head(head)
            made: dict[SiteKind, tuple[int, Tensor, Tensor]] = {
                "q": (head, weights.W_Q, weights.b_Q),
                "k": (kv, weights.W_K, weights.b_K),
                "v": (kv, weights.W_V, weights.b_V),
            }
            for kind, (at, W, b) in made.items():
                here = seen[Site(kind, layer)][:, :, at]
                worst = max(worst, differs(here, read @ W + b))
        return worst

    return _each(model, difference)


def _embedding(model: Model, seen: Seen, tokens: Tensor) -> float:
    read, stored = seen[Site("resid_pre", 0)], model.W_E[tokens.to(model.device)]
    return _proportional(read[0] - read[1], stored[0] - stored[1], beside=read)


def _scores(model: Model, seen: Seen, disturbed: Seen) -> float:
    """Scores are products of queries and keys: with a norm or a cap between they are not.

    What is added for the position is the same in both sequences.
    """

    def difference(layer: int) -> float:
        site = Site("pattern", layer)
        both = _against_own(disturbed[site]), _HALF * _LESS * _against_own(seen[site])
        nothing = (seen[site] == 0).any(0)
        return differs(*(log.masked_fill(nothing, 0.0) for log in both))

    return _each(model, difference)


def _against_own(pattern: Float[Tensor, "batch head query key"]) -> Tensor:
    """Scores over each query's score for its own place, in the first sequence over the second."""
    log = pattern.clamp(min=1e-30).log()
    log = log - log.diagonal(dim1=-2, dim2=-1)[..., None]
    return log[0] - log[1]


def _proportional(found: Tensor, right: Tensor, *, beside: Tensor) -> float:
    """Whether two differences between the sequences are the same up to one factor.

    A difference, since what depends on the position alone is the same in both.
    """
    factor = (found * right).sum() / right.square().sum()
    return differs(found, factor * right, beside=beside.abs().amax().expand(found.shape))


def _removal(model: Model, tokens: Tensor, swapped: Tensor | str) -> float:
    if isinstance(swapped, str):
        raise UnsupportedModelError(swapped)
    hooks = {Site("z", layer): _swapped for layer in tried_layers(model.n_layers)}
    with model.intervened("trial", hooks):
        return differs_in_nats(model(tokens).log_softmax(-1), swapped)


def _pattern(model: Model, seen: Seen) -> float:
    def difference(layer: int) -> float:
        pattern, z = seen[Site("pattern", layer)], seen[Site("z", layer)]
        later = pattern.triu(1).abs().max()
        if later > 0 or pattern.min() < 0 or pattern.sum(-1).max() > 1 + TOLERANCE:
            return torch.inf
        return differs(_gathered(model, seen, layer, pattern), z)

    return _each(model, difference)


def _gathered(model: Model, seen: Seen, layer: int, pattern: Tensor) -> Tensor:
    kv = [model.kv_head(head) for head in range(model.n_heads)]
    return einsum(pattern, seen[Site("v", layer)][:, :, kv], "b h q k, b k h d -> b q h d")


def _attending(model: Model, seen: Seen, disturbed: Seen) -> float:
    """With the patterns of the sequences swapped, each gathers by the other's."""

    def difference(layer: int) -> float:
        pattern = seen[Site("pattern", layer)].flip(0)
        return differs(disturbed[Site("z", layer)], _gathered(model, seen, layer, pattern))

    return _each(model, difference)


def _swapped(z: Float[Tensor, "batch pos head d_head"]) -> Float[Tensor, "batch pos head d_head"]:
    swapped = z.clone()
    swapped[:, 1:, -1] = z[:, 1:, -1].flip(0)
    return swapped
