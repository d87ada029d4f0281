"""The grid as a gradient sees it: every replacement estimated from one forward and one backward."""

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from helpers.interventions.fast.sweep import Component
from helpers.interventions.values import AblationValues
from helpers.metrics import TargetPart, part_slice, token_log_probs
from helpers.models import Model, Site
from helpers.progress import progress
from helpers.running import batch_slices, run_for_gradient, sequences_at_once, with_gradients


def estimate_positions(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    n: int,
    values: AblationValues,
    component: Component,
    *,
    part: TargetPart = "second_blog",
    label: str = "",
) -> Float[Tensor, "batch layer unit position"]:
    """Attribution patching: what replacing each output would do to the mean loss, to first order.

    estimate[b, l, u, p] = grad_l[p] · (value_l[p] - out_l[p]), where grad is the gradient of the
    mean loss over the targets of `part` with respect to the output, at the clean run. In nats, an
    estimate of the mean over those targets of `replace_positions`: exact to first order, so good
    for small replacements and blind to what saturates.

    Args:
        model: The model.
        tokens: `[BOS, r, r]`, pos = 2N + 1.
        n: Length N of the repeated half.
        values: What would be put there.
        component: "mlp_out", "attn_out" or "z" (single heads).
        part: Over which targets the loss is averaged.
        label: What it is for, in a few words, if it shall show a bar.

    Returns:
        Estimates; entry i of position is position N + 1 + i.

    Source: Nanda 2023, Attribution Patching; Syed et al. 2023.
    """
    targets = part_slice(part, n)
    span = slice(targets.start, targets.stop + 1)  # from what predicts the first to the last target
    second_half = slice(n + 1, None)
    estimates = []
    batches = list(batch_slices(len(tokens), sequences_at_once(model, tokens.shape[1])))
    for rows in progress(batches, label):
        with model.from_row(rows.start), with_gradients():
            final, outputs = run_for_gradient(model, tokens[rows], component)
            ids = tokens[rows, span].clone().to(final.device)
            loss = -token_log_probs(model.unembed(final[:, span]), ids).mean(1)
            gradients = torch.autograd.grad(loss.sum(), outputs)
        of_layers = []
        for layer, (output, gradient) in enumerate(zip(outputs, gradients, strict=True)):
            value = values.at(Site(component, layer), rows, second_half)
            change = value - output.detach()[:, second_half]
            slope = gradient[:, second_half]
            if component == "z":
                found = einsum(slope, change, "b pos head d, b pos head d -> b head pos")
            else:
                found = einsum(slope, change, "b pos d, b pos d -> b pos")[:, None]
            of_layers.append(found.cpu())
        estimates.append(torch.stack(of_layers, dim=1))
    return torch.cat(estimates)
