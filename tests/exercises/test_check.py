"""`check`: what it takes, what it says, what it never says."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from helpers import check
from helpers.exercises import ChoiceTask, DesignTask, FunctionTask, Judged, NumberTask, Trial

CHANCE = (1 / (np.arange(51, 101) + 1)).mean()
"""Induction chance level at N = 50: the mean of 1/52 … 1/101."""


@pytest.mark.parametrize(
    "answer",
    [
        CHANCE,
        0.0136,
        np.float32(CHANCE),
        np.array(CHANCE),
        np.array([CHANCE]),
        torch.tensor(CHANCE),
        torch.tensor([CHANCE], dtype=torch.float16, requires_grad=True),
        xr.DataArray(CHANCE),
        pd.Series([CHANCE]),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_a_number_of_any_kind_is_taken(answer):
    checked = check("induction chance level", answer, n=50)
    assert checked.right and repr(checked) == "✓ Right."


@pytest.mark.parametrize("answer", [None, ...])
def test_what_is_left_open_is_asked_and_stops_nothing(answer):
    checked = check("induction chance level", answer, n=50)
    assert not checked.right and "Not answered yet" in repr(checked)
    assert "evenly" in checked._repr_html_()
    assert checked._repr_html_().count("<details>") == 3


@pytest.mark.parametrize(
    "answer", [0.0, 0.012, 0.02, 0.5, 1, -1, 7, np.nan, np.inf, [0.1, 0.2], []]
)
def test_a_wrong_number_gets_a_hint_and_never_the_answer(answer):
    checked = check("induction chance level", answer, n=50)
    said = checked._repr_html_() + repr(checked)
    assert not checked.right and checked.judged.said
    assert not re.search(r"0\.013[0-9]|1\.3[0-9] ?%", said)


@pytest.mark.parametrize("n, near, far", [(50, 0.014, 0.019), (20, 0.035, 0.045)])
def test_near_is_not_right(n, near, far):
    assert check("induction chance level", near, n=n).judged.state == "near"
    assert check("induction chance level", far, n=n).judged.state == "wrong"


@pytest.mark.parametrize(
    "answer", ["0.0136", b"1", "a word", True, {}, object(), [[1], [2, 3]], 1j]
)
def test_what_is_no_number_is_refused_with_the_way_out(answer):
    with pytest.raises(TypeError, match="number"):
        check("induction chance level", answer, n=50)


def test_an_unknown_name_and_a_missing_setting_name_the_way_out():
    with pytest.raises(ValueError, match="induction chance level"):
        check("induction chance", 0.1, n=50)
    with pytest.raises(TypeError, match="needs n as keywords"):
        check("induction chance level", 0.1)
    with pytest.raises(TypeError, match="needs n as keywords"):
        check("induction chance level", 0.1, n=50, model=None)


def test_one_wrong_element_is_rejected_and_placed():
    truth = np.arange(6.0).reshape(2, 3)
    task = NumberTask(truth=truth, within=0.1)
    assert task.judge(truth + 0.05).state == "right"
    changed = truth.copy()
    changed[1, 2] += 0.5
    assert task.judge(torch.tensor(changed)) == Judged(
        "wrong", "Wrong in 1 places, first at [1, 2]."
    )
    assert "shape (6,)" in task.judge(truth.ravel()).said
    assert task.judge(truth.T).state == "wrong"


def test_a_truth_of_zero_can_be_met():
    assert NumberTask(truth=0).judge(0).state == "right"
    assert NumberTask(truth=0).judge(0.1).state == "wrong"


def double(x):
    return 2 * x


TRIALS = FunctionTask(
    [Trial("one", (np.array(1.0),), 2.0, "twice"), Trial("two", (np.ones(2),), [2, 2], "all of it")]
)


@pytest.mark.parametrize(
    "answer, said",
    [
        (double, "All 2 trials pass"),
        (lambda x: 3 * x, "On one the result is wrong. twice"),
        (lambda x: 2.0, r"On two it returns shape \(\), where \(2,\) is asked for. all of it"),
        (lambda x: "two", "On one it returns 'two', which is no number"),
        (lambda x: 1 / 0, "On one it raises ZeroDivisionError"),
        (lambda: 1, "On one it raises TypeError"),
        (lambda x: 2 * x if x.ndim == 0 else None, "On two it returns nothing"),
        (lambda x: np.multiply(x, 2, out=x), "On one it changes what it is given"),
        (lambda x: torch.tensor(2 * x), "All 2 trials pass"),
    ],
)
def test_a_function_is_told_which_trial_fails(answer, said):
    assert re.search(said, TRIALS.judge(answer).said)


def test_a_function_that_is_not_written_yet_is_open():
    assert TRIALS.judge(lambda x: ...).state == "open"
    with pytest.raises(TypeError, match="without brackets"):
        TRIALS.judge(double(1))


def test_a_choice_and_a_design():
    choice = ChoiceTask(truth="key", options={"query": "asks", "key": "", "value": "carries"})
    assert choice.judge(" Key").state == "right" and choice.judge("value").said == "carries"
    with pytest.raises(ValueError, match='"query", "key", "value"'):
        choice.judge("keys")
    design = DesignTask(list, {"two": lambda x: len(x) == 2, "rising": lambda x: x[0] < x[1]})
    assert [design.judge(x).said for x in ("a", "ba")] == ["two", "rising"]
    assert design.judge("ab").state == "right"


def test_hostile_answers_stay_text():
    def function(pattern, n):
        raise ValueError("<img src=x onerror=alert(1)>")

    assert "<img" not in check("duplicate_score", function)._repr_html_()
