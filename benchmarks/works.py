"""The same work several ways: as the post and ARENA do it, with TransformerLens' tool, and ours.

The post's and ARENA's ways are ported one to one to the current TransformerLens: a bridge in
compatibility mode, one run of the whole model for each cell, whole logits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch
from torch import Tensor
from transformer_lens import ActivationCache, patching

from benchmarks.floor import Floor
from helpers import Head, Model
from helpers.interventions import AblationValues, patch_path
from helpers.interventions.fast import Removal, estimate_positions, replace_positions, run_removals
from helpers.metrics import induction_score_blog, score_pattern
from helpers.models import Site, record
from helpers.running import predict_from, reduce_patterns
from helpers.weights import token_residuals, top_k_accuracy, two_head_circuit


@dataclass(frozen=True)
class Work:
    """One piece of work and the ways to do it.

    Args:
        name: What it is.
        ways: The ways by name: "post" and "ARENA" where they do it, "TransformerLens" where it has
            a tool, and "ours".
        floor: Fewest operations that the exact answer needs.
        exact: Whether all ways must give the same numbers.
        note: What a reader of the table should know.
    """

    name: str
    ways: dict[str, Callable[[], Tensor]]
    floor: int
    exact: bool = True
    note: str = ""
    borrowed: dict[str, str] = field(default_factory=dict)
    """A way that is the same run as another work's: named, not run again."""


def second_half_loss(logits: Tensor, tokens: Tensor, n: int) -> Tensor:
    """Mean loss of the second half from whole logits, as the post takes it."""
    log_probs = logits.log_softmax(-1)
    right = log_probs[:, :-1].gather(-1, tokens[:, 1:, None])[..., 0]
    return -right[:, n:].mean()


def first_half(model: Model, tokens: Tensor) -> AblationValues:
    """The post's replacement of MLP outputs."""
    sites = [Site("mlp_out", layer) for layer in range(model.n_layers)]
    return AblationValues(model, tokens, sites, method="first_half")


def grid(bridge: Any, model: Model, tokens: Tensor, n: int) -> Work:
    """Replace one MLP output at a time."""
    layers, names = model.n_layers, [f"blocks.{i}.hook_mlp_out" for i in range(model.n_layers)]

    @torch.no_grad()
    def post() -> Tensor:
        logits, cache = bridge.run_with_cache(tokens, names_filter=lambda name: name in names)
        clean = second_half_loss(logits, tokens, n)
        effect = torch.zeros(layers, n)
        for layer in range(layers):
            for i in range(n):

                def put(out: Tensor, hook: Any, layer: int = layer, i: int = i) -> Tensor:  # noqa: ARG001
                    out[:, n + 1 + i] = cache[names[layer]][:, 1 + i]
                    return out

                logits = bridge.run_with_hooks(tokens, fwd_hooks=[(names[layer], put)])
                effect[layer, i] = second_half_loss(logits, tokens, n) - clean
        return effect

    @torch.no_grad()
    def transformer_lens() -> Tensor:
        logits, cache = bridge.run_with_cache(tokens, names_filter=lambda name: name in names)
        clean = second_half_loss(logits, tokens, n)
        shifted = {}
        for name in names:
            shifted[name] = cache[name].clone()
            shifted[name][:, n + 1 :] = cache[name][:, 1 : n + 1]
        cells = pd.DataFrame(
            [(layer, n + 1 + i) for layer in range(layers) for i in range(n)],
            columns=["layer", "pos"],
        )
        with patch.object(patching, "tqdm", list):  # its bar would stand among our lines
            found = patching.generic_activation_patch(
                model=bridge,
                corrupted_tokens=tokens,
                clean_cache=ActivationCache(shifted, bridge),
                patching_metric=lambda logits: second_half_loss(logits, tokens, n),
                patch_setter=patching.layer_pos_patch_setter,
                activation_name="mlp_out",
                index_df=cells,
            )
        return found.view(layers, n).cpu() - clean.cpu()

    def ours() -> Tensor:
        values = first_half(model, tokens)
        return replace_positions(model, tokens, n, values, "mlp_out").mean((0, -1))[:, 0]

    return Work(
        f"MLP grid, {layers} x {n} cells, {len(tokens)} sequence",
        {"post": post, "TransformerLens": transformer_lens, "ours": ours},
        Floor(model).grid(n, len(tokens)),
    )


def attribution(model: Model, tokens: Tensor, n: int, exact: str) -> Work:
    """The same grid, estimated."""

    def ours() -> Tensor:
        values = first_half(model, tokens)
        return estimate_positions(model, tokens, n, values, "mlp_out").mean(0)[:, 0]

    return Work(
        f"attribution grid, {model.n_layers} x {n} cells, {len(tokens)} sequence",
        {"ours": ours},
        Floor(model).attribution(n, len(tokens)),
        exact=False,
        note="an estimate",
        borrowed={"post": exact},
    )


