"""Every exercise in its chapter, its solution, and the mistakes that people make."""

import re
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from helpers import (
    Head,
    ablate,
    check,
    get_attention,
    load_model,
    log_probs,
    loss,
    paths,
    sample_repeated_tokens,
    scan,
)
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

    def losses():
        group = scan.select_groups(scores(), stand_in=True)["induction"]
        clean = -log_probs(model, sample.first(2))[:, n + 1 :].mean("position")
        with ablate(model, group, reference=sample):
            without = -log_probs(model, sample.first(2))[:, n + 1 :].mean("position")
        return {"model": model, "clean": clean, "without": without}

    def wrong_token():
        two, at = sample.first(2), n + n // 2
        broken = two.tokens.clone()
        broken[:, at] = sample.tokens[2:4, 1]
        return {"change": log_probs(model, broken) - log_probs(model, two), "at": at}

    def cuts():
        few = sample.first(2)
        return {"cuts": paths.measure_paths(model, few, [Head(0, 1)], [Head(1, 1), Head(2, 2)])}

    makers = {
        "one target in the grid": lambda: {"n": n},
        "circuit chance level": lambda: {"model": model},
        "what the group costs": losses,
        "a fair control": lambda: {"model": model, "group": [Head(1, 1), Head(2, 2), Head(2, 6)]},
        "the input that carries the note": cuts,
        "targets that a wrong token costs": wrong_token,
        "a control for saying it twice": lambda: {"some": sample.tokens[:3, :9]},
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


REACHED = {
    "2 * n - p + 1": "Its own token is not predicted from it",
    "2 * n - p": "no more than n targets",
    "n - p": "Its own token is not predicted from it",
    "min(n - 1, 2 * n - p)": "It predicts the boundary",
    "min(6, 2 * n - p)": "depends on n",
    "min(n, 2 * n - p - 1)": "Its own token is not predicted from it",
}
LARGEST = {
    "x.max(-1) / x.sum(-1)": "its size",
    "abs(x).max() / abs(x).sum()": "shape",
    "abs(x).max(-1) / abs(x.sum(-1))": "its size|must not cancel",
    "abs(x).max(-1)": "all of it",
    "abs(x).max(-1) / x.shape[-1]": "all of it",
    "abs(x).mean(-1)": "all of it",
}
COPYING = {
    "(m.argmax(0) == np.arange(len(m))).mean()": "Compare within a row",
    "(m.argmin(-1) == np.arange(len(m))).mean()": "largest entry in its own place",
    "(np.diagonal(m) > 0).mean()": "not yet the largest",
    "(m.argmax(-1) == np.arange(len(m))).sum()": "largest entry in its own place",
    "(np.diagonal(m) > m.mean()).mean()": "Compare within a row|not yet the largest",
    "(m.argmax(-1) == np.arange(len(m)))": "shape",
    "(abs(m).argmax(-1) == np.arange(len(m))).mean()": "own entry is the smallest",
    "(np.diagonal(m) == m.max()).mean()": "Compare within a row|not yet the largest",
}
RANK = {
    "(1 / (1 + (m > np.diagonal(m)).sum(0))).mean()": "Along keys",
    "((m > np.diagonal(m)[:, None]).sum(-1)).mean()": "not 0",
    "(1 + (m > np.diagonal(m)[:, None]).sum(-1)).mean()": "gives 1/2",
    "1 / (1 + (m > np.diagonal(m)[:, None]).sum(-1)).mean()": "average 1 / rank, not ranks",
    "(1 / (m >= np.diagonal(m)[:, None]).sum()).mean()": "Rank 1 everywhere",
    "1 / (1 + (m > np.diagonal(m)[:, None]).sum(-1))": "shape",
}
MEAN = {
    "z.mean(0)": "shape",
    "np.broadcast_to(z.mean(0), z.shape)": "BOS stays",
    "np.broadcast_to(z.mean((0, 1)), z.shape)": "mean of its own",
    "np.broadcast_to(z.mean(1, keepdims=True), z.shape)": "mean of its own",
    "np.zeros_like(z)": "mean of its own",
    "np.concatenate([z[:, :1], 0 * z[:, 1:]], 1)": "mean of its own",
    "np.roll(z, 1, 0)": "mean is over sequences",
}
FAIR = {
    "['L1H1', 'L2H2', 'L2H6']": "no control for it",
    "['L1H2', 'L2H1', 'L2H2']": "no control for it",
    "['L1H2', 'L2H1']": "As many heads",
    "['L1H2', 'L2H1', 'L2H3', 'L2H4']": "As many heads",
    "['L1H2', 'L2H1', 'L2H1']": "twice",
    "['L3H1', 'L3H2', 'L3H3']": "As many in each layer",
    "['L1H2', 'L1H3', 'L2H1']": "As many in each layer",
}
CARRIES = {"'query'": "token that looks", "'value'": "cannot change where"}
FAITHFUL = {
    "(kept - whole) / (none - whole)": "With all of them it is 1",
    "kept / whole": "With none of them it is 0",
    "whole / kept": "With none of them it is 0",
    "none - kept": "With all of them it is 1",
    "(none - kept) / none": "With all of them it is 1",
    "np.clip((none - kept) / (none - whole), 0, 1)": "do not cut it off",
    "float(np.mean((none - kept) / (none - whole)))": "shape",
}
DIRECT = {
    "(z @ W * d).sum()": "shape",
    "(z @ W * d).sum(0)": "shape|One target for each|result is wrong",
    "abs(z @ W * d).sum(-1)": "The sign tells",
    "(z @ W * d).mean(-1)": "Each position gives 1",
    "(z @ W * d).sum(-1) / np.linalg.norm(d, axis=-1)": "One target for each|taken as",
    "(z @ W) @ d.T": "shape",
    "(z @ W).sum(-1)": "Nothing points there|The sign",
}
KNOWN = {
    "1 / size": "Nothing follows what it followed before|begins",
    "1 - 1 / size": "There is one piece|three pieces",
    "1 - (n // size) / n": "three pieces",
    "-(-n // size) / n": "Nothing follows|every second|Every second|begins",
    "(size - 1) / n": "Every second token",
    "1 - (n / size) / n": "three pieces",
}
TWICE = {
    "some": "as long as the text said twice",
    "torch.cat([some, some], 1)": "as long as the text said twice",
    "torch.cat([some, some[:, 1:]], 1)": "it was said before",
    "torch.cat([some[:, :1], some[:, 1:].flip(1), some[:, 1:]], 1)": "in another order",
    "torch.cat([some, some.roll(1, 0)[:, 1:]], 1)": "very text",
    "torch.cat([some[:, 1:2], some.roll(1, 0)[:, 1:], some[:, 1:]], 1)": "BOS stands in front",
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


def plain(*names: str):
    """A function of these arguments, from what its last line says."""

    def read(source: str):
        return eval(f"lambda {', '.join(names)}: {source}", {"np": np})

    return read


def twice(source: str):
    return evaluated(source, some=given("a control for saying it twice", 20)["some"])


MISTAKES = [
    (name, read, source, hint)
    for name, read, told in [
        ("duplicate_score", duplicate, DUPLICATE),
        ("in_context_score", in_context, IN_CONTEXT),
        ("mean_distance", distance, DISTANCE),
        ("a control without a repeat", control, CONTROL),
        ("targets_reached", plain("p", "n"), REACHED),
        ("largest_share", plain("x"), LARGEST),
        ("copying_share", plain("m"), COPYING),
        ("mean_reciprocal_rank", plain("m"), RANK),
        ("mean_ablated", plain("z"), MEAN),
        ("a fair control", evaluated, FAIR),
        ("the input that carries the note", evaluated, CARRIES),
        ("faithfulness_of", plain("kept", "whole", "none"), FAITHFUL),
        ("direct_share", plain("z", "W", "d"), DIRECT),
        ("known_share", plain("size", "n"), KNOWN),
        ("a control for saying it twice", twice, TWICE),
    ]
    for source, hint in told.items()
]
"""What a reader writes, and what stands in the hint that catches it."""


@pytest.mark.parametrize("name, read, source, hint", MISTAKES)
def test_a_mistake_is_caught_by_its_own_hint(name, read, source, hint):
    checked = check(name, read(source), **given(name, 20))
    assert not checked.right and re.search(hint, checked.judged.said), checked


def test_there_are_enough_of_them():
    tasks = [EXERCISES[name].make(**given(name, 20)) for name in NUMBERS]
    assert len(EXERCISES) >= 20
    assert len(MISTAKES) + sum(len(task.mistakes) for task in tasks) >= 100


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
