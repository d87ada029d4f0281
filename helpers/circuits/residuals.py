"""What the residual stream holds at a token that stands alone after BOS, for every token."""

import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor

from helpers.forward import batch_slices, observe
from helpers.models import Model, NotReplayableError, Site, cache_directory, record
from helpers.progress import Track, silent
from helpers.tokens import bos_token

_TRIED = 4
_TOLERANCE = 1e-3


def token_residuals(
    model: Model,
    layers: Sequence[int],
    *,
    tokens: Int[Tensor, " token"] | None = None,
    track: Track = silent,
) -> list[Float[Tensor, "token d_model"]]:
    """Residual stream at the token of `[BOS, token]`, before chosen layers.

    BOS is run once: what a token sees of it are the same keys and values for all. The whole
    vocabulary is computed once and kept on disk, by model and layer; a sample of tokens is
    looked up there if it can be, else computed and not kept.

    Args:
        model: The model.
        layers: Before which layers; `n_layers` means after the last one.
        tokens: Ids of the tokens; the whole vocabulary if not given.
        track: Shows how far the tokens have come.

    Returns:
        One tensor a layer, in the order of `layers`, on the model's device.

    Raises:
        ValueError: If there is no such layer.
    """
    for layer in layers:
        if not 0 <= layer <= model.n_layers:
            raise ValueError(f"{model.name} has layers 0 to {model.n_layers}, not {layer}.")
    kept = {layer: _load(model, layer, tokens) for layer in set(layers)}
    missing = sorted(layer for layer, found in kept.items() if found is None)
    ids = torch.arange(model.d_vocab) if tokens is None else tokens
    with track(len(ids) * max(missing, default=0), "running every token") as bar:
        if missing:
            computed = _compute(model, missing, ids, bar.part(bar.total))
            for layer, made in zip(missing, computed, strict=True):
                kept[layer] = made
                if tokens is None:
                    _save(model, layer, made)
    return [kept[layer].to(model.device) for layer in layers]  # type: ignore[union-attr]


def _compute(
    model: Model, layers: list[int], ids: Int[Tensor, " token"], track: Track
) -> list[Float[Tensor, "token d_model"]]:
    """Replay single tokens after BOS, if that gives what whole runs give."""
    few = ids[:_TRIED]
    plain = _run_plainly(model, layers, few, silent)
    try:
        tried = _replay(model, layers, few, silent)
        same = all(
            (a - b).norm() <= _TOLERANCE * b.norm() for a, b in zip(tried, plain, strict=True)
        )
    except NotReplayableError:
        same = False
    return (_replay if same else _run_plainly)(model, layers, ids, track)


def _replay(
    model: Model, layers: list[int], ids: Int[Tensor, " token"], track: Track
) -> list[Float[Tensor, "token d_model"]]:
    bos = bos_token(model)
    run = record(model, torch.tensor([[bos, bos]]))
    parts: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    with track(len(ids) * max(layers), "running every token") as bar:
        for rows in batch_slices(len(ids), model.tokens_at_once):
            (residual,) = _run_plainly(model, [0], ids[rows], silent)
            residual = residual[:, None]
            sequence = torch.zeros(len(residual), dtype=torch.long)
            for layer in range(max(layers) + 1):
                if layer > 0:
                    residual = run.block(layer - 1, residual, sequence=sequence, start=1)
                    bar.advance(len(residual))
                if layer in parts:
                    parts[layer].append(residual[:, 0])
    return [torch.cat(parts[layer]) for layer in layers]


def _run_plainly(
    model: Model, layers: list[int], ids: Int[Tensor, " token"], track: Track
) -> list[Float[Tensor, "token d_model"]]:
    sites = [
        Site("resid_pre", layer) if layer < model.n_layers else Site("resid_post", layer - 1)
        for layer in layers
    ]
    parts: dict[Site, list[Tensor]] = {site: [] for site in sites}
    inputs = torch.stack([torch.full_like(ids, bos_token(model)), ids], dim=1)

    def keeper(into: list[Tensor]):
        return lambda _rows, residual: into.append(residual[:, 1].clone())

    observe(
        model,
        inputs,
        {site: keeper(parts[site]) for site in sites},
        track=track,
        label="running every token",
    )
    return [torch.cat(parts[site]) for site in sites]


def _path(model: Model, layer: int) -> Path | None:
    """File of a layer; None if nothing pins the weights, so that nothing may be kept."""
    if model.source.revision == "unpinned":
        return None
    made_by = f"{model.source.revision} transformer-lens {version('transformer-lens')}"
    key = hashlib.sha256(made_by.encode()).hexdigest()[:16]
    name = model.name.replace("/", "--")
    return cache_directory() / "residuals" / f"{name}-{key}" / f"before-{layer}.safetensors"


def _load(
    model: Model, layer: int, tokens: Int[Tensor, " token"] | None
) -> Float[Tensor, "token d_model"] | None:
    path = _path(model, layer)
    if path is None or not path.is_file():
        return None
    whole = load_file(path)["residual"]
    return whole if tokens is None else whole[tokens]


def _save(model: Model, layer: int, residual: Float[Tensor, "token d_model"]) -> None:
    path = _path(model, layer)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    save_file({"residual": residual.cpu().contiguous()}, partial)
    partial.replace(path)
