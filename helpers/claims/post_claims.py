"""What the post says, C1 … C8.

Tolerances of C1-C5 allow for another random draw (one sequence of 50 tokens; 30 for C5); C8 has no
draw, its tolerance allows for how weights are processed. C6 and C7 are pictures in the post.
"""

from collections.abc import Callable
from typing import Literal

import xarray as xr

from helpers.chapters.loss import summarize_loss
from helpers.claims.numbers import Number, number_in
from helpers.claims.post import POST_MODEL, POST_PAIR, Shown, choose_pair, post_claim
from helpers.claims.units import show
from helpers.heads import Head
from helpers.results import summarize

_LOSS = ("loss", "loss_blog")
_SCORES = ("scores", "scores_blog")


def _within(post: float, tolerance: float) -> Callable[[float], bool]:
    return lambda value: abs(value - post) <= tolerance


@post_claim(
    "C1",
    "loss",
    needs=_LOSS,
    says="mean log-probability of the target, first half",
    post=-13.898,
    agrees=_within(-13.898, 1.5),
    tolerance="within 1.5 nats",
    otherwise="random tokens are less of a surprise to this model, for example because it knows "
    "few of them",
)
def first_log_prob(loss: xr.Dataset, blog: xr.Dataset) -> Shown:
    """below -5 nats"""
    measured, corrected = _half(loss, blog, "first", "log_prob")
    return Shown(measured, corrected, corrected.value < -5)


@post_claim(
    "C2",
    "loss",
    needs=_LOSS,
    says="mean log-probability of the target, second half",
    post=-0.644,
    agrees=_within(-0.644, 0.4),
    tolerance="within 0.4 nats",
    otherwise="this model does not predict the repeat",
)
def second_log_prob(loss: xr.Dataset, blog: xr.Dataset) -> Shown:
    """above -5 nats"""
    measured, corrected = _half(loss, blog, "second", "log_prob")
    return Shown(measured, corrected, corrected.value > -5)


@post_claim(
    "C3",
    "loss",
    needs=_LOSS,
    says="accuracy, first half",
    post=0.0,
    agrees=_within(0.0, 0.04),
    tolerance="at most 0.04",
    otherwise="it guesses random tokens more often than it should be able to",
)
def first_accuracy(loss: xr.Dataset, blog: xr.Dataset) -> Shown:
    """below 0.02"""
    measured, corrected = _half(loss, blog, "first", "accuracy")
    return Shown(measured, corrected, corrected.value < 0.02)


@post_claim(
    "C4",
    "loss",
    needs=_LOSS,
    says="accuracy, second half",
    post=0.93,
    agrees=_within(0.93, 0.08),
    tolerance="within 0.08",
    otherwise="this model does not look the repeat up",
)
def second_accuracy(loss: xr.Dataset, blog: xr.Dataset) -> Shown:
    """above 0.5"""
    measured, corrected = _half(loss, blog, "second", "accuracy")
    return Shown(measured, corrected, corrected.value > 0.5)


@post_claim(
    "C5",
    "scan",
    needs=_SCORES,
    says="induction score of the best head (GPT2-small: L5H5)",
    post=0.91,
    agrees=_within(0.91, 0.05),
    tolerance="within 0.05",
    otherwise="no head looks where an induction head would",
)
def induction_head(scores: xr.Dataset, blog: xr.Dataset) -> Shown:
    """the best head's above 0.5"""
    _, head = choose_pair(scores)
    return _head(blog["induction_blog"], scores["induction"], head)


@post_claim(
    "C6",
    "scan",
    needs=_SCORES,
    says="a previous-token head with a clear diagonal (GPT2-small: L4H11)",
    post=0.5,
    agrees=lambda value: value >= 0.5,
    tolerance="score at least 0.5",
    otherwise="no head looks one token back all the time",
)
def previous_token_head(scores: xr.Dataset, blog: xr.Dataset) -> Shown:
    """the best head's above 0.5"""
    head, _ = choose_pair(scores)
    return _head(blog["previous_token"], scores["previous_token"], head)


@post_claim(
    "C7",
    "mlps",
    needs=("mlp_positions", "mlp_second_half"),
    says="replacing one MLP output leaves the loss unchanged, but for the first token: "
    "largest change elsewhere",
    post=0.1,
    agrees=_within(0.0, 0.1),
    tolerance="at most 0.1 nats",
    otherwise="replaced MLP outputs do change the prediction; chapter 4 asks whether they were "
    "needed or whether what took their place does the harm",
)
def no_mlp_matters(positions: xr.Dataset, second_half: xr.Dataset) -> Shown:
    """neither one output past the first position nor a layer's whole second half changes it by more
    than 0.1 nats
    """
    elsewhere = positions["grid_blog"].isel(position=slice(1, None))
    largest = elsewhere.isel(abs(elsewhere).argmax(...))
    whole = summarize(second_half["effect"].isel(target=slice(1, None)).mean("target"))
    layer = int(whole["mean"].to_numpy().argmax())
    corrected = number_in(whole.isel(layer=layer))
    subject = f"one output: layer {int(largest['layer'])}; whole half: layer {layer}"
    unchanged = max(abs(float(largest)), abs(corrected.value)) <= 0.1
    return Shown(Number(float(largest)), corrected, unchanged, subject)


@post_claim(
    "C8",
    "circuit",
    needs=("circuit",),
    says="top-1 accuracy of the two-head circuit, raw W_E (GPT2-small: L4H11 > L5H5)",
    post=0.2283,
    agrees=_within(0.2283, 0.02),
    tolerance="within 0.02",
    otherwise="with raw W_E the weights of the two heads hardly match tokens: chapter 5 feeds "
    "them what they really read",
    either=True,  # the post does not say whether it took its top-1 along queries or along keys
)
def two_heads(circuit: xr.Dataset) -> Shown:
    """more than 10 times chance"""
    accuracy = circuit["accuracy"].sel(k=1)
    is_post = circuit.attrs["model"] == POST_MODEL
    pair = " > ".join(map(str, POST_PAIR)) if is_post else str(accuracy["pair"].to_numpy()[0])
    blog, corrected = (float(accuracy.sel(pair=pair, along=along)) for along in ("queries", "keys"))
    chance = float(circuit["accuracy"].attrs["chance"])
    subject = f"{pair}; chance: {show(chance)}"
    return Shown(Number(blog), Number(corrected), corrected > 10 * chance, subject)


def _half(
    loss: xr.Dataset,
    blog: xr.Dataset,
    half: Literal["first", "second"],
    column: Literal["log_prob", "accuracy"],
) -> tuple[Number, Number]:
    """A half's number the post's way, which counts the boundary with the second half, and ours."""
    post_half = "second_blog" if half == "second" else half
    row = summarize_loss(loss).loc[half]
    return (
        Number(float(summarize_loss(blog).loc[post_half, column])),
        Number(*(float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))),
    )


def _head(blog: xr.DataArray, scores: xr.DataArray, head: Head) -> Shown:
    """One head's score on both samples."""
    measured, corrected = (
        number_in(summarize(each.sel(layer=head.layer, head=head.head))) for each in (blog, scores)
    )
    return Shown(measured, corrected, corrected.value > 0.5, str(head))
