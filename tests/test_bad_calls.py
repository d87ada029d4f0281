"""What people call the front door with by mistake: each is refused in words that name the way out.

As they have it, without the checks of shapes and types of the test session.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import jaxtyping
import numpy as np
import plotly.graph_objects as go
import pytest
import torch
import xarray as xr

from helpers import (
    Head,
    Model,
    Site,
    ablate,
    activations,
    attention,
    find_pair,
    get_attention,
    keep,
    label_tokens,
    load_model,
    log_probs,
    patch,
    patch_path,
    predict_next,
    rank_heads,
    sample_repeated_tokens,
    sample_text,
    save_figure,
    scan,
    select_heads,
    summarize,
    two_head_circuit,
    view_attention,
    view_heads,
    view_tokens,
    write_tokens,
)
from helpers.models import UnknownModelError, UnsupportedModelError

NAN = float("nan")
N = 6


@pytest.fixture(scope="module", autouse=True)
def unchecked() -> Iterator[None]:
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


class Things:
    """What the calls are made with: `model`, and what was measured on it."""

    def __init__(self, model: Model, compiled: Model) -> None:
        self.model, self.compiled = model, compiled
        self.sample = sample_repeated_tokens(model, n=N, sequences=3)
        self.scores = scan.score_heads(model, self.sample)
        self.patterns = get_attention(model, self.sample, "L1H1")
        self.all_patterns = attention.get_all_attention(model, self.sample, sequences=2)
        self.lines = log_probs(model, self.sample)
        self.z = activations(model, self.sample, "L1H1")

    def within(self, intervention: AbstractContextManager) -> object:
        with intervention:
            return predict_next(self.model, self.sample)


@pytest.fixture(scope="module")
def things(mini, compiled) -> Things:
    return Things(mini, compiled)


HEADS = {
    "unknown": ("H1L1", ValueError, 'Write "L5H1"'),
    "no layer": ("L9H0", ValueError, "layers 0-3"),
    "no head": ("L0H8", ValueError, "heads 0-7"),
    "none of them": ([], ValueError, "No head was given. Pass at least one"),
    "None": (None, ValueError, "None does not name a head. Write"),
    "a number": (1, ValueError, "1 does not name a head. Write"),
    "a pair": ((1, 1), ValueError, "1 does not name a head. Write"),
    "pairs": ([(1, 1)], ValueError, "(1, 1) does not name a head. Write"),
    "nested": ([["L1H1"]], ValueError, "['L1H1'] does not name a head. Write"),
    "a layer": ("L1.mlp", ValueError, "'L1.mlp' does not name a head. Write"),
    "a tensor": (torch.zeros(2, 9), ValueError, "a Tensor does not name a head. Write"),
}
"""Heads, wherever heads are taken."""

INPUTS = {
    "None": (None, ValueError, "Cannot read a NoneType: give a text"),
    "nothing": ([], ValueError, "no token ids"),
    "no text": ("", ValueError, "takes 1 to 127"),
    "long text": ("the " * 200, ValueError, "takes 1 to 127"),
    "one id": ([0], ValueError, "at least one token"),
    "long": ([0] * 200, ValueError, "mini can read 128"),
    "beyond": ([0, 588], ValueError, "token ids 0 to 587, not 588"),
    "negative": ([0, -1], ValueError, "token ids 0 to 587, not -1"),
    "floats": ([0.0, 1.5], ValueError, "Token ids are whole numbers"),
    "NaN": (torch.tensor([0, NAN]), ValueError, "Token ids are whole numbers"),
    "complex": (torch.tensor([0, 1j]), ValueError, "Token ids are whole numbers"),
    "a mask": (torch.tensor([True, False]), ValueError, "Token ids are whole numbers"),
    "four dimensions": (torch.ones(1, 1, 1, 2).long(), ValueError, "over [batch, pos]"),
    "a single id": (5, ValueError, "over [batch, pos]"),
    "ragged": ([[0, 1], [0, 1, 2]], ValueError, "rows of one length"),
    "texts": (["the ring", "the"], ValueError, "give one at a time"),
    "a dictionary": ({"input_ids": [0, 1]}, ValueError, "Cannot read a dict: give a text"),
    "a dataset": (
        xr.Dataset({"ids": ("position", [0, 1])}),
        ValueError,
        "Cannot read a Dataset: give a text",
    ),
    "large NumPy ids": (np.array([0, 2**40]), ValueError, "token ids 0 to 587"),
    "unsigned NumPy ids": (np.array([0, 9999], np.uint16), ValueError, "token ids 0 to 587"),
}
"""Inputs, wherever inputs are taken."""

CALLS = {
    # get
    "load: None": (lambda t: load_model(None), TypeError, 'by its name, "mini" or so'),
    "load: a model": (lambda t: load_model(t.model), TypeError, "not a Model"),
    "load: no name": (lambda t: load_model(""), UnknownModelError, "not one of auto"),
    "load: device": (lambda t: load_model("mini", device="tpu"), ValueError, 'choose "auto"'),
    "Head: text": (lambda t: Head("1", 0), TypeError, "layer is a whole number, not '1'"),
    "Head: float": (lambda t: Head(1, 0.5), TypeError, "head is a whole number, not 0.5"),
    "Head: negative": (lambda t: Head(-1, 0), ValueError, "counted from 0"),
    "Site: kind": (
        lambda t: activations(t.model, t.sample, Site("foo", 0)),
        ValueError,
        "known: q, k, v",
    ),
    "Site: layer": (lambda t: activations(t.model, t.sample, Site("z", 4)), ValueError, "0-3"),
    "Site: float": (
        lambda t: activations(t.model, t.sample, Site("z", 0.0)),
        TypeError,
        "layer is a whole number",
    ),
    "repeated: no n": (lambda t: sample_repeated_tokens(t.model, n=0), ValueError, "n >= 2"),
    "repeated: negative n": (lambda t: sample_repeated_tokens(t.model, n=-5), ValueError, "n >= 2"),
    "repeated: large n": (lambda t: sample_repeated_tokens(t.model, n=64), ValueError, "n <= 63"),
    "repeated: float n": (
        lambda t: sample_repeated_tokens(t.model, n=5.0),
        TypeError,
        "n is a whole number, not 5.0",
    ),
    "repeated: no sequences": (
        lambda t: sample_repeated_tokens(t.model, sequences=0),
        ValueError,
        "sequences >= 1",
    ),
    "repeated: seed": (
        lambda t: sample_repeated_tokens(t.model, seed=None),
        TypeError,
        "seed is a whole number, not None",
    ),
    "repeated: large seed": (
        lambda t: sample_repeated_tokens(t.model, seed=2**70),
        ValueError,
        "below 2**63",
    ),
    "repeated: sampling": (
        lambda t: sample_repeated_tokens(t.model, sampling="post"),
        ValueError,
        'choose "corrected" or "blog"',
    ),
    "repeated: model": (lambda t: sample_repeated_tokens("mini"), TypeError, "load_model()"),
    "repeated: first": (lambda t: t.sample.first(9), ValueError, "a sample of 3"),
    "repeated: first float": (lambda t: t.sample.first(1.5), TypeError, "whole number"),
    "text: length": (lambda t: sample_text(t.model, length=128), ValueError, "length <= 127"),
    "text: float": (lambda t: sample_text(t.model, length=5.5), TypeError, "whole number"),
    "text: model": (lambda t: sample_text(None), TypeError, "load_model()"),
    "labels: None": (lambda t: label_tokens(t.model, None), TypeError, "Ids of tokens"),
    "labels: text": (lambda t: label_tokens(t.model, "the ring"), TypeError, "Ids of tokens"),
    "labels: float": (lambda t: label_tokens(t.model, [0.5]), ValueError, "whole numbers"),
    "labels: beyond": (lambda t: label_tokens(t.model, [588]), ValueError, "ids 0 to 587"),
    "labels: negative": (lambda t: label_tokens(t.model, [-1]), ValueError, "ids 0 to 587"),
    "labels: several": (
        lambda t: label_tokens(t.model, t.sample.tokens),
        ValueError,
        "sample.tokens[0]",
    ),
    # run
    "run: model": (lambda t: predict_next("mini", t.sample), TypeError, "load_model()"),
    "run: swapped": (lambda t: log_probs(t.sample, t.model), TypeError, "The model comes first"),
    "run: bridge": (lambda t: log_probs(t.model.bridge, t.sample), TypeError, "load_model()"),
    "next: no k": (lambda t: predict_next(t.model, t.sample, 0), ValueError, "choose k from 1"),
    "next: large k": (lambda t: predict_next(t.model, t.sample, 589), ValueError, "588 tokens"),
    "next: float k": (lambda t: predict_next(t.model, t.sample, 2.5), TypeError, "whole number"),
    "next: position": (
        lambda t: predict_next(t.model, t.sample, position=13),
        ValueError,
        "positions 0 to 12",
    ),
    "next: no position": (
        lambda t: predict_next(t.model, t.sample, position=None),
        TypeError,
        "position is a whole number",
    ),
    "attention: sequence": (
        lambda t: get_attention(t.model, t.sample, "L1H1", sequence=3),
        ValueError,
        "sequences 0 to 2",
    ),
    "attention: float": (
        lambda t: get_attention(t.model, t.sample, "L1H1", sequence=1.0),
        TypeError,
        "sequence is a whole number",
    ),
    "attention: swapped": (
        lambda t: get_attention(t.model, "L1H1", t.sample),
        ValueError,
        "a RepeatedTokens does not name a head",
    ),
    "attention: sequences": (
        lambda t: attention.get_all_attention(t.model, t.sample, sequences=4),
        ValueError,
        "4 sequences of 3",
    ),
    "activations: None": (lambda t: activations(t.model, t.sample, None), ValueError, "One part"),
    "activations: two": (
        lambda t: activations(t.model, t.sample, ["L1H1", "L0H1"]),
        ValueError,
        "One part is wanted",
    ),
    "activations: unknown": (
        lambda t: activations(t.model, t.sample, "mlp"),
        ValueError,
        'Write "L5H1" for a head, "L3.mlp"',
    ),
    "activations: no MLPs": (
        lambda t: activations(t.compiled, [0, 1], "L0.mlp"),
        UnsupportedModelError,
        "attention-only",
    ),
    # intervene
    "ablate: model": (lambda t: t.within(ablate(t.sample, "L1H1")), TypeError, "load_model()"),
    "ablate: None": (lambda t: t.within(ablate(t.model, None)), ValueError, "Write"),
    "ablate: a number": (lambda t: t.within(ablate(t.model, 3)), ValueError, "Write"),
    "ablate: nothing": (lambda t: t.within(ablate(t.model, [])), ValueError, "Give at least one"),
    "ablate: stream": (
        lambda t: t.within(ablate(t.model, "L1.resid_pre")),
        ValueError,
        'name "L1.mlp"',
    ),
    "ablate: method": (
        lambda t: t.within(ablate(t.model, "L1H1", method="noise")),
        ValueError,
        "there are zero, mean, resample",
    ),
    "ablate: one sequence": (
        lambda t: t.within(ablate(t.model, "L1H1", reference=[0, 1, 2])),
        ValueError,
        'method="zero"',
    ),
    "ablate: reference": (
        lambda t: t.within(ablate(t.model, "L1H1", reference=t.lines)),
        ValueError,
        "Cannot read a DataArray",
    ),
    "ablate: seed": (
        lambda t: t.within(ablate(t.model, "L1H1", seed="a")),
        TypeError,
        "seed is a whole number",
    ),
    "patch: swapped": (lambda t: t.within(patch(t.model, 0.0, "L1H1")), ValueError, "One part"),
    "patch: None": (
        lambda t: t.within(patch(t.model, "L1H1", None)),
        TypeError,
        "activations(model, input, part)",
    ),
    "patch: dataset": (
        lambda t: t.within(patch(t.model, "L1H1", t.scores)),
        TypeError,
        "activations(model, input, part)",
    ),
    "patch: NaN": (
        lambda t: t.within(patch(t.model, "L1H1", torch.full((24,), NAN))),
        ValueError,
        "not all numbers: NaN",
    ),
    "patch: shape": (
        lambda t: t.within(patch(t.model, "L1H1", torch.zeros(5))),
        ValueError,
        "the activation is (1, 13, 24)",
    ),
    "patch: dimension": (
        lambda t: t.within(patch(t.model, "L1H1", t.z.mean("d"))),
        ValueError,
        "does not fit L1H1",
    ),
    "patch: position": (
        lambda t: t.within(patch(t.model, "L1H1", 0.0, positions=13)),
        ValueError,
        "positions 0 to 12",
    ),
    "patch: float position": (
        lambda t: t.within(patch(t.model, "L1H1", 0.0, positions=[1.5])),
        TypeError,
        "positions is a whole number",
    ),
    "patch: mask": (
        lambda t: t.within(patch(t.model, "L1H1", 0.0, positions=[True] * 13)),
        TypeError,
        "positions are whole numbers",
    ),
    "patch: pattern": (
        lambda t: t.within(patch(t.model, "L1.pattern", 0.0, positions=[1])),
        ValueError,
        "patch all of it",
    ),
    "path: input": (
        lambda t: t.within(patch_path(t.model, "L0H1", "L1H1", input="keys")),
        ValueError,
        "there are query, key, value",
    ),
    "path: no input": (
        lambda t: t.within(patch_path(t.model, "L0H1", "L1H1", input=None)),
        ValueError,
        "there are query, key, value",
    ),
    "path: effect": (
        lambda t: t.within(patch_path(t.model, "L0H1", "L1H1", effect="half")),
        ValueError,
        "there are direct, total, indirect",
    ),
    "path: backwards": (
        lambda t: t.within(patch_path(t.model, "L1H1", "L0H1")),
        ValueError,
        "not in an earlier layer",
    ),
    "path: receivers": (
        lambda t: t.within(patch_path(t.model, "L0H1", ["L1H1", "L1H0"])),
        ValueError,
        "One head is wanted",
    ),
    # read weights
    "circuit: backwards": (
        lambda t: two_head_circuit(t.model, "L1H1", "L0H1"),
        ValueError,
        "Swap them?",
    ),
    "circuit: twice": (
        lambda t: two_head_circuit(t.model, ["L0H1", "L0H1"], "L1H1"),
        ValueError,
        "names one twice",
    ),
    "circuit: readings": (
        lambda t: two_head_circuit(t.model, "L0H1", "L1H1", readings="effective"),
        ValueError,
        "Leave them out",
    ),
    "circuit: model": (lambda t: two_head_circuit("L0H1", "L1H1", t.model), TypeError, "load_mod"),
    "write: no k": (lambda t: write_tokens(t.model, "L1H1", "ring", 0), ValueError, "k from 1"),
    "write: float k": (lambda t: write_tokens(t.model, "L1H1", "ring", 2.5), TypeError, "whole"),
    "write: words": (
        lambda t: write_tokens(t.model, "L1H1", "the ring"),
        ValueError,
        "give one of them",
    ),
    "write: beyond": (lambda t: write_tokens(t.model, "L1H1", 588), ValueError, "0 to 587"),
    "write: None": (lambda t: write_tokens(t.model, "L1H1", None), ValueError, "token ids"),
    "write: embedding": (
        lambda t: write_tokens(t.model, "L1H1", "ring", embedding="W_E"),
        ValueError,
        "there are raw, normalized",
    ),
    # choose
    "select: kind": (lambda t: select_heads(t.scores, "sink"), ValueError, "there are induction"),
    "select: name": (lambda t: select_heads("mini"), ValueError, "score_heads(model, sample)"),
    "select: array": (lambda t: select_heads(t.scores["induction"]), ValueError, "score_heads("),
    "select: chance": (
        lambda t: select_heads(t.scores.drop_attrs()),
        ValueError,
        "no longer say what chance is",
    ),
    "pair: one layer": (lambda t: find_pair(t.scores.isel(layer=[0])), ValueError, "two layers"),
    "pair: NaN": (lambda t: find_pair(t.scores * NAN), ValueError, "every induction score is NaN"),
    "pair: score": (lambda t: find_pair(t.scores[["induction"]]), ValueError, "there are induct"),
    "rank: score": (lambda t: rank_heads(t.scores, by="sink"), ValueError, "there are induction"),
    "rank: scores": (lambda t: rank_heads(t.scores, by=["a"]), ValueError, "there are induction"),
    "rank: mean": (
        lambda t: rank_heads(t.scores.mean("sequence")),
        ValueError,
        "over sequence, layer and head",
    ),
    "rank: one layer": (
        lambda t: rank_heads(t.scores.isel(layer=0)),
        ValueError,
        "over sequence, layer and head",
    ),
    # look
    "save: None": (lambda t: save_figure(None, "a.png"), TypeError, "as plot_… returns it"),
    "save: view": (lambda t: save_figure(view_tokens(["a"]), "a.png"), TypeError, ".save(path)"),
    "save: ending": (lambda t: save_figure(go.Figure(), "a.gif"), ValueError, ".png, .svg or .pdf"),
    "save: scale": (lambda t: save_figure(go.Figure(), "a.png", scale=0), ValueError, "above 0"),
    "save: path": (lambda t: save_figure(go.Figure(), None), TypeError, "the name of a file"),
    "attention view: model": (
        lambda t: view_attention(t.model),
        TypeError,
        "labelled array over head_name, query, key",
    ),
    "attention view: tensor": (
        lambda t: view_attention(torch.zeros(1, 3, 3)),
        TypeError,
        "not a Tensor",
    ),
    "attention view: one head": (
        lambda t: view_attention(t.patterns.isel(head_name=0)),
        ValueError,
        "Expected the dimensions",
    ),
    "attention view: all heads": (
        lambda t: view_attention(xr.concat([t.patterns] * 13, "head_name")),
        ValueError,
        "choose a few",
    ),
    "attention view: tokens": (
        lambda t: view_attention(t.patterns.drop_vars("key_token")),
        ValueError,
        "key_token",
    ),
    "attention view: cut": (
        lambda t: view_attention(t.patterns.isel(key=slice(5))),
        ValueError,
        "as many queries as keys",
    ),
    "attention view: negative": (lambda t: view_attention(-t.patterns), ValueError, "in 0 … 1"),
    "attention view: NaN": (lambda t: view_attention(t.patterns * NAN), ValueError, "in 0 … 1"),
    "heads view: swapped": (
        lambda t: view_heads(t.all_patterns, t.scores),
        TypeError,
        "not a Dataset",
    ),
    "heads view: array": (
        lambda t: view_heads(t.scores["induction"], t.all_patterns),
        TypeError,
        "scan.score_heads(model, sample)",
    ),
    "heads view: score": (
        lambda t: view_heads(t.scores, t.all_patterns, score=["sink"]),
        ValueError,
        "there are induction",
    ),
    "heads view: NaN": (
        lambda t: view_heads(t.scores * NAN, t.all_patterns),
        ValueError,
        "every induction score is NaN",
    ),
    "heads view: another model": (
        lambda t: view_heads(t.scores.isel(layer=[0]), t.all_patterns),
        ValueError,
        "take both from the same model",
    ),
    "tokens view: text": (lambda t: view_tokens("the ring"), TypeError, "label_tokens(model, ids)"),
    "tokens view: ids": (lambda t: view_tokens([0, 1]), TypeError, "label_tokens(model, ids)"),
    "tokens view: dataset": (
        lambda t: view_tokens(t.scores),
        TypeError,
        "label_tokens(model, ids)",
    ),
    "tokens view: several": (lambda t: view_tokens(t.lines), ValueError, "Expected the dimensions"),
    "tokens view: no texts": (
        lambda t: view_tokens(t.lines[0].drop_vars("position_token")),
        ValueError,
        "position_token",
    ),
    "tokens view: labels": (
        lambda t: view_tokens(t.lines[0]["position_token"]),
        TypeError,
        "as a list",
    ),
    "tokens view: limit": (lambda t: view_tokens(["a"], limit=0), ValueError, "above 0"),
    "tokens view: no limit": (lambda t: view_tokens(["a"], limit="1"), ValueError, "above 0"),
    "tokens view: n": (lambda t: view_tokens(["a"], n="1"), TypeError, "n is a whole number"),
    # keep
    "keep: tensor": (lambda t: keep(t.sample.tokens, "a"), TypeError, "Pass an xarray Dataset"),
    "keep: swapped": (lambda t: keep("a", t.scores), TypeError, "Pass an xarray Dataset"),
    "summarize: tensor": (lambda t: summarize(torch.zeros(3)), TypeError, "One labelled array"),
    "summarize: dataset": (lambda t: summarize(t.scores), TypeError, 'scores["induction"]'),
    "summarize: dimension": (
        lambda t: summarize(t.lines.mean("sequence")),
        ValueError,
        'without "sequence"',
    ),
    "summarize: none": (
        lambda t: summarize(t.lines.isel(sequence=[])),
        ValueError,
        "at least one sample",
    ),
    "summarize: texts": (
        lambda t: summarize(xr.DataArray(["a"], dims="sequence")),
        TypeError,
        "array of numbers",
    ),
}


def refused(call, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as raised:
        call()
    assert issubclass(raised.type, kind)
    message = str(raised.value)
    assert words in message and len(message) <= 400, message


@pytest.mark.parametrize("name", CALLS)
def test_calls(things, name):
    call, kind, words = CALLS[name]
    refused(lambda: call(things), kind, words)


@pytest.mark.parametrize("name", HEADS)
def test_heads(things, name):
    heads, kind, words = HEADS[name]
    model, sample = things.model, things.sample
    refused(lambda: get_attention(model, sample, heads), kind, words)
    refused(lambda: things.within(patch_path(model, heads, "L3H0")), kind, words)
    refused(lambda: things.within(patch_path(model, "L0H0", heads)), kind, words)
    refused(lambda: two_head_circuit(model, heads, "L3H0"), kind, words)
    refused(lambda: write_tokens(model, heads, "ring"), kind, words)


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(things, name):
    given, kind, words = INPUTS[name]
    model = things.model
    refused(lambda: predict_next(model, given), kind, words)
    refused(lambda: log_probs(model, given), kind, words)
    refused(lambda: get_attention(model, given, "L1H1"), kind, words)
    refused(lambda: activations(model, given, "L1H1"), kind, words)
    if given is not None:  # an ablation has a sample of its own
        refused(lambda: things.within(ablate(model, "L1H1", reference=given)), kind, words)


def test_what_is_as_good_as_it_should_be_is_taken(things):
    model, tokens = things.model, things.sample.tokens
    right = predict_next(model, tokens)
    for kind in (np.uint16, np.uint32, np.int64):
        assert predict_next(model, tokens.numpy().astype(kind)).equals(right)
    assert label_tokens(model, tokens[0].tolist()) == label_tokens(model, tokens[0])
    assert sample_repeated_tokens(model, n=np.int64(N)).n == N


def test_a_value_of_one_position_is_that_of_each_sequence(things):
    """Three sequences at three positions: it could be taken for a value of each position."""
    places = [2, 3, 4]
    with patch(things.model, "L1H1", things.z.isel(position=5), positions=places):
        found = activations(things.model, things.sample, "L1H1")
    for place in places:
        assert np.array_equal(found.isel(position=place), things.z.isel(position=5))
    for positions in ((place for place in places), set(places), torch.tensor(places)):
        with patch(things.model, "L1H1", 0.0, positions=positions):
            found = activations(things.model, things.sample, "L1H1")
        assert not found.isel(position=places).any() and found.isel(position=5).any()
