"""What a model still says next as its heads are taken away, on a text that begins to repeat."""

from functools import cache

import numpy as np
import torch
import xarray as xr

from helpers.arguments import check_whole
from helpers.chapters.scan.measure import score_heads, select_groups
from helpers.heads import Head
from helpers.inputs import (
    Input,
    about,
    fitting_n,
    label_tokens,
    read_tokens,
    sample_repeated_tokens,
)
from helpers.interventions import AblationMethod, ablate
from helpers.interventions.ablate import SEQUENCES, N, take_values
from helpers.models import Model
from helpers.progress import progress
from helpers.results import NotMeasurableError, find_pair

REPEATING_TEXT = "the old king gave the gold ring to anna, and then the old king gave the gold"
"""A text that breaks off inside a repeat: what comes next stands after the first "gold"."""
METHODS: tuple[AblationMethod, ...] = ("mean", "zero")


def measure_ablated(
    model: Model,
    text: Input = REPEATING_TEXT,
    *,
    scores: xr.Dataset | None = None,
    draws: int = 8,
    seed: int = 0,
) -> xr.Dataset:
    """Probability of the token that would continue the repeat, as heads are taken away.

    p[row, removal] = softmax(logits at the last position)[target]. Let t be the last position and
    s < t the one with the longest run of tokens before it that also ends the text: the target is
    token s + 1. Rows take away nothing; the best 1, 2, 4, 6 … all induction heads; the best
    previous-token head in a layer before the best induction head; and all previous-token heads,
    if there are more. Beside each row as many other heads go: of all heads in neither group, in
    an order drawn anew for each draw, the first so many.

    Args:
        model: The model; which heads are removed is read off its scores.
        text: A text, token ids or a sample whose first sequence ends inside a repeat.
        scores: Result of `score_heads`; 32 repeated sequences are scored if not given.
        draws: How many orders of other heads.
        seed: Seed of the orders, and of the repeated sequences that scores and means are from.

    Returns:
        Dataset of `probability` over `row` and `removal` ("mean": each head's output becomes its
        mean over positions and sequences of a repeated random sample, see `ablate`; "zero": 0),
        in [0, 1], chance 1/V; NaN, and nothing else, if the model cannot read the text. `others`
        over `row`, `removal` and `draw`: as many other heads; `others_with_previous`: the same
        draws, their first head exchanged for the previous-token head. NaN where the model has too
        few. Along `row`: `kind` ("nothing", "induction", "previous_token"), `removed` (how many)
        and `heads`. Each number is exact for this one text: there is nothing to draw an interval
        over. Attributes: `target`, `previous` (empty if no head stands out), and `lacks`, why
        there is no group to take away, if so.

    Raises:
        ValueError: If the text cannot be read, or its last token stands nowhere before.
    """
    check_whole(draws=draws, seed=seed)
    try:
        tokens = read_tokens(model, text)[:1]
    except (
        NotMeasurableError
    ) as error:  # this model cannot read it: the rest of a chapter can go on
        nothing = (("row", "removal"), np.full((1, len(METHODS)), np.nan))
        return xr.Dataset(
            {"probability": nothing},
            coords={
                "removal": [*METHODS],
                "kind": ("row", ["nothing"]),
                "removed": ("row", [0]),
                "heads": ("row", [""]),
            },
            attrs=about(model, text, target="", previous="", lacks=str(error), draws=0, seed=seed),
        )
    target = find_continuation(tokens[0].tolist())
    n = fitting_n(model, N)
    sample = sample_repeated_tokens(model, n=n, sequences=SEQUENCES, seed=seed)
    scores = score_heads(model, sample) if scores is None else scores
    induction, earlier, previous, lacks = _find_groups(scores)
    every = [Head(layer, h) for layer in range(model.n_layers) for h in range(model.n_heads)]
    values = {
        method: take_values(model, every, method=method, reference=sample, seed=seed)
        for method in METHODS
    }

    @cache
    def without(heads: tuple[Head, ...], method: AblationMethod) -> float:
        if not heads:
            return float(model(tokens)[0, -1].softmax(-1)[target])
        with ablate(model, heads, reference=values[method]):
            return float(model(tokens)[0, -1].softmax(-1)[target])

    rest = [head for head in every if head not in {*induction, *earlier}]
    generator = torch.Generator().manual_seed(seed)
    orders = [
        [rest[i] for i in torch.randperm(len(rest), generator=generator).tolist()]
        for _ in range(draws)
    ]
    rows: list[tuple[str, list[Head]]] = [("nothing", [])]
    rows += [("induction", induction[:size]) for size in _sizes(len(induction))]
    rows += [("previous_token", earlier[:size]) for size in sorted({1, len(earlier)}) if earlier]
    probability = np.full((len(rows), len(METHODS)), np.nan)
    others = np.full((len(rows), len(METHODS), draws), np.nan)
    swapped = others.copy()
    for r, (_, heads) in enumerate(progress(rows, "removing heads")):
        size = len(heads)
        for m, method in enumerate(METHODS):
            probability[r, m] = without(tuple(heads), method)
            for d, order in enumerate(orders):
                if 0 < size <= len(rest):
                    others[r, m, d] = without(tuple(order[:size]), method)
                if previous and 0 < size <= len(rest):
                    swapped[r, m, d] = without((previous, *order[1:size]), method)
    word = label_tokens(model, torch.tensor([target]))[0]
    what = {"long_name": f"probability of {word}", "chance": 1 / model.d_vocab}
    return xr.Dataset(
        {
            "probability": (("row", "removal"), probability, what),
            "others": (("row", "removal", "draw"), others, what),
            "others_with_previous": (("row", "removal", "draw"), swapped, what),
        },
        coords={
            "removal": [*METHODS],
            "kind": ("row", [kind for kind, _ in rows]),
            "removed": ("row", [len(heads) for _, heads in rows]),
            "heads": ("row", [", ".join(map(str, heads)) for _, heads in rows]),
        },
        attrs=about(
            model,
            text,
            target=word,
            previous=str(previous or ""),
            lacks=lacks,
            reference=str(sample),
            draws=draws,
            seed=seed,
        ),
    )


