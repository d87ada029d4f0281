"""The post's claims against what a run measured."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import xarray as xr

from helpers.experiments import summarize_loss
from helpers.heads import Head
from helpers.results import find_pair, load_result, summarize

Verdict = Literal["reproduced", "differs", "not comparable (model is not gpt2)", "not measured"]

POST_MODEL = "gpt2"
POST_PREVIOUS = Head(4, 11)
POST_INDUCTION = Head(5, 5)

LOSS_BLOG, LOSS = "loss_blog", "loss"
SCORES_BLOG, SCORES = "scores_blog", "scores"
MLP_POSITIONS, MLP_SECOND_HALF = "mlp_positions", "mlp_second_half"
CIRCUIT = "circuit"
"""Names under which the notebooks keep their results."""


@dataclass(frozen=True)
class Number:
    """One measured number, with its 95 % interval and its chance level if it has them."""

    value: float
    low: float = math.nan
    high: float = math.nan
    chance: float = math.nan


@dataclass(frozen=True)
class Claim:
    """What the post says, how close a run must come, and the pattern that any model can show.

    Args:
        id: C1 … C8.
        text: The claim in words.
        post: The post's number; for C6 and C7, which it shows as pictures, the limit that
            stands for the picture here.
        agrees: Whether a number measured the post's way on gpt2 reproduces the claim.
        tolerance: The same in words.
        pattern: Whether a number of any model, measured the corrected way, shows the pattern.
        pattern_text: The same in words.
    """

    id: str
    text: str
    post: float
    agrees: Callable[[float], bool]
    tolerance: str
    pattern: Callable[[Number], bool]
    pattern_text: str


def _within(post: float, tolerance: float) -> Callable[[float], bool]:
    return lambda value: abs(value - post) <= tolerance


# Tolerances of C1-C5 allow for another random draw (one sequence of 50 tokens; 30 for C5); C8 has
# no draw, its tolerance allows for how weights are processed.
CLAIMS = (
    Claim(
        "C1",
        "mean log-prob of the right token, first half",
        -13.898,
        _within(-13.898, 1.5),
        "within 1.5 nats",
        lambda n: n.value < -5,
        "below -5 nats",
    ),
    Claim(
        "C2",
        "mean log-prob of the right token, second half",
        -0.644,
        _within(-0.644, 0.4),
        "within 0.4 nats",
        lambda n: n.value > -5,
        "above -5 nats",
    ),
    Claim(
        "C3",
        "accuracy, first half",
        0.0,
        lambda v: v <= 0.04,
        "at most 0.04",
        lambda n: n.value < 0.02,
        "below 0.02",
    ),
    Claim(
        "C4",
        "accuracy, second half",
        0.93,
        _within(0.93, 0.08),
        "within 0.08",
        lambda n: n.value > 0.5,
        "above 0.5",
    ),
    Claim(
        "C5",
        "induction score of L5H5",
        0.91,
        _within(0.91, 0.05),
        "within 0.05",
        lambda n: n.value > 0.5,
        "the best head's above 0.5",
    ),
    Claim(
        "C6",
        "L4H11 is a previous-token head (a clear diagonal)",
        0.5,
        lambda v: v >= 0.5,
        "score at least 0.5",
        lambda n: n.value > 0.5,
        "the best head's above 0.5",
    ),
    Claim(
        "C7",
        "replacing one MLP output leaves the loss unchanged, but for the first token: "
        "largest change elsewhere",
        0.1,
        lambda v: abs(v) <= 0.1,
        "at most 0.1 nats",
        lambda n: n.value > 0.1,
        "the whole second half at once changes it by more than 0.1 nats",
    ),
    Claim(
        "C8",
        "top-1 accuracy of the two-head circuit L4H11 > L5H5, raw W_E",
        0.2283,
        _within(0.2283, 0.02),
        "within 0.02",
        lambda n: n.value > 10 * n.chance,
        "more than 10 times chance",
    ),
)


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


def collect_claims(folder: Path) -> list[Measured]:
    """Compare the results of a run with the post's claims.

    Args:
        folder: Where the notebooks kept their results (`build/<model>/data`).

    Returns:
        One line a claim, C1 … C8; claims whose notebook did not finish are "not measured".

    Raises:
        FileNotFoundError: If the folder holds no result at all.
        ValueError: If its results are of different models.
    """
    found = {path.stem: load_result(path) for path in sorted(folder.glob("*.nc"))}
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no results. Run `make notebooks` (or `python -m helpers run`) first."
            " It keeps them there."
        )
    models = {(str(r.attrs["model"]), str(r.attrs["revision"])) for r in found.values()}
    if len(models) > 1:
        raise ValueError(f"{folder} mixes results of {sorted(models)}: run the notebooks again.")
    ((model, revision),) = models
    numbers = _measure(found, is_post=model == POST_MODEL)
    return [_judge(claim, *numbers[claim.id], model, revision) for claim in CLAIMS]


def tabulate_claims(claims: list[Measured]) -> pd.DataFrame:
    """The claims as a table for people.

    Args:
        claims: Result of `collect_claims`.

    Returns:
        One row a claim: post, blog, corrected with interval, verdict, and whether the model shows
        the same pattern.
    """
    rows = [
        {
            "claim": f"{line.id} {line.claim}",
            "post": f"{line.post:g}",
            "blog": _show(line.blog),
            "corrected": _show(line.corrected)
            + (f" [{_show(line.low)}, {_show(line.high)}]" if line.low is not None else ""),
            "measured on": f"{line.model} {line.subject}".strip(),
            "verdict": line.verdict,
            "same pattern": {True: "yes", False: "no", None: "–"}[line.shows_pattern],
        }
        for line in claims
    ]
    return pd.DataFrame(rows).set_index("claim")


def claims_as_json(claims: list[Measured]) -> list[dict[str, object]]:
    """The claims as plain data; what was not measured is null."""
    return [asdict(line) for line in claims]


_Pair = tuple[Number | None, Number | None, str]


def _measure(found: dict[str, xr.Dataset], *, is_post: bool) -> dict[str, _Pair]:
    numbers: dict[str, _Pair] = {claim.id: (None, None, "") for claim in CLAIMS}
    if LOSS in found and LOSS_BLOG in found:
        corrected, blog = summarize_loss(found[LOSS]), summarize_loss(found[LOSS_BLOG])
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
    if SCORES in found and SCORES_BLOG in found:
        scores, blog_scores = found[SCORES], found[SCORES_BLOG]
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
    if MLP_POSITIONS in found and MLP_SECOND_HALF in found:
        elsewhere = found[MLP_POSITIONS]["grid_blog"].isel(position=slice(1, None))
        at = abs(elsewhere).argmax(...)
        whole = summarize(
            found[MLP_SECOND_HALF]["effect"].isel(target=slice(1, None)).mean("target")
        )
        layer = int(whole["mean"].to_numpy().argmax())
        numbers["C7"] = (
            Number(float(elsewhere.isel(at))),
            Number(*(float(whole[end][layer]) for end in ("mean", "low", "high"))),
            f"layer {int(elsewhere['layer'][at['layer']])}, whole half: layer {layer}",
        )
    if CIRCUIT in found:
        accuracy = found[CIRCUIT]["accuracy"].sel(k=1)
        wanted = f"{POST_PREVIOUS} > {POST_INDUCTION}"
        pair = wanted if is_post else str(accuracy["pair"].to_numpy()[0])
        both = accuracy.sel(pair=pair)
        chance = float(found[CIRCUIT]["accuracy"].attrs["chance"])
        numbers["C8"] = (
            Number(float(both.sel(along="queries")), chance=chance),
            Number(float(both.sel(along="keys")), chance=chance),
            pair,
        )
    return numbers


def _head_number(scores: xr.DataArray, head: Head) -> Number:
    interval = summarize(scores.sel(layer=head.layer, head=head.head))
    return Number(*(float(interval[end]) for end in ("mean", "low", "high")))


def _judge(
    claim: Claim,
    blog: Number | None,
    corrected: Number | None,
    subject: str,
    model: str,
    revision: str,
) -> Measured:
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
        blog=_plain(blog.value) if blog else None,
        corrected=_plain(corrected.value) if corrected else None,
        low=_plain(corrected.low) if corrected else None,
        high=_plain(corrected.high) if corrected else None,
        verdict=verdict,
        pattern=claim.pattern_text,
        shows_pattern=claim.pattern(corrected) if corrected else None,
        subject=subject,
        model=model,
        revision=revision,
    )


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _show(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) >= 0.01 else f"{value:.4f}"
