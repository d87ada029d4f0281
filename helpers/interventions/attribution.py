"""The grid as a gradient sees it: every replacement estimated from one forward and one backward."""

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import batch_slices, run_for_gradient, sequences_at_once
from helpers.interventions.replacement import Replacement
from helpers.metrics import Part, part_slice, token_log_probs
from helpers.models import Model
from helpers.progress import Bar, Track, silent


def attribute_positions(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    replacement: Replacement,
    *,
    part: Part = "second_blog",
    track: Track = silent,
) -> Float[Tensor, "batch layer unit position"]:
    """Estimate what replacing each output does to the mean loss, without replacing anything.

    estimate[b, l, u, p] = grad_l[p] · (value_l[p] - out_l[p]), where grad is the gradient of the
    mean loss over the targets of `part` with respect to the output, at the clean run. In nats, an
    estimate of the mean over those targets of `replace_positions`: exact to first order, so good
    for small replacements and blind to what saturates.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        replacement: What would be put there, from `make_replacement`.
        part: Over which targets the loss is averaged.
        track: Shows how far the sample has come.

    Returns:
        Estimates; entry i of position is position N + 1 + i.

    Source: Nanda 2023, Attribution Patching; Syed et al. 2023.
    """
    targets = part_slice(part, n)
    span = slice(targets.start, targets.stop + 1)  # from what predicts the first to the last target
    shape = (len(tokens), model.n_layers, replacement.units, n)
    estimate = torch.zeros(shape)
    batches = batch_slices(len(tokens), sequences_at_once(model, tokens.shape[1]))
    with track(3 * len(tokens), "attributing") as bar:
        for rows in batches:
            estimate[rows] = _attribute(
                model, tokens[rows], span, replacement.of_sequences(rows), bar
            )
    return estimate


def _attribute(
    model: Model, tokens: Tensor, span: slice, replacement: Replacement, bar: Bar
) -> Float[Tensor, "batch layer unit position"]:
    """One batch: a run forward and one backward, which takes twice as long."""
    some = len(tokens)
    final, outputs = run_for_gradient(model, tokens, replacement.component, track=bar.part(some))
    for output in outputs:
        output.register_hook(lambda _gradient: bar.advance(2 * some / model.n_layers))
    log_prob = token_log_probs(model.unembed(final[:, span]), tokens[:, span].to(final.device))
    gradients = torch.autograd.grad(-log_prob.mean(1).sum(), outputs)
    estimates = []
    for layer, gradient in enumerate(gradients):
        change = replacement.value[layer] - replacement.clean[layer]
        slope = gradient[:, -change.shape[1] :]
        if replacement.component == "z":
            found = einsum(slope, change, "b pos head d, b pos head d -> b head pos")
        else:
            found = einsum(slope, change, "b pos d, b pos d -> b pos")[:, None]
        estimates.append(found.cpu())
    return torch.stack(estimates, dim=1)