def find_continuation(tokens: list[int]) -> int:
    """The token that came after the longest earlier run of tokens that also ends these.

    Of runs of one length the latest counts.

    Raises:
        ValueError: If the last token stands nowhere before.
    """
    longest, found = 0, None
    for place in range(1, len(tokens)):  # tokens[place - 1] would be the run's last
        run = 0
        while run < place and tokens[place - 1 - run] == tokens[-1 - run]:
            run += 1
        if run and run >= longest:
            longest, found = run, tokens[place]
    if found is None:
        raise ValueError(
            "The last token stands nowhere before, so nothing says what should follow. Let the "
            "input break off inside a repeat: … A B … A."
        )
    return found


def _find_groups(scores: xr.Dataset) -> tuple[list[Head], list[Head], Head | None, str]:
    """Induction heads, previous-token heads, the best of these in time, and what is lacking."""
    groups = select_groups(scores)
    induction = groups["induction"]
    if not induction:
        return [], [], None, "no head of it stands out as an induction head"
    try:
        previous, _ = find_pair(scores)
    except NotMeasurableError as error:
        return [], [], None, str(error)
    earlier = [head for head in groups["previous_token"] if head not in induction]
    if previous not in earlier:
        return induction, [], None, ""
    return induction, [previous, *(head for head in earlier if head != previous)], previous, ""


def _sizes(most: int) -> list[int]:
    """1, 2, 4, 6, then their doubles 12, 24 …, and all."""
    steps = [1, 2, 4, *(6 * 2**i for i in range(most.bit_length()))]
    return sorted({size for size in steps if size < most} | {most} - {0})
