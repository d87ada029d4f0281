"""By which path does a previous-token head reach an induction head?"""

from collections.abc import Callable, Mapping, Sequence

import torch
import xarray as xr
from torch import Tensor

from helpers import interventions
from helpers.experiments.provenance import run_attrs
from helpers.forward import predict
from helpers.heads import Head
from helpers.interventions import PATHS, WAYS, Path, Removal
from helpers.metrics import induction_score, part_slice
from helpers.models import Model, Site
from helpers.progress import Track, track
from helpers.results import label_array
from helpers.tokens import RepeatedTokens

_CUTS: dict[str, tuple[Path, ...]] = {
    "nothing": (),
    **{path: (path,) for path in PATHS},
    "all three": PATHS,
}


def cut_paths(
    model: Model,
    sample: RepeatedTokens,
    senders: Sequence[Head],
    receivers: Sequence[Head],
    *,
    method: Removal = "mean",
) -> xr.Dataset:
    """Cut one path only: what the senders write, as the receivers' query, key or value sees it.

    The receivers' other inputs, and everything else, stay as in the clean run.

    Args:
        model: The model.
        sample: Repeated tokens.
        senders: Previous-token heads. Each receiver gets those in layers before its own.
        receivers: Induction heads, each with a sender in an earlier layer.
        method: What stands in for the senders; see `helpers.interventions.Removals`.

    Returns:
        Dataset over `way` ("direct": nothing in between; "any": what heads and MLPs in between
        make of the senders goes too) and `cut` ("nothing", "query", "key", "value", "all three"):
        `score` over `head_name`, `sequence`: induction score of each receiver with that path
        cut; and `effect` over `sequence`: change of the second-half loss, seam left out, with
        that path cut into all receivers together, in nats.

    Raises:
        ValueError: If a receiver has no sender in an earlier layer.
    """
    tokens, n, targets = sample.tokens, sample.n, part_slice("second", sample.n)
    earlier = [_earlier(senders, receiver) for receiver in receivers]
    scores = torch.zeros(len(WAYS), len(_CUTS), len(receivers), len(sample))
    effect = torch.zeros(len(WAYS), len(_CUTS), len(sample))
    steps = [(w, j) for w in range(len(WAYS)) for j in range(len(receivers))]
    cuts = list(_CUTS.values())
    work = [
        interventions.paths_work(
            model, tokens, earlier[j], receivers[j], cuts, way=WAYS[w], method=method
        )
        for w, j in steps
    ]
    run = model.n_layers * len(tokens) * (tokens.shape[1] + model.unembedding * n)
    runs = 1 + len(WAYS) * len(cuts)
    gathered: list[dict[Head, Tensor]] = []
    with track(sum(work) + runs * run, "cutting paths") as bar:
        clean = predict(model, tokens, targets=targets, track=bar.part(run)).log_prob.mean(-1)
        for (w, j), amount in zip(steps, work, strict=True):
            received = interventions.cut_paths(
                model,
                tokens,
                earlier[j],
                receivers[j],
                cuts,
                way=WAYS[w],
                method=method,
                seed=sample.seed,
                track=bar.part(amount),
            )
            if j == 0:
                gathered = [{} for _ in cuts]
            for c, (pattern, z) in enumerate(received):
                scores[w, c, j] = induction_score(pattern, n).cpu()
                gathered[c][receivers[j]] = z
            if j == len(receivers) - 1:
                for c, put_in in enumerate(gathered):
                    left = _with_gathered(model, tokens, put_in, targets, bar.part(run))
                    effect[w, c] = clean - left.mean(-1)
    coords = {"way": list(WAYS), "cut": list(_CUTS)}
    names = {"head_name": [str(head) for head in receivers]}
    return xr.Dataset(
        {
            "score": label_array(
                scores,
                ("way", "cut", "head_name", "sequence"),
                coords={**coords, **names},
                long_name="induction score",
            ),
            "effect": label_array(
                effect,
                ("way", "cut", "sequence"),
                coords=coords,
                long_name="change of the second-half loss",
                units="nats",
            ),
        },
        attrs={
            **run_attrs(model, sample),
            "senders": ", ".join(map(str, senders)),
            "method": method,
        },
    )


def _earlier(senders: Sequence[Head], receiver: Head) -> list[Head]:
    earlier = [head for head in senders if head.layer < receiver.layer]
    if not earlier:
        raise ValueError(f"No sender is in a layer before {receiver}: no path leads to it.")
    return earlier


def _with_gathered(
    model: Model, tokens: Tensor, gathered: Mapping[Head, Tensor], targets: slice, track: Track
) -> Tensor:
    """Log-probabilities with some heads' gathered values put in."""
    by_layer: dict[int, dict[int, Tensor]] = {}
    for head, z in gathered.items():
        by_layer.setdefault(head.layer, {})[head.head] = z

    def put(values: dict[int, Tensor]) -> Callable[[Tensor], Tensor]:
        def edit(z: Tensor) -> Tensor:
            edited = z.clone()
            for head, value in values.items():
                edited[:, :, head] = value
            return edited

        return edit

    hooks = {Site("z", layer): put(values) for layer, values in by_layer.items()}
    with model.hooked(hooks):
        return predict(model, tokens, targets=targets, batch_size=len(tokens), track=track).log_prob
