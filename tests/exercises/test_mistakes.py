"""Every exercise in its chapter, its solution, and the mistakes that people make."""

import re
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from helpers import ablate, check, get_attention, load_model, sample_repeated_tokens, scan
from helpers.chapters import loss
from helpers.exercises import EXERCISES, NumberTask

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))


@cache
def given(name: str, n: int) -> dict:
    """What a chapter hands to an exercise, on mini."""
    model = load_model("mini")
    sample = sample_repeated_tokens(model, n=n, sequences=8)

    def scores():
        return scan.score_heads(model, sample)

    def stripes():
        previous, induction = scan.find_pair(scores())
        rows = np.arange(n + 1, 2 * n + 1)
        stripe = get_attention(model, sample, induction)[0].values[rows, rows - n + 1]
        with ablate(model, previous, reference=sample):
            left = get_attention(model, sample, induction)[0].values[rows, rows - n + 1]
        return {"stripe": stripe, "left": left}

    makers = {
        "loss of a blind guess": lambda: {"model": model},
        "accuracy of the second half": lambda: {"measured": loss.measure_loss(model, sample)},
        "induction chance level": lambda: {"n": n},
        "heads that stand out": lambda: {"scores": scores()},
        "a control without a repeat": lambda: {"sample": sample},
        "where the induction head looks": lambda: {"n": n, "query": n + 10},
        "what is left of the stripe": stripes,
    }
    return makers.get(name, dict)()


NUMBERS = [
    name for name in EXERCISES if isinstance(EXERCISES[name].make(**given(name, 20)), NumberTask)
]


@pytest.mark.parametrize("n", [20, 50])
@pytest.mark.parametrize("name", NUMBERS)
def test_the_truth_is_right_and_every_mistake_gets_its_own_hint(name, n):
    task = EXERCISES[name].make(**given(name, n))
    assert isinstance(task, NumberTask)
    assert check(name, task.truth, **given(name, n)).right
    margin = task.within or 0.0
    for value in task.mistakes.values():
        checked = check(name, value, **given(name, n))
        if np.allclose(value, task.truth, atol=margin):  # right on this model
            continue
        same = {other for other, v in task.mistakes.items() if np.isclose(v, value, atol=margin)}
        assert checked.judged.state == "wrong" and checked.judged.said in same | {task.outside}


DUPLICATE = {
    "p[..., q, q - n + 1].mean(-1)": "copy is at q - n",
    "p[..., q, q - 1].mean(-1)": "copy is at q - n",
    "p[..., q - n, q].mean(-1)": "copy is at q - n",
    "p.max(-1)[..., q].mean(-1)": "another score",
    "np.diagonal(p, -n, -2, -1).mean(-1)": "one entry more",
    "p[q, q - n].mean(-1)": "Index the last two axes",
    "p[..., q, q - n].mean()": "average the last one only",
    "p[..., q, q - n].sum(-1)": "every query of the second half counts",
    "p[..., q, q - n]": "shape",
}
IN_CONTEXT = {
    "x[:, :n].mean(-1) - x[:, -late:].mean(-1)": "Late minus early",
    "x[:, -late:].mean(-1) - x[:, : n + 1].mean(-1)": "The boundary belongs to neither",
    "x[:, -round(n / 5) :].mean(-1) - x[:, :n].mean(-1)": "a tenth of n, not of 2n",
    "x[:, n + 1 :].mean(-1) - x[:, :n].mean(-1)": "a tenth of n",
    "x[:, n + 1 : n + 1 + late].mean(-1) - x[:, :n].mean(-1)": "a tenth of n",
    "x[:, -late:].mean() - x[:, :n].mean()": "shape",
    "x[:, -late:].sum(-1) - x[:, :n].sum(-1)": "Late minus early",
    "x[:, 2 * n - n // 10 :].mean(-1) - x[:, :n].mean(-1)": "take one target at least",
}
DISTANCE = {
    "(p * -back).sum(-1).mean(-1)": "Back is positive",
    "(size - 1 - p.argmax(-1)).mean(-1)": "Zero steps",
    "(np.arange(size) - p.argmax(-1)).mean(-1)": "Weigh every key",
    "(p * back).mean((-1, -2))": "written by hand the result is wrong",
    "(p * back).sum((-1, -2))": "written by hand the result is wrong",
    "(p * back).sum(-1)": "shape",
    "(p * back).sum(-1).mean()": "Sum over the last axis",
}
CONTROL = {
    "tokens": "still repeats",
    "torch.cat([tokens[:, : n + 1], tokens[:, 1 : n + 1].flip(1)], 1)": "order is gone",
    "torch.cat([tokens[:, : n + 1], tokens[:, 1 : n + 1].roll(1, 1)], 1)": "order is gone",
    "tokens[:, 1:]": "same length",
    "tokens[:, : n + 1]": "same length",
    "tokens.flip(1)": "begins with BOS",
    "torch.cat([tokens[:, : n + 1], tokens[:, :1].expand(-1, n)], 1)": "at the start only",
    "torch.cat([tokens[:, :-1], tokens.roll(1, 0)[:, 1:2]], 1)": "Some tokens",
}


def evaluated(source: str, **names: object) -> object:
    return eval(source, {"np": np, "torch": torch, **names})


def duplicate(source: str):
    return lambda p, n: evaluated(source, p=p, n=n, q=np.arange(n + 1, 2 * n + 1))


def in_context(source: str):
    return lambda x, n: evaluated(source, x=x, n=n, late=max(1, round(n / 10)))


def distance(source: str):
    def function(p):
        size = p.shape[-1]
        return evaluated(source, p=p, size=size, back=np.subtract.outer(range(size), range(size)))

    return function


def control(source: str):
    sample = given("a control without a repeat", 20)["sample"]
    return evaluated(source, tokens=sample.tokens, n=sample.n)


MISTAKES = [
    (name, read, source, hint)
    for name, read, told in [
        ("duplicate_score", duplicate, DUPLICATE),
        ("in_context_score", in_context, IN_CONTEXT),
        ("mean_distance", distance, DISTANCE),
        ("a control without a repeat", control, CONTROL),
    ]
    for source, hint in told.items()
]
"""What a reader writes, and what stands in the hint that catches it."""


@pytest.mark.parametrize("name, read, source, hint", MISTAKES)
def test_a_mistake_is_caught_by_its_own_hint(name, read, source, hint):
    checked = check(name, read(source), **given(name, 20))
    assert not checked.right and hint in checked.judged.said, checked


def test_there_are_enough_of_them():
    tasks = [EXERCISES[name].make(**given(name, 20)) for name in NUMBERS]
    assert len(MISTAKES) + sum(len(task.mistakes) for task in tasks) >= 40


def asked() -> dict[str, tuple[Path, list[str]]]:
    """By exercise the notebook that asks it, and the tags of the cells that check it."""
    found: dict[str, tuple[Path, list[str]]] = {}
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for name in re.findall(r'\bcheck\(\s*"([^"]+)"', cell.source):
                assert found.setdefault(name, (path, []))[0] == path
                found[name][1].extend(cell.metadata.get("tags", []))
    return found


def test_every_exercise_is_asked_once_and_solved_once():
    assert {name: tags for name, (_, tags) in asked().items()} == {
        name: ["exercise", "solution"] for name in EXERCISES
    }


def test_a_hint_says_no_more_than_it_must():
    for exercise in EXERCISES.values():
        assert exercise.question.endswith((".", "?")), exercise.name
        assert len({*exercise.hints}) == 3
        assert all(hint.endswith((".", "?")) for hint in exercise.hints), exercise.name
