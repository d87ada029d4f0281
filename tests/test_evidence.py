"""Our own claims: by hand, and on models that hold nothing."""

import json
import math

import numpy as np
import pytest
import xarray as xr
from pytest import approx

from helpers.claims import (
    CLAIMS,
    EVIDENCE,
    OwnLine,
    claims_as_json,
    collect_claims,
    compare_evidence,
    evidence,
    list_own,
)
from helpers.claims.about_circuit import (
    effective_embedding,
    faithfulness,
    key_path,
    pair_against_random,
    summed,
)
from helpers.claims.about_heads import layer_difference, removal, same_head, spared, top_head
from helpers.claims.evidence import Finding, claim, judge_evidence
from helpers.claims.numbers import Number, share_of
from helpers.claims.post import say_published
from helpers.claims.units import say_control, say_number
from helpers.metrics import wilson_interval
from helpers.results import save_result

ATTRS = {"model": "mini", "revision": "r1"}


def stability(top: float, still: float) -> xr.Dataset:
    """Two seeds, four sequences, 10 x 10 heads at 0.1; L3H4 at `top`."""
    scores = np.full((2, 4, 10, 10), 0.1)
    scores[:, :, 3, 4] = top
    scores += np.linspace(0, 0.002, 4)[None, :, None, None]
    unrepeated = np.full((4, 10, 10), 0.1)
    unrepeated[:, 3, 4] = still
    heads = {"layer": np.arange(10), "head": np.arange(10)}
    dims = ("sequence", "layer", "head")
    return xr.Dataset(
        {
            "induction": (("seed", *dims), scores),
            "induction_unrepeated": (dims, unrepeated),
        },
        coords={**heads, "seed": [0, 1], "sequence": np.arange(4)},
        attrs=ATTRS,
    )


def test_a_head_stands_out_only_if_it_needs_the_repeat():
    found = top_head(stability(0.9, 0.05))
    assert found.holds and found.subject == "L3H4"
    assert found.number.value == approx(0.901)
    assert found.controls["other heads, 97.5 %"] == approx(0.101)
    assert not top_head(stability(0.9, 0.4)).holds  # it always looks there
    assert not top_head(stability(0.1005, 0.02)).holds  # it is one of many
    assert same_head(stability(0.9, 0.05)).number.value == 1.0


def removed(second: float, text: float, random: float) -> xr.Dataset:
    spread = np.array([-0.01, 0.0, 0.01, 0.0])
    effect = np.stack([second + spread, 0.0 + spread, text + spread])
    effect[2, 3] = np.nan  # fewer texts than sequences
    draws = np.full((3, 20), random)
    return xr.Dataset(
        {
            "effect": (("group", "removal", "input", "sequence"), np.stack([effect] * 3)[None]),
            "random": (("group", "removal", "input", "draw"), np.stack([draws] * 3)[None]),
            "heads": ("group", ["L1H1, L2H2"]),
        },
        coords={
            "group": ["induction"],
            "removal": ["zero", "mean", "resample"],
            "input": ["second half", "first half", "text"],
        },
        attrs=ATTRS,
    )


def test_removal_must_beat_random_heads_and_spare_the_rest():
    good = removed(2.0, 0.0, 0.3)
    found = removal(good, group="induction", method="mean")
    assert found.holds and found.number.value == approx(2.0) and found.subject == "L1H1, L2H2"
    assert found.controls == {"random heads, 97.5 %": approx(0.3)}
    assert spared(good).holds
    assert not removal(removed(2.0, 0.0, 2.5), group="induction", method="mean").holds
    assert not removal(
        removed(0.05, 0.0, 0.0), group="induction", method="mean"
    ).holds  # too little to say
    assert not spared(removed(2.0, 1.0, 0.3)).holds
    missing = removal(good, group="previous_token", method="mean")
    assert not missing.holds and "no such head" in missing.subject


def cuts(key: float, query: float) -> xr.Dataset:
    names = ["nothing", "query", "key", "value", "all three"]
    score = np.array([0.8, query, key, 0.8, key])
    scores = np.repeat(score[None, :, None, None], 4, axis=3) * np.array([0.99, 1, 1.01, 1])
    return xr.Dataset(
        {"score": (("effect", "cut", "head_name", "sequence"), scores)},
        coords={"effect": ["direct"], "cut": names, "head_name": ["L5H5"]},
        attrs={**ATTRS, "senders": "L4H11"},
    )


