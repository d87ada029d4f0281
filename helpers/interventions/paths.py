"""Cutting one path only: what earlier heads write, as one input of one later head sees it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from helpers.forward import Observer, batch_slices, observe, sequences_at_once
from helpers.heads import Head
from helpers.interventions.stand_ins import Edits, Removal, Removals, stand_ins_work
from helpers.models import Model, Site, SiteKind
from helpers.progress import Track, silent

Path = Literal["query", "key", "value"]
PATHS: tuple[Path, ...] = get_args(Path)
Way = Literal["direct", "any"]
WAYS: tuple[Way, ...] = get_args(Way)

_INPUT: dict[Path, SiteKind] = {"query": "q", "key": "k", "value": "v"}


class Received(NamedTuple):
    """What the receiving head does with the changed input.

    Args:
        pattern: Its attention pattern.
        z: What it gathers, before W_O: put it in to see what the rest of the model makes of it.
    """

    pattern: Float[Tensor, "batch query key"]
    z: Float[Tensor, "batch pos d_head"]


def cut_paths(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    senders: Sequence[Head],
    receiver: Head,
    cuts: Sequence[Sequence[Path]],
    *,
    way: Way = "direct",
    method: Removal = "mean",
    seed: int = 0,
    track: Track = silent,
) -> list[Received]:
    """Remove heads from some inputs of a later head, and from nothing else.

    | way    | change of the residual stream that the cut inputs are made from                 |
    |--------|---------------------------------------------------------------------------------|
    | direct | sum over senders of (stand-in z - z) W_O: what lies in between stays as it was   |
    | any    | all that changes before the receiver's layer when the senders are removed: what  |
    |        | other heads and MLPs in between make of them goes too                            |

    The changed stream goes through the layer's norm and is read by the inputs named in a cut; the
    receiver's other inputs are the clean run's.

    Args:
        model: The model.
        tokens: Sequences of one length, BOS first.
        senders: Heads in earlier layers.
        receiver: The head that reads.
        cuts: For each experiment the inputs to cut: "query", "key", "value" or several of them;
            none of them is the clean run.
        way: See above.
        method: What stands in for the senders, at every position but BOS; see `Removals`.
        seed: Seed of "resample".
        track: Shows how far it has come.

    Returns:
        For each cut the receiver's pattern and what it gathers, on the model's device.

    Raises:
        ValueError: If an input or way is unknown, a head does not exist, or a sender is not in an
            earlier layer.

    Source: Wang et al. 2022 (path patching). With way "direct" the same as TransformerLens'
    `get_act_patch_direct_path`, which refuses models that share keys; here shared keys are
    changed as this one head sees them.
    """
    _check(model, senders, receiver, cuts, way)
    found: list[list[Received]] = [[] for _ in cuts]
    before = Site("resid_pre", receiver.layer)
    inputs = _sites(receiver, *_INPUT.values(), "resid_pre", heads=senders)
    outputs = _sites(receiver, "pattern", "z")
    work = paths_work(model, tokens, senders, receiver, cuts, way=way, method=method)
    with track(work, "cutting paths") as bar:
        part = bar.part(stand_ins_work(model, tokens, [senders], method))
        removals = Removals(model, tokens, [senders], method=method, seed=seed, track=part)
        for rows in batch_slices(len(tokens), sequences_at_once(model, tokens.shape[1])):
            some, edits = tokens[rows], removals.edits(senders, rows)
            run = some.numel() * (receiver.layer + 1)
            clean = _see(model, some, inputs, bar.part(run))
            if way == "any":
                with model.hooked(edits):
                    change = _see(model, some, [before], bar.part(run))[before] - clean[before]
            else:
                change = _written(model, senders, clean, edits)
            for cut, parts in zip(cuts, found, strict=True):
                hooks = {before: _adding(change)}
                for name in set(PATHS) - set(cut):
                    site = Site(_INPUT[name], receiver.layer)
                    hooks[site] = _constant(clean[site])
                with model.hooked(hooks):
                    seen = _see(model, some, outputs, bar.part(run))
                pattern, z = (seen[site] for site in outputs)
                parts.append(Received(pattern[:, receiver.head], z[:, :, receiver.head]))
    return [Received(*(torch.cat(column) for column in zip(*p, strict=True))) for p in found]


def paths_work(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    senders: Sequence[Head],
    receiver: Head,
    cuts: Sequence[Sequence[Path]],
    *,
    way: Way = "direct",
    method: Removal = "mean",
) -> int:
    """What `cut_paths` does, in positions that enter a block: for a bar's total.

    Args:
        model: The model.
        tokens: As for `cut_paths`.
        senders: As for `cut_paths`.
        receiver: As for `cut_paths`.
        cuts: As for `cut_paths`.
        way: As for `cut_paths`.
        method: As for `cut_paths`.
    """
    runs = 1 + (way == "any") + len(cuts)
    before = stand_ins_work(model, tokens, [senders], method)
    return before + tokens.numel() * runs * (receiver.layer + 1)


def _check(
    model: Model,
    senders: Sequence[Head],
    receiver: Head,
    cuts: Sequence[Sequence[str]],
    way: str,
) -> None:
    unknown = [name for cut in cuts for name in cut if name not in PATHS]
    if unknown or way not in WAYS:
        raise ValueError(
            f"Unknown {'path' if unknown else 'way'} {(unknown or [way])[0]!r}; there are "
            f"{', '.join(PATHS if unknown else WAYS)}."
        )
    receiver.check(model.n_layers, model.n_heads)
    late = [head for head in senders if head.layer >= receiver.layer]
    if late:
        raise ValueError(f"{late[0]} is not in an earlier layer than {receiver}: no path.")


def _written(
    model: Model, senders: Sequence[Head], clean: Mapping[Site, Tensor], edits: Edits
) -> Float[Tensor, "batch pos d_model"]:
    """What the senders themselves would write less: (stand-in z - z) W_O, added up."""
    change = torch.zeros(*next(iter(clean.values())).shape[:2], model.d_model, device=model.device)
    for head in senders:
        site = Site("z", head.layer)
        less = edits[site](clean[site]) - clean[site]
        change += less[:, :, head.head] @ model.head_weights(head).W_O
    return change


def _sites(receiver: Head, *kinds: SiteKind, heads: Sequence[Head] = ()) -> list[Site]:
    return [
        *(Site(kind, receiver.layer) for kind in kinds),
        *{Site("z", head.layer) for head in heads},
    ]


def _see(model: Model, tokens: Tensor, sites: Sequence[Site], track: Track) -> dict[Site, Tensor]:
    kept: dict[Site, Tensor] = {}

    def keep(site: Site) -> Observer:
        def call(_rows: slice, value: Tensor) -> None:
            kept[site] = value.clone()

        return call

    observers = {site: keep(site) for site in sites}
    observe(model, tokens, observers, batch_size=len(tokens), track=track)
    return kept


def _constant(value: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda _activation: value


def _adding(change: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda residual: residual + change
