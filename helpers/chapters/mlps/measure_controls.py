"""Notebook 4, with controls: does the repeat need a layer more than other predictions do?"""

from collections.abc import Sequence

import torch
import xarray as xr
from jaxtyping import Int
from torch import Tensor

from helpers.chapters.mlps.measure import component_sites
from helpers.inputs import (
    Input,
    RepeatedTokens,
    about,
    read_control,
    read_repeated,
    sample_unrepeated_tokens,
)
from helpers.interventions import REMOVALS, AblationMethod, AblationValues
from helpers.interventions.fast import Component, replace_second_halves
from helpers.models import Model
from helpers.progress import progress
from helpers.results import label_array

CONTROLS = ("repeat", "first time", "text")


def ablate_layers(
    model: Model,
    sample: Input,
    *,
    text: Input | None = None,
    components: Sequence[Component] = ("mlp_out", "attn_out"),
    methods: Sequence[AblationMethod] = REMOVALS,
    first: int | None = None,
) -> xr.Dataset:
    """Remove a layer's outputs over N positions, where tokens repeat and where they do not.

    The same intervention on three inputs of 2N + 1 tokens: all outputs of one layer at positions
    N+1 … 2N are replaced. effect = loss with the replacement - loss without, averaged over the
    targets N+2 … 2N.

    | input      | tokens                  | what those positions hold                          |
    |------------|-------------------------|----------------------------------------------------|
    | repeat     | `[BOS, r, r]`           | the second half: everything can be looked up       |
    | first time | `[BOS, r', r]`          | random tokens said for the first time, as in a     |
    |            |                         | first half, but at the same positions              |
    | text       | `[BOS, ordinary text]`  | text that goes on                                  |

    What the claims compare is mean ablation. Where it is among the methods, the other methods are
    measured on the repeat only: how much of an answer belongs to the method shows there.

    Args:
        model: The model.
        sample: Repeated tokens.
        text: Ordinary text of 2N tokens a sequence, as many as the sample has; drawn with its seed
            if not given.
        components: "mlp_out" and "attn_out", or one of them.
        methods: "zero", "mean" (over sequences, position by position) and "resample" (another
            sequence's), or some of them; see `helpers.interventions.AblationValues`.
        first: Measure only the first so many sequences; averages and other sequences' outputs
            are still taken from all.

    Returns:
        Dataset of `effect` over `component`, `removal`, `input`, `sequence` and `layer`, in nats;
        NaN where it was not measured.

    Raises:
        UnsupportedModelError: If the model has no MLPs, and MLPs are asked for.
        ValueError: If the text has another length or fewer sequences, or a method is unknown.
    """
    sites = [site for component in components for site in component_sites(model, component)]
    sample = read_repeated(model, sample)
    text = read_control(model, text, sample)
    if text.tokens.shape[1] != sample.tokens.shape[1] or len(text) < len(sample):
        raise ValueError(
            f"{len(sample)} sequences of {2 * sample.n} tokens want as much text, got {len(text)} "
            f"of {text.tokens.shape[1] - 1}: sample_text(model, length={2 * sample.n}, "
            f"sequences={len(sample)})."
        )
    inputs = (sample.tokens, said_for_the_first_time(model, sample), text.tokens[: len(sample)])
    few = slice(0, first)
    measured = len(sample.tokens[few])
    shape = (len(components), len(methods), len(inputs), measured, model.n_layers)
    effect = torch.full(shape, torch.nan, dtype=torch.float32)
    on_controls: Sequence[AblationMethod] = [
        method for method in methods if method == "mean"
    ] or methods
    for i, tokens in enumerate(progress(inputs, "replacing layers")):
        ways = methods if i == 0 else on_controls
        wanted = dict.fromkeys(ways, sites)
        values = AblationValues.take(model, tokens, wanted, seed=sample.seed, first=measured)
        every: list[tuple[Component, AblationValues]] = [
            (component, values[method]) for component in components for method in ways
        ]
        found = replace_second_halves(model, tokens[few], sample.n, every)
        for (component, taken), each in zip(every, found, strict=True):
            c, m = components.index(component), methods.index(taken.method)
            effect[c, m, i] = each[:, :, 0, 1:].mean(-1)
    labelled = label_array(
        effect,
        ("component", "removal", "input", "sequence", "layer"),
        coords={"component": list(components), "removal": list(methods), "input": list(CONTROLS)},
        long_name="change of the loss",
        units="nats",
    )
    return xr.Dataset(
        {"effect": labelled},
        attrs=about(model, sample, measured=measured, text=text.source),
    )


def said_for_the_first_time(model: Model, sample: RepeatedTokens) -> Int[Tensor, "batch pos"]:
    """The same second half after other tokens: `[BOS, r', r]`, where r' holds nothing of r.

    Args:
        model: The model.
        sample: Repeated tokens, drawn without replacement.
    """
    drawn = sample_unrepeated_tokens(
        model, n=sample.n, sequences=len(sample), seed=sample.seed
    )  # [BOS, r, r'] with the r of that seed
    other = drawn[:, sample.n + 1 :]
    return torch.cat([sample.tokens[:, :1], other, sample.tokens[:, sample.n + 1 :]], dim=1)
