"""What the residual stream holds at a token that stands alone after BOS, for every token."""

import hashlib
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from helpers.inputs import bos_token
from helpers.models import Model, Site, cache_directory, can_replay, record
from helpers.progress import progress
from helpers.results import write_whole
from helpers.running import batch_slices, collect


def token_residuals(
    model: Model,
    layers: Sequence[int],
    *,
    tokens: Int[Tensor, " token"] | None = None,
    label: str = "",
) -> list[Float[Tensor, "token d_model"]]:
    """Residual stream at the token of `[BOS, token]`, before chosen layers.

    BOS is run once: what a token sees of it are the same keys and values for all. The whole
    vocabulary is computed once and kept on disk, by model and layer; a sample of tokens is
    looked up there if it can be, else computed and not kept.

    Args:
        model: The model.
        layers: Before which layers; `n_layers` means after the last one.
        tokens: Ids of the tokens; the whole vocabulary if not given.
        label: What it is for, in a few words, if it shall show a bar.

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
    if missing:
        computed = (_replay if can_replay(model, 2) else _run)(model, missing, ids, label)
        for layer, made in zip(missing, computed, strict=True):
            kept[layer] = made
            if tokens is None:
                _save(model, layer, made)
    return [kept[layer].to(model.device) for layer in layers]  # type: ignore[union-attr]


def _replay(
    model: Model, layers: list[int], ids: Int[Tensor, " token"], label: str = ""
) -> list[Float[Tensor, "token d_model"]]:
    """BOS is run once; single tokens go on from there."""
    bos = bos_token(model)
    run = record(model, torch.tensor([[bos, bos]]))
    parts: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    for rows in progress(list(batch_slices(len(ids), model.tokens_at_once)), label):
        (residual,) = _run(model, [0], ids[rows])
        residual = residual[:, None]
        sequence = torch.zeros(len(residual), dtype=torch.long)
        for layer in range(max(layers) + 1):
            if layer > 0:
                residual = run.block(layer - 1, residual, sequence=sequence, start=1)
            if layer in parts:
                parts[layer].append(residual[:, 0])
    return [torch.cat(parts[layer]) for layer in layers]


def _run(
    model: Model, layers: list[int], ids: Int[Tensor, " token"], label: str = ""
) -> list[Float[Tensor, "token d_model"]]:
    """By the book: `[BOS, token]` for every token."""
    sites = [
        Site("resid_pre", layer) if layer < model.n_layers else Site("resid_post", layer - 1)
        for layer in layers
    ]
    inputs = torch.stack([torch.full_like(ids, bos_token(model)), ids], dim=1)
    reduce = {site: lambda residual, _rows: residual[:, 1].clone() for site in sites}
    found = collect(model, inputs, reduce, label=label)
    return [found[site] for site in sites]


def _path(model: Model, layer: int) -> Path | None:
    """File of a layer; None where nothing may be kept or taken.

    If nothing pins the weights, or the model is not as its weights say: something is hooked in.
    """
    if model.source.revision == "unpinned" or not model.is_clean:
        return None
    made_by = f"{model.source.revision} transformer-lens {version('transformer-lens')}"
    key = hashlib.sha256(made_by.encode()).hexdigest()[:16]
    name = model.name.replace("/", "--")
    return cache_directory() / "residuals" / f"{name}-{key}" / f"before-{layer}.safetensors"


def _load(
    model: Model, layer: int, tokens: Int[Tensor, " token"] | None
) -> Float[Tensor, "token d_model"] | None:
    path = _path(model, layer)
    try:
        if path is None or not path.is_file():
            return None
        whole = load_file(path)["residual"]
    except (OSError, KeyError, SafetensorError):  # damaged or not for us: computed anew
        return None
    if whole.shape != (model.d_vocab, model.d_model):
        return None
    return whole if tokens is None else whole[tokens]


def _save(model: Model, layer: int, residual: Float[Tensor, "token d_model"]) -> None:
    path = _path(model, layer)
    if path is None:
        return
    stored = {"residual": residual.cpu().contiguous()}
    try:
        write_whole(path, lambda to: save_file(stored, to))
    except (OSError, SafetensorError) as error:
        warnings.warn(
            f"The cache {cache_directory()} cannot be written "
            f"({getattr(error, 'strerror', None) or error}): what is kept there is computed anew "
            "each time. HELPERS_CACHE names another folder.",
            stacklevel=2,
        )