def scan(bridge: Any, model: Model, tokens: Tensor, n: int) -> Work:
    """Score every head; ours takes five scores, the others the post's one."""
    names = [f"blocks.{i}.attn.hook_pattern" for i in range(model.n_layers)]

    @torch.no_grad()
    def post() -> Tensor:
        scores = torch.zeros(model.n_layers, model.n_heads)

        def score(pattern: Tensor, hook: Any) -> None:
            layer = int(hook.name.split(".")[1])
            stripe = pattern.diagonal(dim1=-2, dim2=-1, offset=1 - n)
            scores[layer] = stripe.mean(-1).mean(0).cpu()

        hooks = [(name, score) for name in names]
        bridge.run_with_hooks(tokens, return_type=None, fwd_hooks=hooks)
        return scores

    @torch.no_grad()
    def transformer_lens() -> Tensor:
        _, cache = bridge.run_with_cache(
            tokens, return_type=None, names_filter=lambda name: name in names
        )
        patterns = [induction_score_blog(cache[name], n).mean(0) for name in names]
        return torch.stack(patterns).cpu()

    def ours() -> Tensor:
        scores = reduce_patterns(
            model, tokens, lambda pattern, _rows: score_pattern(pattern, n).movedim(0, -1)
        )
        return scores[..., -1].mean(0)

    return Work(
        f"scan of {model.n_layers * model.n_heads} heads, {len(tokens)} sequences",
        {"post": post, "TransformerLens": transformer_lens, "ours": ours},
        Floor(model).scan(n, len(tokens)),
        note="ours: five scores",
    )


def circuit(model: Model, previous: Head, induction: Head) -> Work:
    """How often each token matches itself best, both ways, over the whole vocabulary."""

    def share(factors: Any, rows: int = 1000) -> float:
        hits = 0
        for indices in torch.arange(model.d_vocab, device=model.device).split(rows):
            hits += (factors[indices].AB.argmax(-1) == indices).sum().item()
        return hits / model.d_vocab

    def post() -> Tensor:
        factors = two_head_circuit(model, previous, induction)
        return torch.tensor([share(factors), share(factors.T)])

    def ours() -> Tensor:
        found = top_k_accuracy(two_head_circuit(model, previous, induction))
        return torch.tensor([found.top1_keys, found.top1_queries])

    return Work(
        f"top-1 both ways over {model.d_vocab:,}²",
        {"post": post, "ours": ours},
        Floor(model).circuit(model.d_vocab),
        note="ours: top-5 too; the post's own factors are TransformerLens'",
    )


def every_token(bridge: Any, model: Model, bos: int, layer: int) -> Work:
    """Residual stream of `[BOS, token]` for every token, before a layer."""
    ids = torch.arange(model.d_vocab)
    inputs = torch.stack([torch.full_like(ids, bos), ids], 1).to(model.device)
    name = f"blocks.{layer}.hook_resid_pre"
    # Nothing is kept, nor looked up, of weights that nothing pins.
    unpinned = replace(model, source=replace(model.source, revision="unpinned"))

    @torch.no_grad()
    def transformer_lens() -> Tensor:
        parts = []
        for batch in inputs.split(512):
            _, cache = bridge.run_with_cache(
                batch, return_type=None, stop_at_layer=layer + 1, names_filter=[name]
            )
            parts.append(cache[name][:, 1].cpu())
        return torch.cat(parts)

    def ours() -> Tensor:
        (found,) = token_residuals(unpinned, [layer], tokens=ids)
        return found.cpu()

    return Work(
        f"residuals of {model.d_vocab:,} tokens before layer {layer}",
        {"TransformerLens": transformer_lens, "ours": ours},
        Floor(model).residuals(layer, model.d_vocab),
        note="computed anew, not from disk",
    )


