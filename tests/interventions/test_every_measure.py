"""Every measure of every chapter, inside an intervention and outside."""

import inspect

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from helpers import (
    Head,
    ablate,
    activations,
    attention,
    circuit,
    get_attention,
    log_probs,
    loss,
    mlps,
    paths,
    predict_next,
    removal,
    sample_repeated_tokens,
    sample_text,
    scan,
    select_heads,
    text,
    write_tokens,
)
from helpers.models import CleanRun

N = 8
PREVIOUS, INDUCTION = Head(0, 1), Head(1, 1)


class Case:
    """What the measures are called with."""

    def __init__(self, model) -> None:
        self.model = model
        self.sample = sample_repeated_tokens(model, n=N, sequences=3)
        self.passages = sample_text(model, length=2 * N, sequences=3)
        self.long = sample_text(model, length=50, sequences=3)
        self.scores = scan.score_heads(model, self.sample)
        self.groups = {"induction": "L1H1", "previous": [PREVIOUS], "none": []}


RUN = {
    "ablate_layers": lambda c: mlps.ablate_layers(
        c.model, c.sample, text=c.passages, components=["attn_out"], methods=["mean"], first=1
    ),
    "ablate_positions": lambda c: mlps.ablate_positions(c.model, c.sample, component="attn_out"),
    "ablate_second_half": lambda c: mlps.ablate_second_half(c.model, c.sample),
    "activations": lambda c: activations(c.model, c.sample, "L2.mlp"),
    "attribute_logits": lambda c: paths.attribute_logits(c.model, c.sample, c.groups, draws=2),
    "attribute_positions": lambda c: mlps.attribute_positions(c.model, c.sample, component="z"),
    "damage_repeat": lambda c: text.damage_repeat(c.model, c.sample, "L1H1"),
    "get_all_attention": lambda c: attention.get_all_attention(c.model, c.sample, sequences=2),
    "get_attention": lambda c: get_attention(c.model, c.sample, ["L1H1", "2.6"]),
    "log_probs": lambda c: log_probs(c.model, c.sample),
    "measure_ablated": lambda c: loss.measure_ablated(c.model, scores=c.scores, draws=1),
    "measure_faithfulness": lambda c: paths.measure_faithfulness(
        c.model, c.sample, {"pair": ["L0H1", INDUCTION]}, draws=2
    ),
    "measure_loss": lambda c: loss.measure_loss(c.model, c.sample),
    "measure_paths": lambda c: paths.measure_paths(c.model, c.sample, "L0H1", ["L1H1", Head(1, 0)]),
    "measure_text_repeats": lambda c: text.measure_text_repeats(
        c.model, c.long, "L1H1", n=N, draws=2
    ),
    "predict_next": lambda c: predict_next(c.model, c.sample),
    "remove_groups": lambda c: removal.remove_groups(
        c.model, c.sample, c.groups, text=c.passages, draws=2
    ),
    "remove_in_order": lambda c: removal.remove_in_order(
        c.model, c.sample, ["L1H1", "L0H1"], draws=2
    ),
    "remove_mlps": lambda c: removal.remove_mlps(c.model, c.sample, text=c.passages),
    "score_heads": lambda c: scan.score_heads(c.model, c.sample),
    "score_stability": lambda c: scan.score_stability(c.model, n=N, sequences=2, seeds=2),
    "score_text_induction": lambda c: text.score_text_induction(c.model, c.long, c.scores),
    "score_without": lambda c: paths.score_without(
        c.model, c.sample, "L1H1", {"previous": "L0H1"}, draws=2
    ),
    "separate_repeat": lambda c: text.separate_repeat(c.model, c.sample, "L1H1", gaps=(0, 3)),
    "shuffle_repeat": lambda c: text.shuffle_repeat(c.model, c.sample, "L1H1", sizes=(2,)),
    "trace_text_induction": lambda c: text.trace_text_induction(c.model, c.long, "L1H1"),
    # Tokens as they stand where the heads read come from runs of [BOS, token].
    "score_circuit_baselines": lambda c: circuit.score_circuit_baselines(
        c.model, "L0H1", "L1H1", embeddings=("effective",), draws=2, tokens=40
    ),
    "score_embeddings": lambda c: circuit.score_embeddings(c.model, "L0H1", "L1H1", tokens=40),
    "score_summed_circuit": lambda c: circuit.score_summed_circuit(
        c.model, ["L0H1", "L0H2"], "L1H1", embeddings=("effective",), tokens=40
    ),
    "write_tokens": lambda c: write_tokens(c.model, "L1H1", "ring"),
}
WEIGHTS = {
    "score_candidate_pairs": lambda c: circuit.score_candidate_pairs(
        c.model, ["L0H1"], ["L1H1", PREVIOUS], tokens=20
    ),
    "score_composition": lambda c: circuit.score_composition(c.model),
    "score_copying": lambda c: circuit.score_copying(c.model, ["L0H1", "1.1"]),
    "score_group_copying": lambda c: circuit.score_group_copying(c.model, "L1H1", draws=2),
    "score_two_head_circuit": lambda c: circuit.score_two_head_circuit(
        c.model, [("L0H1", INDUCTION)]
    ),
}
"""These read the weights, which no intervention changes."""


