"""Intervening in a model: while a context lasts everything that is run sees the change."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from helpers.arguments import check_whole, say_value
from helpers.heads import Head
from helpers.inputs import Input, Sample, fitting_n, read_tokens, sample_repeated_tokens
from helpers.interventions.values import (
    REMOVALS,
    AblationMethod,
    AblationValues,
    by_site,
    what_it_needs,
)
from helpers.models import Model, Part, check_model

SEQUENCES, N = 32, 50
"""Size of the sample of its own that values are taken from if no reference is given."""


@contextmanager
def ablate(
    model: Model,
    parts: str | Part | Iterable[str | Part],
    *,
    method: AblationMethod = "mean",
    reference: Input | AblationValues | None = None,
    seed: int = 0,
) -> Iterator[str]:
    """Take heads or layers out of the model while the context lasts.

        with ablate(model, ["L5H5", "L6H9"]):
            predict_next(model, text)

    Everything that is run inside sees it: predictions, patterns, a whole chapter's measure.
    Contexts may be nested and add up; values always come from the clean model. What stands at
    position 0 (BOS) is left as it is.

    Args:
        model: The model.
        parts: "L5H5" or `Head` for heads, "L3.mlp" or "L3.attn" for all that a layer writes; one
            or a list of them.
        method: What takes the place of their output: "zero"; "mean" over the sequences of the
            reference; "resample": that of another sequence of the reference. Where heads have value
            biases, "zero" leaves them in: they are folded into the layer's own bias, while zeroing
            z in plain transformers takes them out too. The other two are the same in both.
        reference: Input that values are taken from: a sample or token ids, at least two sequences
            but for "zero"; or `AblationValues` taken before. If none is given, 32 repeated
            sequences of the project's own. Where its length is the input's, values are taken
            position by position, else an average over all positions.
        seed: Seed of the sample of its own, and of which sequence is whose other one.

    Yields:
        What is done, in words: results measured inside name it.

    Raises:
        ValueError: If a part cannot be read or does not exist, or the method is unknown.
        UnsupportedModelError: If the model has no such outputs.
    """
    check_model(model)
    chosen = model.parse_parts(parts)
    values = take_values(model, chosen, method=method, reference=reference, seed=seed)
    words = f"ablate {', '.join(map(str, chosen))} ({values.words})"
    with model.intervened(words, values.hooks(model, chosen)):
        yield words


@contextmanager
def patch(
    model: Model,
    part: str | Part,
    value: Tensor | xr.DataArray | np.ndarray | float,
    *,
    positions: int | Iterable[int] | slice = slice(None),
) -> Iterator[str]:
    """Put a given value in the place of an activation while the context lasts.

        donor = activations(model, other_text, "L3.mlp")
        with patch(model, "L3.mlp", donor):
            predict_next(model, text)

    Args:
        model: The model.
        part: "L5H1" (what the head gathered, before W_O), "L3.mlp", "L3.attn", or a `Site`.
        value: What to put there: `[sequence, position, …]` as `activations` gives it, or anything
            that fits by broadcasting. Sequence i of the input gets row i.
        positions: Where; every position if not given. Of a value for all positions of the input
            those are taken.

    Yields:
        What is done, in words: results measured inside name it.

    Raises:
        ValueError: If the part does not exist, the value is not all numbers, or, when the model
            runs, the value does not fit or there is no such position.
        TypeError: If the value is none, or a position no whole number.
    """
    check_model(model)
    chosen, site = model.parse_activation(part)
    model.need(what_it_needs(site))
    if isinstance(value, xr.DataArray):
        lead = [dim for dim in ("sequence", "position") if dim in value.dims]
        value = value.transpose(*lead, ...)
        if (
            lead == ["sequence"] and site.kind != "pattern"
        ):  # one position's, for whichever is asked
            value = value.expand_dims("position", 1)
        value = value.to_numpy()
    given = _read_value(value).to(model.device)
    if site.kind == "pattern" and positions != slice(None):
        raise ValueError("A pattern is over heads, queries and keys: patch all of it, or none.")
    where = positions if isinstance(positions, slice) else _read_positions(positions)

    def put(activation: Tensor) -> Tensor:
        edited = activation.clone()
        target = edited[:, :, chosen.head] if isinstance(chosen, Head) else edited
        length = target.shape[1]
        for place in () if isinstance(where, slice) else where:
            if not -length <= place < length:
                raise ValueError(f"The input has positions 0 to {length - 1}, not {place}.")
        some = given
        if given.ndim == target.ndim and len(given) > 1:  # a row for each sequence
            some = given[model.now.first_row : model.now.first_row + len(target)]
        if some.ndim == target.ndim and some.shape[1] == target.shape[1] > 1:
            some = some[:, where]
        try:
            target[:, where] = some.to(target)
        except (RuntimeError, IndexError) as error:
            raise ValueError(
                f"A value of shape {tuple(given.shape)} does not fit {chosen}: the activation is "
                f"{tuple(target.shape)} over sequence, position … Take it from an input of the "
                "same length, or say at which positions."
            ) from error
        return edited

    at = "" if isinstance(where, slice) else f" at {', '.join(map(str, where))}"
    words = f"patch {chosen}{at} (a value of shape {tuple(given.shape)})"
    with model.intervened(words, {site: put}):
        yield words


def _read_value(value: Tensor | xr.DataArray | np.ndarray | float) -> Tensor:
    try:
        given = torch.as_tensor(None if isinstance(value, xr.Dataset) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{say_value(value)} cannot be put there: give what activations(model, input, part) "
            "returns, or numbers."
        ) from error
    if given.is_complex() or not given.isfinite().all():
        raise ValueError(
            "The value to put there is not all numbers: NaN, infinite or complex. Take it from "
            "activations(model, input, part)."
        )
    return given


def _read_positions(positions: int | Iterable[int]) -> list[int]:
    places = [*positions] if isinstance(positions, Iterable) else [positions]
    for place in places:
        if isinstance(place, (str, bool, np.bool_)):
            raise TypeError(f"positions are whole numbers, not {say_value(place)}.")
        check_whole(positions=place)
    return [int(place) for place in places]


def take_values(
    model: Model,
    parts: Sequence[Part],
    *,
    method: AblationMethod,
    reference: Input | AblationValues | None,
    seed: int,
) -> AblationValues:
    """Values for some parts, from the clean model: see `ablate`."""
    if isinstance(reference, AblationValues):
        return reference
    if method not in REMOVALS:
        raise ValueError(f"Unknown method {method!r}; there are {', '.join(REMOVALS)}.")
    check_whole(seed=seed)
    if reference is None:
        n = fitting_n(model, N)
        reference = sample_repeated_tokens(model, n=n, sequences=SEQUENCES, seed=seed)
    tokens = read_tokens(model, reference)
    words = str(reference) if isinstance(reference, Sample) else f"{len(tokens)} given sequences"
    return AblationValues(model, tokens, by_site(parts), method=method, seed=seed, words=words)
