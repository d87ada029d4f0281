"""Sentences carry the numbers they were made from, and change with them."""

import pandas as pd
import pytest
import xarray as xr

from helpers import ablate, get_attention, sample_repeated_tokens
from helpers.chapters.attention import describe_stripe
from helpers.chapters.circuit import describe_circuit, score_embeddings, score_two_head_circuit
from helpers.chapters.loss import describe_loss, measure_loss, summarize_loss
from helpers.chapters.mlps import (
    ablate_positions,
    ablate_second_half,
    attribute_positions,
    describe_ablation,
    describe_attribution,
)
from helpers.chapters.scan import describe_heads, score_heads
from helpers.drawing.prose import interval, ranges


def test_sentences_say_what_the_numbers_say(compiled):
    sample = sample_repeated_tokens(compiled, n=8, sequences=3)
    loss = measure_loss(compiled, sample)
    text = describe_loss(loss, summarize_loss(loss))
    assert "**compiled**" in text and "100% of the time" in text
    scores = score_heads(compiled, sample)
    text = describe_heads(scores)
    assert "**L5H5** with a score of 1.00" in text and "1 of 144 heads" in text
    assert "its interval lies above" in text
    circuit = score_two_head_circuit(compiled, [("L4H11", "L5H5")])
    ladder = score_embeddings(compiled, "L4H11", "L5H5", tokens=30)
    text = describe_circuit(circuit, ladder)
    assert "100.00% of 60 tokens" in text and "60 times chance" in text
    assert "100.0% (read), 100.0% (centred); chance is 3.33%." in text
    assert "cannot read" not in text
    text = describe_circuit(circuit, ladder.assign_attrs(pair="L0H1 > L5H5"))
    assert "L0H1 in layer 0 cannot read the effective embedding: it is there only after" in text
    whole = get_attention(compiled, sample, "L5H5")[0]
    with ablate(compiled, "L4H11", method="zero"):
        broken = get_attention(compiled, sample, "L5H5")[0]
    said = describe_stripe(scores, whole, broken)
    assert "L5H5 gives 1.000 of its second-half attention" in said
    assert "inside *ablate L4H11 (zero)*" in said
    with pytest.raises(ValueError, match="different heads"):
        describe_stripe(scores, whole, get_attention(compiled, sample, "L4H11")[0])


def test_a_tie_is_not_called_a_lead_and_chance_not_a_head(compiled):
    sample = sample_repeated_tokens(compiled, n=8, sequences=3)
    scores = score_heads(compiled, sample)
    assert "No duplicate-token head of **compiled** stands out" in describe_heads(
        scores, by="duplicate_token"
    )
    scores["induction"][:, 4, 11] = scores["induction"][:, 5, 5]
    assert "overlaps with it. 2 of 144 heads score" in describe_heads(scores)


def test_a_right_guess_with_little_behind_it_is_called_a_bet():
    """One of 100 tokens is given e^-4 = 1.8 %, and comes first: no lookup."""
    parts = ["first", "boundary", "second", "second_blog"]
    table = pd.DataFrame({"log_prob": [-4.6, -4.0, 0.0, -1.0], "accuracy": 1.0}, index=parts)
    for end in ("low", "high"):
        table[f"log_prob_{end}"] = table["log_prob"]
    loss = xr.Dataset(attrs={"model": "hand", "uniform": -4.605, "n": 4})
    said = describe_loss(loss, table)
    assert "right 100% of the time, but it is given only 1.8%: that is no lookup" in said
    assert "moves the mean by -1.00 nats, 1/4 of how far" in said
    table.loc["boundary", "accuracy"] = 0.0
    assert "lookup" not in describe_loss(loss, table)


def test_runs_of_numbers_are_ranges():
    assert ranges([3, 4, 5, 6, 7, 8, 9]) == "3 to 9" and ranges([]) == ""
    assert ranges([3, 4, 5, 6, 7, 8, 9], end=9) == "3 or more"
    assert ranges([1, 2, 4, 6, 7, 8], end=9) == "1, 2, 4, 6 to 8"


def test_nothing_is_minus_zero():
    ends = {"mean": -0.001, "low": -0.4, "high": -0.0}
    assert interval(pd.Series(ends), "+.2f", units="nats") == "+0.00 nats [-0.40, +0.00]"
    assert interval(pd.Series(ends)) == "0.00 [-0.40, 0.00]"


def test_ablation_in_words(mini):
    sample = sample_repeated_tokens(mini, n=6, sequences=2)
    text = describe_ablation(
        ablate_positions(mini, sample.first(1)), ablate_second_half(mini, sample)
    )
    assert "**mini**" in text and "averaged over 6 of them" in text
    assert text._repr_markdown_() == str(text)


def test_an_estimate_in_words(mini):
    sample = sample_repeated_tokens(mini, n=6, sequences=2)
    text = describe_attribution(ablate_positions(mini, sample), attribute_positions(mini, sample))
    assert "**mini**" in text and "20 cells correlate" in text and "the gradient sees" in text
