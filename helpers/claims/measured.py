"""The post's claims against what a run measured."""

from dataclasses import dataclass
from typing import Literal

import xarray as xr

from helpers.claims import numbers as names
from helpers.claims.numbers import Number, plain
from helpers.claims.post import CLAIMS, POST_INDUCTION, POST_MODEL, POST_PREVIOUS, Claim
from helpers.experiments import summarize_loss
from helpers.heads import Head
from helpers.results import find_pair, summarize

Verdict = Literal["reproduced", "differs", "not comparable (model is not gpt2)", "not measured"]


@dataclass(frozen=True)
class Measured:
    """One line of the claims table."""

    id: str
    claim: str
    post: float
    tolerance: str
    blog: float | None
    corrected: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    pattern: str
    shows_pattern: bool | None
    subject: str
    model: str
    revision: str


_Pair = tuple[Number | None, Number | None, str]


def measure_post(found: dict[str, xr.Dataset], *, is_post: bool) -> dict[str, _Pair]:
    """Each claim's number the post's way, the corrected way, and of which heads or layers.

    Args:
        found: Results by the names under which the notebooks keep them.
        is_post: Whether the model is the post's own, so that its heads are the ones to measure.
    """
    numbers: dict[str, _Pair] = {claim.id: (None, None, "") for claim in CLAIMS}
    if names.LOSS in found and names.LOSS_BLOG in found:
        corrected, blog = summarize_loss(found[names.LOSS]), summarize_loss(found[names.LOSS_BLOG])
        for claim, column, half in (
            ("C1", "log_prob", "first"),
            ("C2", "log_prob", "second"),
            ("C3", "accuracy", "first"),
            ("C4", "accuracy", "second"),
        ):
            post_half = "second_blog" if half == "second" else half
            row = corrected.loc[half]
            numbers[claim] = (
                Number(float(blog.loc[post_half, column])),
                Number(*(float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))),
                "",
            )
    if names.SCORES in found and names.SCORES_BLOG in found:
        scores, blog_scores = found[names.SCORES], found[names.SCORES_BLOG]
        previous, induction = (POST_PREVIOUS, POST_INDUCTION) if is_post else find_pair(scores)
        numbers["C5"] = (
            _head_number(blog_scores["induction_blog"], induction),
            _head_number(scores["induction"], induction),
            str(induction),
        )
        numbers["C6"] = (
            _head_number(blog_scores["previous_token"], previous),
            _head_number(scores["previous_token"], previous),
            str(previous),
        )
    if names.MLP_POSITIONS in found and names.MLP_SECOND_HALF in found:
        elsewhere = found[names.MLP_POSITIONS]["grid_blog"].isel(position=slice(1, None))
        at = abs(elsewhere).argmax(...)
        whole = summarize(
            found[names.MLP_SECOND_HALF]["effect"].isel(target=slice(1, None)).mean("target")
        )
        layer = int(whole["mean"].to_numpy().argmax())
        numbers["C7"] = (
            Number(float(elsewhere.isel(at))),
            Number(*(float(whole[end][layer]) for end in ("mean", "low", "high"))),
            f"layer {int(elsewhere['layer'][at['layer']])}, whole half: layer {layer}",
        )
    if names.CIRCUIT in found:
        accuracy = found[names.CIRCUIT]["accuracy"].sel(k=1)
        wanted = f"{POST_PREVIOUS} > {POST_INDUCTION}"
        pair = wanted if is_post else str(accuracy["pair"].to_numpy()[0])
        both = accuracy.sel(pair=pair)
        chance = float(found[names.CIRCUIT]["accuracy"].attrs["chance"])
        numbers["C8"] = (
            Number(float(both.sel(along="queries")), chance=chance),
            Number(float(both.sel(along="keys")), chance=chance),
            pair,
        )
    return numbers


def _head_number(scores: xr.DataArray, head: Head) -> Number:
    interval = summarize(scores.sel(layer=head.layer, head=head.head))
    return Number(*(float(interval[end]) for end in ("mean", "low", "high")))


def judge_post(
    claim: Claim,
    blog: Number | None,
    corrected: Number | None,
    subject: str,
    model: str,
    revision: str,
) -> Measured:
    """Hold one claim's numbers against the post.

    Args:
        claim: The claim.
        blog: Measured the post's way.
        corrected: Measured the careful way.
        subject: Which heads or layers.
        model: Name of the model.
        revision: Of which weights.
    """
    verdict: Verdict
    if blog is None or corrected is None:
        verdict = "not measured"
    elif model != POST_MODEL:
        verdict = "not comparable (model is not gpt2)"
    else:
        # The post does not say which way it took C8's top-1: either may be what it reports.
        ways = (blog, corrected) if claim.id == "C8" else (blog,)
        agrees = any(claim.agrees(number.value) for number in ways)
        verdict = "reproduced" if agrees else "differs"
    return Measured(
        id=claim.id,
        claim=claim.text,
        post=claim.post,
        tolerance=claim.tolerance,
        blog=plain(blog.value) if blog else None,
        corrected=plain(corrected.value) if corrected else None,
        low=plain(corrected.low) if corrected else None,
        high=plain(corrected.high) if corrected else None,
        verdict=verdict,
        pattern=claim.pattern_text,
        shows_pattern=claim.pattern(corrected) if corrected else None,
        subject=subject,
        model=model,
        revision=revision,
    )