def test_the_key_alone_must_carry_the_score():
    found = key_path(cuts(0.2, 0.8), effect="direct")
    assert found.holds and found.number.value == approx(0.75)
    assert found.controls == {"query cut": approx(0.0)}
    assert not key_path(cuts(0.6, 0.8), effect="direct").holds
    assert not key_path(cuts(0.2, 0.4), effect="direct").holds  # the query carries half as well


def fed_with_effective(first: str, second: str) -> list[str]:
    """What E6, E7 and E8 are about: one writer, the same one, and both; every share is 0.1."""

    def shares(dim: str, names: list) -> xr.Dataset:
        coords = {dim: names, "embedding": ["raw", "effective", "centred"], "along": ["keys"]}
        values = np.full((len(names), 3, 1, 1), 0.1)
        data = {"accuracy": ((*coords, "k"), values)}
        return xr.Dataset(data, coords={**coords, "k": [1]}, attrs={**ATTRS, "tokens": 100})

    pair = f"{first} > L2H1"
    pairs = shares("pair", [pair, "L1H0 > L2H0"])
    sums = shares("summed", [1, 2]).assign_attrs(induction="L2H1")
    return [
        effective_embedding(pairs.isel(pair=0).assign_attrs(pair=pair)).subject,
        pair_against_random(pairs.assign_coords(kind=("pair", ["pair", "random"]))).subject,
        summed(sums.assign_coords(added=("summed", [first, second]))).subject,
    ]


def test_a_claim_names_heads_that_cannot_read_what_it_feeds_them():
    first, both, second = (
        f"; {heads} in layer 0 cannot read the effective embedding"
        for heads in ("L0H1", "L0H1 and L0H7", "L0H7")
    )
    pair = "L0H1 > L2H1" + first
    assert fed_with_effective("L0H1", "L0H7") == [pair, pair, "L0H1 + L0H7 > L2H1" + both]
    later = "L1H1 > L2H1"
    assert fed_with_effective("L1H1", "L0H7") == [later, later, "L1H1 + L0H7 > L2H1" + second]


def test_faithfulness_by_hand():
    """10 nats without heads, 2 with all, 4 with five: 6 of 8 are kept."""
    loss = np.repeat(np.array([2.0, 10.0, 4.0])[:, None], 4, axis=1)
    random = np.full((3, 20), np.nan)
    random[2] = 9.0
    data = xr.Dataset(
        {
            "loss": (("kept", "sequence"), loss),
            "random": (("kept", "draw"), random),
            "size": ("kept", [100, 0, 5]),
        },
        coords={"kept": ["all heads", "no heads", "all groups"]},
        attrs=ATTRS,
    )
    found = faithfulness(data)
    assert found.holds and found.number.value == approx(0.75)
    assert found.controls["random heads, 97.5 %"] == approx(0.125)
    assert found.subject == "5 of 100 heads"
    nothing = data.assign(loss=data["loss"] * 0 + 10.0)
    assert not faithfulness(nothing).holds


def test_differences_between_inputs_by_hand():
    """Layer 0 does not count: 9 nats there change nothing."""
    effect = np.zeros((1, 1, 2, 4, 3))
    effect[..., 0] = 9.0
    effect[0, 0, 1, :, 1:] = 0.3  # text
    effect[0, 0, 0, :, 1:] = 0.1  # repeat
    data = xr.Dataset(
        {"effect": (("component", "removal", "input", "sequence", "layer"), effect)},
        coords={"component": ["mlp_out"], "removal": ["mean"], "input": ["repeat", "text"]},
        attrs=ATTRS,
    )
    found = layer_difference(data, component="mlp_out", more="text", less="repeat")
    assert found.holds and found.number.value == approx(0.2)
    assert not layer_difference(data, component="mlp_out", more="repeat", less="text").holds


def test_wilson_by_hand():
    """p = 1/2, n = 4, z = 2: (0.5 + 0.5 ± 2 sqrt(1/16 + 1/16)) / 2."""
    low, high = wilson_interval(0.5, 4, z=2.0)
    assert (low, high) == (approx(0.5 - math.sqrt(1 / 8)), approx(0.5 + math.sqrt(1 / 8)))
    assert wilson_interval(0.0, 100)[0] == 0.0 and wilson_interval(0.0, 100)[1] > 0.03
    assert share_of(1.0, 100).high == approx(1.0)
    with pytest.raises(ValueError, match="share in"):
        wilson_interval(1.5, 10)