@pytest.fixture(scope="module")
def case(mini) -> Case:
    return Case(mini)


def numbers(result) -> np.ndarray:
    if isinstance(result, pd.DataFrame):
        return result.select_dtypes("number").to_numpy(float).ravel()
    if isinstance(result, xr.DataArray):
        result = result.to_dataset(name="value")
    parts = [v.to_numpy().ravel() for v in result.data_vars.values() if v.dtype.kind in "fiub"]
    return np.nan_to_num(np.concatenate(parts).astype(float))


@pytest.mark.parametrize("name", [*RUN, *WEIGHTS])
def test_inside_and_outside(case, name, monkeypatch):
    """Inside it differs (but for weights), says so, replays nothing; outside it is as before."""
    measure = {**RUN, **WEIGHTS}[name]
    before = numbers(measure(case))
    with ablate(case.model, ["L0.mlp", "L1H4"], reference=case.sample) as words:
        with monkeypatch.context() as inside:
            inside.setattr(CleanRun, "block", lambda *_a, **_k: pytest.fail("replayed"))
            result = measure(case)
    found = numbers(result)
    assert found.shape == before.shape
    if name in WEIGHTS:
        assert np.array_equal(found, before)
    else:
        assert abs(found - before).max() > 1e-4
    assert words in result.attrs["interventions"]
    again = measure(case)
    assert np.array_equal(numbers(again), before) and "interventions" not in again.attrs


def test_no_measure_is_forgotten():
    """Whatever a chapter measures, and every verb that runs the model, is in one of the lists."""
    chapters = (attention, circuit, loss, mlps, paths, removal, scan, text)
    public = {
        name
        for chapter in chapters
        for name, function in vars(chapter).items()
        if inspect.isfunction(function) and "model" in inspect.signature(function).parameters
    }
    # What takes a model's name, chooses, labels or is a part of a measure.
    no_measure = {"add_known_roles", "label_tokens", "sample_random_heads", "sample_text", "patch"}
    no_measure |= {"sample_repeated_tokens", "sample_unrepeated_tokens"}
    known = {*RUN, *WEIGHTS, *no_measure, "target_directions"}
    assert public <= known, public - known
    assert {"log_probs", "predict_next", "activations", "get_attention", "write_tokens"} <= known


def test_heads_found_inside_are_those_of_the_changed_model(mini):
    clean = select_heads(mini, "induction")
    with ablate(mini, "L0H1"):
        assert select_heads(mini, "induction") != clean
    assert select_heads(mini, "induction") == clean
