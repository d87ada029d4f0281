"""Exercises of chapter 6: what a group costs, and what it is held against."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from helpers.exercises.check import exercise
from helpers.exercises.judged import as_numbers
from helpers.exercises.tasks import DesignTask, FunctionTask, NumberTask, Trial
from helpers.heads import Head, parse_heads
from helpers.models import Model


@exercise(
    "what the group costs",
    hints=(
        "With these heads the second half costs next to nothing. What would a model that cannot "
        "look back pay?",
        "A blind guess among V tokens costs log V nats; a model that is sure and wrong, more.",
        "The mean of `without - clean`.",
    ),
)
def group_cost(*, model: Model, clean: Any, without: Any) -> NumberTask:
    """By how many nats does the loss of the second half rise without the induction heads?"""
    before, after = (float(np.mean(as_numbers(loss))) for loss in (clean, without))
    truth = after - before
    return NumberTask(
        truth=truth,
        within=max(0.5, 0.15 * abs(truth)),
        mistakes={
            "That would be nothing: as if other heads made up for all of it.": 0.0,
            "A loss that rises is a positive change.": -truth,
        },
        least=-50.0,
        most=50.0,
        outside=f"A blind guess costs {np.log(model.d_vocab):.1f} nats.",
        otherwise="What does the model pay if nothing can be looked up?",
    )


@exercise(
    "a fair control",
    hints=(
        "Perhaps any heads would have done. Which heads would show that?",
        "Heads of other kinds, but as many, and in the same layers: later layers are hurt by less.",
        "`removal.sample_random_heads` draws such heads; look at what it takes.",
    ),
)
def fair_control(*, model: Model, group: Sequence[Head]) -> DesignTask:
    """Choose heads that would refute "it is just these heads": what must they share with them?"""
    layers = Counter(head.layer for head in group)
    rest = {layer: model.n_heads - count for layer, count in layers.items()}

    def read(answer: Any) -> list[Head]:
        if isinstance(answer, (str, Head)) or not isinstance(answer, Iterable):
            raise TypeError('Give a list of heads, for example ["L1H0", "L1H2"].')
        return [head.check(model.n_layers, model.n_heads) for head in parse_heads([*answer])]

    return DesignTask(
        read,
        {
            "No head may stand there twice.": lambda heads: len({*heads}) == len(heads),
            f"As many heads as the group has, which are {len(group)}: more heads cost more.": (
                lambda heads: len(heads) == len(group)
            ),
            "As many in each layer as the group has there: what is removed early hurts more "
            "layers.": lambda heads: Counter(head.layer for head in heads) == layers,
            "A head of the group itself is no control for it, where its layer has others.": (
                lambda heads: all(
                    head not in group or rest[head.layer] < layers[head.layer] for head in heads
                )
            ),
        },
    )


def _mean(z: np.ndarray) -> np.ndarray:
    changed = np.broadcast_to(z.mean(0), z.shape).copy()
    changed[:, 0] = z[:, 0]
    return changed


@exercise(
    "mean_ablated",
    hints=(
        "The mean is over sequences: what a head gathers at a position, whatever the tokens.",
        "Each position has its own mean, and BOS keeps what it has.",
        "Copy `z`, then put `z[:, 1:].mean(0)` into all sequences from position 1 on.",
    ),
)
def mean_ablated() -> FunctionTask:
    """Write `mean_ablated(z)`: what stands in for a head's output under mean ablation.

    `z` is `[sequence, position, d_head]`; the mean is over sequences, position by position, and
    position 0 (BOS) keeps its own.
    """
    random = np.random.default_rng(5).normal(size=(4, 6, 3))
    steps = np.arange(4.0)[:, None, None] + np.zeros((4, 5, 2))
    places = np.arange(5.0)[None, :, None] + np.zeros((3, 5, 2))
    single = np.arange(12.0).reshape(1, 6, 2)
    trials = [
        ("outputs that differ by position only", places, "Every position has a mean of its own."),
        ("outputs that differ by sequence only", steps, "The mean is over sequences; BOS stays."),
        ("outputs of all kinds", random, "All three axes stay: only the first is averaged."),
        ("a single sequence", single, "The mean of one is itself."),
    ]
    return FunctionTask([Trial(name, (given,), _mean(given), hint) for name, given, hint in trials])