def test_what_was_not_run_says_so_and_json_has_no_nan(tmp_path):
    save_result(removed(2.0, 0.0, 0.3), tmp_path / "removed_groups.nc")
    lines = {line.id: line for line in collect_claims(tmp_path) if isinstance(line, OwnLine)}
    assert list(lines) == [claim.id for claim in EVIDENCE]
    assert lines["E1"].verdict == "not run" and lines["E1"].number is None
    assert lines["E10"].verdict == "holds" and lines["E10"].revision == "r1"
    plain = json.loads(json.dumps(claims_as_json([*lines.values()]), allow_nan=False))
    assert plain[9]["controls"] == {"random heads, 97.5 %": approx(0.3)}
    both = compare_evidence([[*lines.values()], [*lines.values()]]).splitlines()
    assert both[0] == "| | mini | mini |" and len(both) == 2 + len(EVIDENCE)
    assert both[2].endswith("| **not run** | **not run** |")
    assert "**holds**: 2.00 nats [" in both[11]
    assert "97.5th percentile of random heads 0.30 nats" in both[11]
    table = list_own([*lines.values()]).splitlines()
    assert sum("| not run |" in row for row in table) == len(EVIDENCE) - 5
    assert "| holds | 2.00 nats [" in table[11]


def test_numbers_are_written_with_their_unit():
    """Two decimals where nats are many, no scientific notation, no negative zero."""
    assert say_number("E10", 7.188, 7.015, 7.35) == "7.19 nats [7.01, 7.35]"
    assert say_number("E6", 0.0051, 0.0017, 0.015) == "accuracy 0.0051 [0.0017, 0.015]"
    assert say_number("E16", 0.5) == "0.500 of the score" and say_number("E16", None) == "–"
    assert say_number("E22", -2e-9, -3e-5, 0.02) == "0.000 nats [-0.00003, 0.020]"
    band = say_control("E1", "other heads, 97.5 %", 0.917)
    assert band == "97.5th percentile of other heads 0.917"
    assert say_control("E23", "tokens in the gap", 50.0) == "gap of 50 tokens"
    assert say_control("E9", "its chance", 2e-5) == "by chance 0.00002 of the tokens"
    assert say_published("C1", -13.898) == "-13.898 nats"
    for each in (*CLAIMS, *EVIDENCE):
        assert say_number(each.id, 1.0)  # every claim has a unit, or is known to have none


def test_ids_are_in_order_and_every_claim_says_what_it_needs():
    assert [claim.id for claim in EVIDENCE] == [f"E{i}" for i in range(1, len(EVIDENCE) + 1)]
    for each in EVIDENCE:
        assert each.needs and each.definition and each.rule and each.otherwise


def test_a_rule_is_the_docstring_of_the_function_that_decides(monkeypatch):
    """Two claims of one function, in their order, each handed what it needs and its own choice."""
    monkeypatch.setattr(evidence, "EVIDENCE", [])

    said = {"otherwise": "neither"}

    @claim("E2", "text", needs=("b", "a"), says="second", number="their sum", over="x", **said)
    @claim("E1", "scan", needs=("a",), says="first", number="itself", over="y", **said)
    def measure(one, other=None, *, over):
        """above one,
        or two
        """
        value = float(one["value"]) + (float(other["value"]) if other else 0.0)
        return Finding(Number(value), {over: 0.5}, value > 1, "L0H0")

    assert [(each.id, each.rule) for each in evidence.EVIDENCE] == [
        ("E1", "above one, or two"),
        ("E2", "above one, or two"),
    ]
    results = {"a": xr.Dataset({"value": 1.0}), "b": xr.Dataset({"value": 2.0})}
    first, second = (judge_evidence(each, results, "mini", "r1") for each in evidence.EVIDENCE)
    assert (first.number, first.verdict, first.controls) == (1.0, "does not hold", {"y": 0.5})
    assert (second.number, second.verdict, second.controls) == (3.0, "holds", {"x": 0.5})
    del results["b"]
    assert judge_evidence(evidence.EVIDENCE[1], results, "mini", "r1").verdict == "not run"
    assert measure(results["a"], over="x").number == Number(1.0)  # still what was written
