"""What depends on which heads: patterns without others, direct logits, and a few heads alone."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext

import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from helpers.heads import Head
from helpers.inputs import Input, about, read_repeated
from helpers.interventions import (
    RANDOM_SEQUENCES,
    AblationMethod,
    AblationValues,
    ablate,
    read_groups,
    sample_controls,
    sample_random_heads,
)
from helpers.interventions.fast import Removal, run_removals
from helpers.metrics import induction_score, part_slice
from helpers.models import CleanRun, Model, Site, can_replay, record
from helpers.progress import progress
from helpers.results import label_array
from helpers.running import (
    attention_patterns,
    batch_slices,
    direct_logits,
    sequences_at_once,
)

_SCORE = {"long_name": "induction score"}
_LOSS = {"long_name": "loss of the second half", "units": "nats"}


def score_without(
    model: Model,
    sample: Input,
    heads: str | Head | Iterable[str | Head],
    groups: Mapping[str, str | Head | Iterable[str | Head]],
    *,
    method: AblationMethod = "mean",
    draws: int = 20,
    first: int | None = None,
) -> xr.Dataset:
    """Induction scores of some heads with groups of other heads removed.

    Args:
        model: The model.
        sample: Repeated tokens.
        heads: The induction heads that are watched.
        groups: Name and heads of what is removed; empty groups are left out.
        method: What is put in their place; see `ablate`.
        draws: How many groups of random heads of the same layers to compare the first group with;
            they never hold a watched head.
        first: Measure only the first so many sequences; averages and other sequences' outputs
            are still taken from all.

    Returns:
        Dataset of `score` over `removed` ("nothing", then the groups), `head_name`, `sequence`,
        in [0, 1]; `random` over `removed`, `draw`, `head_name`: the same for random heads,
        averaged over the first 8 sequences (for "nothing" the score itself, for groups after
        the first NaN); `heads` over `removed`.

    Raises:
        ValueError: If there is no group, or a head does not exist.
    """
    sample = read_repeated(model, sample)
    watched, named = model.parse_heads(heads), read_groups(model, groups)
    measured = len(sample.tokens[:first])
    few = min(RANDOM_SEQUENCES, measured)
    drawn = sample_random_heads(
        next(iter(named.values())), model, draws=draws, seed=sample.seed, exclude=watched
    )
    every = [head for group in (*named.values(), *drawn) for head in group]
    sites = {Site("z", head.layer) for head in every}
    values = AblationValues(model, sample.tokens, sites, method=method, seed=sample.seed)
    groups_of, pos = [[], *named.values()], sample.tokens.shape[1]
    found = torch.zeros(len(groups_of), len(watched), measured, dtype=torch.float32)
    by_draw = torch.zeros(len(drawn), len(watched), few, dtype=torch.float32)
    lots = [(slice(0, few), [*groups_of, *drawn]), (slice(few, measured), groups_of)]
    steps = [
        (slice(whole.start + rows.start, whole.start + rows.stop), i, group)
        for whole, wanted in lots
        for rows in batch_slices(whole.stop - whole.start, sequences_at_once(model, pos))
        for i, group in enumerate(wanted)
    ]
    replay, run = can_replay(model, pos), None
    for rows, i, group in progress(steps, "watching heads without others"):
        tokens = sample.tokens[rows]
        if replay and i == 0:
            run = record(model, tokens)
        lowest = min((head.layer for head in group), default=model.n_layers)
        without = ablate(model, group, reference=values) if group else nullcontext()
        with model.from_row(rows.start), without:
            patterns = _patterns(model, tokens, watched, run, lowest)
        into, at = (found, i) if i < len(groups_of) else (by_draw, i - len(groups_of))
        into[at, :, rows] = induction_score(patterns, sample.n)
    random = torch.full((len(groups_of), draws, len(watched)), torch.nan, dtype=torch.float32)
    random[0], random[1] = found[0, :, :few].mean(-1), by_draw.mean(-1)
    coords = {"removed": ["nothing", *named], "head_name": [str(head) for head in watched]}
    return xr.Dataset(
        {
            "score": label_array(
                found, ("removed", "head_name", "sequence"), coords=coords, **_SCORE
            ),
            "random": label_array(
                random,
                ("removed", "draw", "head_name"),
                coords=coords,
                **_SCORE,
            ),
            "heads": ("removed", ["", *(", ".join(map(str, group)) for group in named.values())]),
        },
        attrs=about(model, sample, method=method, measured=measured, draws=draws),
    )


def attribute_logits(
    model: Model,
    sample: Input,
    groups: Mapping[str, str | Head | Iterable[str | Head]],
    *,
    draws: int = 20,
) -> xr.Dataset:
    """What each head adds, by itself, to the logit of the right token in the second half.

    Args:
        model: The model.
        sample: Repeated tokens.
        groups: Name and heads of groups whose parts are added up; empty ones are left out.
        draws: How many groups of random heads of the same layers to compare each with.

    Returns:
        Dataset of `direct` over `sequence`, `layer`, `head`: mean over targets N+2 … 2N of the
        head's own addition to the right token's logit, over what it adds to the average token;
        `total` over `sequence`: the whole logit, of which MLPs, embeddings and biases make the
        rest; `together` over `group`, `sequence`; and `random` over `group`, `draw`, averaged
        over sequences. See `helpers.running.direct_logits`.

    Raises:
        ValueError: If a head does not exist.
    """
    sample, named = read_repeated(model, sample), read_groups(model, groups)
    targets = part_slice("second", sample.n)
    parts = direct_logits(model, sample.tokens, targets=targets, label="attributing logits")
    direct = parts.heads.mean(-1)
    drawn = sample_controls(named.values(), model, draws=draws, seed=sample.seed)
    together = torch.stack([_sum(direct, heads) for heads in named.values()])
    random = torch.stack([_sum(direct, heads).mean() for heads in drawn]).view(len(named), draws)
    what = {"units": "logits", "long_name": "direct logit attribution"}
    group = {"group": list(named)}
    return xr.Dataset(
        {
            "direct": label_array(direct, ("sequence", "layer", "head"), coords=None, **what),
            "total": label_array(parts.total.mean(-1), ("sequence",), units="logits"),
            "together": label_array(together, ("group", "sequence"), coords=group, **what),
            "random": label_array(random, ("group", "draw"), coords=group, **what),
            "heads": ("group", [", ".join(map(str, heads)) for heads in named.values()]),
        },
        attrs=about(model, sample, draws=draws),
    )


def measure_faithfulness(
    model: Model,
    sample: Input,
    circuits: Mapping[str, str | Head | Iterable[str | Head]],
    *,
    method: AblationMethod = "mean",
    draws: int = 20,
    first: int | None = None,
) -> xr.Dataset:
    """Keep a few heads only, and remove all others: how much of the repeat is left?

    MLPs stay. faithfulness = (loss without any head - loss with the kept heads only)
    / (loss without any head - loss of the whole model): 1 keeps all, 0 keeps nothing.

    Args:
        model: The model.
        sample: Repeated tokens.
        circuits: Name and heads of what is kept; empty ones are left out.
        method: What is put in place of the other heads.
        draws: How many groups of random heads of the same layers to keep instead of the last
            circuit's.
        first: Measure only the first so many sequences; averages and other sequences' outputs
            are still taken from all.

    Returns:
        Dataset of `loss` over `kept` ("all heads", "no heads", then the circuits) and `sequence`:
        second-half loss, boundary left out, in nats; `random` over `kept`, `draw`, averaged over
        the first 8 sequences (NaN for all but the last); and `size` and `heads` over `kept`. The
        attribute `uniform` is the loss of a model that knows nothing, log V: without any head a
        model can be surer of what is wrong, and its loss higher.

    Raises:
        ValueError: If there is no circuit, or a head does not exist.
    """
    sample, named = read_repeated(model, sample), read_groups(model, circuits)
    measured = len(sample.tokens[:first])
    few = min(RANDOM_SEQUENCES, measured)
    drawn = sample_random_heads([*named.values()][-1], model, draws=draws, seed=sample.seed)
    kept = [model.heads(), [], *named.values()]
    removals = [Removal(heads, method, first) for heads in _others(model, kept)]
    removals += [Removal(heads, method, few) for heads in _others(model, drawn)]
    second = part_slice("second", sample.n)
    found = run_removals(
        model, sample.tokens, removals, targets=second, seed=sample.seed, label="keeping heads"
    )
    losses = [-log_prob[:, second].mean(-1) for log_prob in found]
    loss, of_drawn = torch.stack(losses[: len(kept)]), torch.stack(losses[len(kept) :])
    random = torch.full((len(kept), draws), torch.nan, dtype=torch.float32)
    random[-1] = of_drawn.mean(-1)
    coords = {"kept": ["all heads", "no heads", *named]}
    return xr.Dataset(
        {
            "loss": label_array(loss, ("kept", "sequence"), coords=coords, **_LOSS),
            "random": label_array(random, ("kept", "draw"), coords=coords, **_LOSS),
            "size": ("kept", [len(heads) for heads in kept]),
            "heads": (
                "kept",
                ["all", "", *(", ".join(map(str, heads)) for heads in named.values())],
            ),
        },
        attrs=about(
            model,
            sample,
            method=method,
            measured=measured,
            draws=draws,
            uniform=math.log(model.d_vocab),
        ),
    )


def _patterns(
    model: Model, tokens: Tensor, heads: Sequence[Head], run: CleanRun | None, first: int
) -> Float[Tensor, "head batch query key"]:
    """The patterns of heads, as the model is now; below layer `first` the clean run holds."""
    if run is None:
        return attention_patterns(model, tokens, heads)
    layers, found = [head.layer for head in heads], dict[int, Tensor]()
    keep = {Site("pattern", i): lambda value, i=i: found.update({i: value}) for i in layers}
    with model.hooked(keep):
        run.go_on(min(first, *layers), max(layers) + 1)
    return torch.stack([found[head.layer][:, head.head] for head in heads]).cpu()


def _sum(direct: Tensor, heads: Sequence[Head]) -> Tensor:
    return torch.stack([direct[:, head.layer, head.head] for head in heads]).sum(0)


def _others(model: Model, groups: Sequence[Sequence[Head]]) -> list[list[Head]]:
    """For each group all heads that are not in it."""
    return [[head for head in model.heads() if head not in set(keep)] for keep in groups]