def removal(bridge: Any, model: Model, tokens: Tensor, n: int) -> Work:
    """Put its mean over sequences in the place of each head, one head at a time."""
    z_names = [f"blocks.{layer}.attn.hook_z" for layer in range(model.n_layers)]

    def means() -> ActivationCache:
        _, cache = bridge.run_with_cache(
            tokens, return_type=None, names_filter=lambda name: name in z_names
        )
        mean = {name: cache[name].mean(0, keepdim=True).expand_as(cache[name]) for name in z_names}
        return ActivationCache(mean, bridge)

    @torch.no_grad()
    def arena() -> Tensor:
        mean, loss = means(), torch.zeros(model.n_layers, model.n_heads)
        for layer, name in enumerate(z_names):
            for head in range(model.n_heads):

                def put(z: Tensor, hook: Any, head: int = head) -> Tensor:
                    z[:, :, head] = mean[hook.name][:, :, head]
                    return z

                logits = bridge.run_with_hooks(tokens, fwd_hooks=[(name, put)])
                loss[layer, head] = second_half_loss(logits, tokens, n)
        return loss

    @torch.no_grad()
    def transformer_lens() -> Tensor:
        with patch.object(patching, "tqdm", list):
            return patching.get_act_patch_attn_head_out_all_pos(
                bridge, tokens, means(), lambda logits: second_half_loss(logits, tokens, n)
            ).cpu()

    def ours() -> Tensor:
        removals = [Removal([head]) for head in model.heads()]
        # the post's second half holds the boundary too
        found = run_removals(model, tokens, removals, targets=slice(n, None))
        losses = torch.stack([-log_prob[:, n:].mean() for log_prob in found])
        return losses.view(model.n_layers, model.n_heads)

    return Work(
        f"removal of each of {model.n_layers * model.n_heads} heads, {len(tokens)} sequences",
        {"ARENA": arena, "TransformerLens": transformer_lens, "ours": ours},
        Floor(model).removal(n, len(tokens)),
    )


def paths(bridge: Any, model: Model, tokens: Tensor, n: int, sender: Head) -> Work:
    """Cut the direct path from one head into the key of each later head, one at a time."""
    z_names = [f"blocks.{layer}.attn.hook_z" for layer in range(model.n_layers)]
    mlp_names = [f"blocks.{layer}.hook_mlp_out" for layer in range(model.n_layers)]
    name = z_names[sender.layer]
    later = [head for head in model.heads() if head.layer > sender.layer]

    def caches() -> tuple[ActivationCache, ActivationCache]:
        """The clean run, and the sender's mean over sequences."""
        _, own = bridge.run_with_cache(
            tokens, return_type=None, names_filter=lambda n: n in {*z_names, *mlp_names}
        )
        mean = own[name].mean(0, keepdim=True).expand_as(own[name])
        return own, ActivationCache({name: mean}, bridge)

    @torch.no_grad()
    def arena() -> Tensor:
        """Two runs a path: all else frozen up to the receiver; then the receiver's key patched.

        ARENA's own lets MLPs in between be recomputed; frozen here, so that all ways ask the same.
        """
        own, mean = caches()
        losses = []

        def freeze(out: Tensor, hook: Any) -> Tensor:
            out[:] = own[hook.name]
            if hook.name == name:
                out[:, :, sender.head] = mean[name][:, :, sender.head]
            return out

        freezing = [(site, freeze) for site in (*z_names, *mlp_names)]
        for head in later:
            key = f"blocks.{head.layer}.attn.hook_k"
            found: dict[str, Tensor] = {}

            def keep(k: Tensor, hook: Any, found: dict = found) -> None:
                found[hook.name] = k.clone()

            def put(k: Tensor, hook: Any, found: dict = found, i: int = head.head) -> Tensor:
                k[:, :, i] = found[hook.name][:, :, i]
                return k

            bridge.run_with_hooks(tokens, return_type=None, fwd_hooks=[*freezing, (key, keep)])
            logits = bridge.run_with_hooks(tokens, fwd_hooks=[(key, put)])
            losses.append(second_half_loss(logits, tokens, n))
        return torch.stack(losses).cpu()

    @torch.no_grad()
    def transformer_lens() -> Tensor:
        own, mean = caches()
        found = patching.get_act_patch_direct_path(
            bridge,
            tokens,
            clean_cache=mean,
            corrupted_cache=own,
            patching_metric=lambda logits: second_half_loss(logits, tokens, n),
            src_layer=sender.layer,
            src_head=sender.head,
            component="k",
            verbose=False,
        )
        return found[sender.layer + 1 :].flatten().cpu()

    @torch.no_grad()
    def ours() -> Tensor:
        values = AblationValues(model, tokens, [Site("z", sender.layer)], method="mean")
        run, losses, ids = record(model, tokens), [], tokens[:, n + 1 :].flatten()
        for head in later:
            with patch_path(model, sender, head, input="key", reference=values):
                final = run.go_on(sender.layer)[:, n:-1]
            log_prob, _ = predict_from(model, final.flatten(0, 1), ids)
            losses.append(-log_prob.mean())
        return torch.stack(losses).cpu()

    shared = model.n_kv_heads < model.n_heads
    others = {} if shared else {"ARENA": arena, "TransformerLens": transformer_lens}
    return Work(
        f"path from {sender} into {len(later)} keys, {len(tokens)} sequences",
        {**others, "ours": ours},
        Floor(model).paths(n, len(tokens), sender.layer),
        note="keys are shared: no other way cuts one head's" if shared else "",
    )
