"""Notebook 8: how much better is text predicted the second time, and whose work is that?"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from helpers.heads import Head
from helpers.inputs import Input, TextSample, about, read_text
from helpers.interventions import RANDOM_SEQUENCES, AblationMethod, sample_random_heads
from helpers.interventions.fast import Removal, run_removals
from helpers.metrics import second_occurrences
from helpers.models import Model
from helpers.results import label_array, summarize

REMOVED = ("nothing", "induction heads")
KINDS = ("phrases", "said twice")

Places = tuple[Tensor, Tensor, Tensor]
"""Sequence, position the first time, position the second time."""


def measure_text_repeats(
    model: Model,
    text: Input,
    heads: str | Head | Iterable[str | Head],
    *,
    n: int = 50,
    draws: int = 20,
    method: AblationMethod = "mean",
) -> xr.Dataset:
    """How well text is predicted the second time it is said, with and without some heads.

    Two kinds of repeats: "phrases", the pairs of neighbouring tokens that a text says twice by
    itself (the second token of the pair is predicted, at its first and its second time), and
    "said twice", `[BOS, w_1 … w_n, w_1 … w_n]`, where w_2 … w_n are predicted both times. The
    boundary (the second w_1) is left out: nothing can predict it.

    Args:
        model: The model.
        text: Ordinary text.
        heads: The heads to remove, at every position but BOS.
        n: Tokens that are said twice.
        draws: How many groups of as many random heads of the same layers to remove instead.
        method: What is put in a head's place.

    Returns:
        Dataset of `log_prob` over `kind`, `removed` ("nothing", "induction heads"), `occurrence`
        ("first", "second") and `sequence`: mean over a sequence's repeats, nats, NaN where it has
        none; `random` over `kind`, `draw`, `occurrence`: the same with random heads removed,
        averaged over the first 8 sequences (attribute `random_sequences`); and `repeats` over
        `kind` and `sequence`, how many tokens were compared.

    Raises:
        ValueError: If there are no heads, or n does not fit the text or the model's context.
    """
    text, removed = read_text(model, text), model.parse_heads(heads)
    if not 2 <= n <= min(text.length, (model.n_ctx - 1) // 2):
        raise ValueError(
            f"n={n} cannot be said twice: choose 2 <= n <= "
            f"{min(text.length, (model.n_ctx - 1) // 2)}, which text and context allow."
        )
    few = min(RANDOM_SEQUENCES, len(text))
    drawn = sample_random_heads(removed, model, draws=draws, seed=text.seed)
    shape = (len(KINDS), len(REMOVED), 2, len(text))
    log_prob, repeats = (
        torch.full(shape, torch.nan, dtype=torch.float32),
        torch.zeros(len(KINDS), len(text), dtype=torch.float32),
    )
    random = torch.full((len(KINDS), draws, 2), torch.nan, dtype=torch.float32)

    removals = [Removal([], method), Removal(removed, method)]
    removals += [Removal(group, method, few) for group in drawn]
    for i, (tokens, places) in enumerate((_phrases(text), _twice(text, n))):
        read = torch.zeros(len(tokens), tokens.shape[1] - 1, dtype=torch.bool)
        row, *occurrences = places
        for place in occurrences:
            read[row, place - 1] = True  # target t is entry t - 1
        label = "removing heads on text"
        found = run_removals(model, tokens, removals, targets=read, seed=text.seed, label=label)
        log_prob[i], repeats[i] = _average(torch.stack(found[:2]), places)
        random[i] = _average(torch.stack(found[2:]), places)[0].nanmean(-1)
    coords = {"kind": list(KINDS), "removed": list(REMOVED), "occurrence": ["first", "second"]}
    what: dict[str, Any] = {"long_name": "log-probability of the target token", "units": "nats"}
    return xr.Dataset(
        {
            "log_prob": label_array(
                log_prob, ("kind", "removed", "occurrence", "sequence"), coords=coords, **what
            ),
            "random": label_array(random, ("kind", "draw", "occurrence"), **what),
            "repeats": label_array(repeats, ("kind", "sequence"), long_name="tokens compared"),
        },
        attrs=about(
            model,
            text,
            n=n,
            heads=", ".join(map(str, removed)),
            method=method,
            draws=draws,
            random_sequences=few,
        ),
    )


def summarize_text_repeats(repeats: xr.Dataset) -> pd.DataFrame:
    """How much better the second time is, and how much of that goes with the heads.

    Args:
        repeats: Result of `measure_text_repeats`.

    Returns:
        One row for each kind and what was removed ("nothing", "induction heads", "random heads"):
        `gain` = log-probability the second time minus the first, nats; `lost` = gain with nothing
        removed minus gain, on the same sequences; `share`, that as a share; each of the first two
        with `_low` and `_high`: a 95 % bootstrap interval over sequences, or, for random heads,
        the lowest and highest draw. NaN where there is nothing to compare.
    """
    rows = []
    few = int(repeats.attrs["random_sequences"])
    for kind in repeats["kind"].to_numpy().tolist():
        data = repeats["log_prob"].sel(kind=kind)
        gains = data.sel(occurrence="second") - data.sel(occurrence="first")
        clean, removed = (gains.sel(removed=name, drop=True) for name in REMOVED)
        drawn = repeats["random"].sel(kind=kind)
        drawn = (drawn.sel(occurrence="second") - drawn.sel(occurrence="first")).to_numpy()
        matched = float(clean.isel(sequence=slice(few)).mean())
        whole = float(clean.mean())
        for name, gain, lost, base in (
            ("nothing", _interval(clean), _interval(clean - clean), whole),
            ("induction heads", _interval(removed), _interval(clean - removed), whole),
            ("random heads", _range(drawn), _range(matched - drawn), matched),
        ):
            row: dict[str, object] = {"kind": kind, "removed": name}
            row |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
            row |= dict(zip(("lost", "lost_low", "lost_high"), lost, strict=True))
            rows.append({**row, "share": lost[0] / base})
    return pd.DataFrame(rows).set_index(["kind", "removed"])


def _phrases(text: TextSample) -> tuple[Tensor, Places]:
    return text.tokens, second_occurrences(text.tokens)


def _twice(text: TextSample, n: int) -> tuple[Tensor, Places]:
    said = text.tokens[:, 1 : n + 1]
    row = torch.arange(len(text)).repeat_interleave(n - 1)
    place = torch.arange(2, n + 1).repeat(len(text))
    return torch.cat([text.tokens[:, :1], said, said], dim=1), (row, place, place + n)


def _average(log_prob: Tensor, places: Places) -> tuple[Tensor, Tensor]:
    """Mean over each sequence's places, `[group, occurrence, sequence]`, and how many they are."""
    batch = log_prob.shape[1]
    row, *occurrences = (column[places[0] < batch] for column in places)
    count = torch.bincount(row, minlength=batch).float()
    sums = torch.zeros(len(log_prob), 2, batch, dtype=torch.float32)
    for i, place in enumerate(occurrences):
        sums[:, i].index_add_(1, row, log_prob[:, row, place - 1])  # target t is entry t - 1
    return torch.where(count > 0, sums / count, torch.nan), count


def _interval(values: xr.DataArray) -> tuple[float, float, float]:
    there = values.dropna("sequence")
    if there.sizes["sequence"] < 2:
        mean = float(there.mean()) if there.sizes["sequence"] else math.nan
        return mean, math.nan, math.nan
    summary = summarize(there)
    return float(summary["mean"]), float(summary["low"]), float(summary["high"])


def _range(values: np.ndarray) -> tuple[float, float, float]:
    return float(values.mean()), float(values.min()), float(values.max())
