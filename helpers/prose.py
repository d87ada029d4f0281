"""Sentences made from results, so that no text can say what the numbers do not."""

import pandas as pd
import xarray as xr

from helpers.heads import Head
from helpers.results import correlate_cells, rank_heads, summarize


class Prose(str):
    """Markdown text; a notebook renders it, everything else sees a string."""

    def _repr_markdown_(self) -> str:
        return str(self)


def describe_loss(loss: xr.Dataset, summary: pd.DataFrame) -> Prose:
    """How much better the second half is predicted, in words.

    Args:
        loss: Result of `measure_loss`.
        summary: Result of `summarize_loss`.
    """
    first, second, seam = (summary.loc[part] for part in ("first", "second", "seam"))
    gain = second["log_prob"] - first["log_prob"]
    uniform = float(loss.attrs["uniform"])
    n = int(loss.attrs["n"])
    worse = "worse" if first["log_prob"] < uniform else "better"
    return Prose(
        f"**{loss.attrs['model']}** gives the right token of the first half a log-probability of "
        f"{first['log_prob']:.2f} nats on average, {worse} than knowing nothing "
        f"({uniform:.2f}): random tokens cannot be guessed. In the second half it is "
        f"{second['log_prob']:.2f} [{second['log_prob_low']:.2f}, {second['log_prob_high']:.2f}], "
        f"**{gain:.2f} nats better**, and the first choice is right "
        f"{second['accuracy']:.0%} of the time. The seam alone costs {-seam['log_prob']:.2f} nats; "
        f"counted into the second half, as the post does, it would lower the mean by "
        f"{abs(second['log_prob'] - summary.loc['second_blog', 'log_prob']):.2f} nats, "
        f"about 1/{n} of what it costs."
    )


def describe_heads(scores: xr.Dataset, *, by: str = "induction") -> Prose:
    """Which heads lead a ranking and by how much, in words.

    Args:
        scores: Result of `score_heads`.
        by: The score.
    """
    ranking = rank_heads(scores, by=by)
    best, second = ranking.iloc[0], ranking.iloc[1]
    chance = float(scores[by].attrs["chance"])
    above = int((ranking[by].to_numpy() > 0.5).sum())
    apart = best["low"] > second["high"]
    lead = (
        f"its interval lies above that of the runner-up {second['head']} ({second[by]:.2f})"
        if apart
        else f"the runner-up {second['head']} ({second[by]:.2f}) overlaps with it"
    )
    name = by.replace("_", "-")
    return Prose(
        f"The best {name} head of **{scores.attrs['model']}** is **{best['head']}** "
        f"with a score of {best[by]:.2f} [{best['low']:.2f}, {best['high']:.2f}], "
        f"{_times(float(best[by]) / chance)} what uniform attention would score ({chance:.3f}); "
        f"{lead}. "
        f"{above} of {len(ranking)} heads score above 0.5."
    )


def _times(ratio: float) -> str:
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def describe_ablation(grid: xr.Dataset, whole: xr.Dataset) -> Prose:
    """What the post's grid and the whole second half say about the MLPs, in words.

    Args:
        grid: Result of `ablate_positions`.
        whole: Result of `ablate_second_half`.
    """
    cells = grid["grid_blog"]
    rest = cells.isel(position=slice(1, None))
    still = float((abs(rest) < 0.05).mean())
    summary = summarize(whole["effect"].isel(target=slice(1, None)).mean("target"))
    layer = int(summary["mean"].to_numpy().argmax())
    worst = summary.isel(layer=layer)
    return Prose(
        f"On **{grid.attrs['model']}** {still:.1%} of the grid's cells outside the first column "
        f"move the mean second-half loss by less than 0.05 nats (largest: "
        f"{float(abs(rest).max()):.3f}). But one cell can only move the targets after it, and is "
        f"averaged over {grid.sizes['target']} of them. With a layer's whole second half "
        f"replaced at once, layer {layer} stands out: "
        f"{float(worst['mean']):+.2f} nats "
        f"[{float(worst['low']):+.2f}, {float(worst['high']):+.2f}]."
    )


def describe_attribution(grid: xr.Dataset, estimate: xr.Dataset) -> Prose:
    """How far the gradient's estimate can be trusted, in words.

    Args:
        grid: Result of `ablate_positions`.
        estimate: Result of `attribute_positions` on the same sample.
    """
    exact, guess = grid["grid_blog"], estimate["grid_blog"]
    agreement = correlate_cells(exact, guess)
    place = abs(exact).argmax(...)
    true, guessed = float(exact.isel(place)), float(guess.isel(place))
    layer, position = int(exact["layer"][place["layer"]]), int(exact["position"][place["position"]])
    return Prose(
        f"On **{grid.attrs['model']}** the estimates of {agreement['cells']:.0f} cells correlate "
        f"with the exact effects by r = {agreement['pearson']:.2f} (ranks: "
        f"{agreement['spearman']:.2f}). The largest exact effect, layer {layer} at position "
        f"{position}, is {true:+.3f} nats; the gradient sees {guessed:+.3f}."
    )


def describe_circuit(circuit: xr.Dataset, ladder: xr.Dataset) -> Prose:
    """How well the two-head circuit matches tokens with themselves, in words.

    Args:
        circuit: Result of `score_two_head_circuit`.
        ladder: Result of `score_embedding_ladder`.
    """
    accuracy = circuit["accuracy"].isel(pair=0).sel(k=1)
    chance = float(circuit["accuracy"].attrs["chance"])
    keys = float(accuracy.sel(along="keys"))
    rungs = ladder["accuracy"].sel(k=1, along="keys")
    shares = ", ".join(
        f"{share:.1%} ({rung})"
        for rung, share in zip(rungs["rung"].to_numpy(), rungs.to_numpy(), strict=True)
    )
    return Prose(
        f"With raw W_E the circuit **{circuit['pair'].to_numpy()[0]}** of "
        f"**{circuit.attrs['model']}** matches {keys:.2%} of {circuit.attrs['tokens']:,} tokens "
        f"best with themselves along keys, {keys / chance:,.0f} times chance. "
        f"On {ladder.attrs['tokens']:,} sampled tokens it matches {shares}."
    )


def describe_pair(previous: Head, induction: Head) -> Prose:
    """Name the candidate circuit.

    Args:
        previous: Previous-token head.
        induction: Induction head.
    """
    return Prose(
        f"Candidate circuit: **{previous}** (previous token) → **{induction}** (induction)."
    )
