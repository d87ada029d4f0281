"""What the weights of the circuit say, in words."""

import numpy as np
import xarray as xr

from helpers.drawing.prose import Prose
from helpers.heads import Head


def describe_circuit(circuit: xr.Dataset, embedded: xr.Dataset) -> Prose:
    """How well the two-head circuit matches tokens with themselves, in words.

    Args:
        circuit: Result of `score_two_head_circuit`.
        embedded: Result of `score_embeddings`.
    """
    accuracy = circuit["accuracy"].isel(pair=0).sel(k=1)
    chance = float(circuit["accuracy"].attrs["chance"])
    keys = float(accuracy.sel(along="keys"))
    embeddings = embedded["accuracy"].sel(k=1, along="keys")
    shares = ", ".join(
        f"{share:.1%} ({embedding})"
        for embedding, share in zip(
            embeddings["embedding"].to_numpy(), embeddings.to_numpy(), strict=True
        )
    )
    unread = say_unread(str(embedded.attrs["pair"]))
    return Prose(
        f"With raw W_E the circuit **{circuit['pair'].to_numpy()[0]}** of "
        f"**{circuit.attrs['model']}** matches {keys:.2%} of {circuit.attrs['tokens']:,} tokens "
        f"best with themselves along keys, {keys / chance:,.0f} times chance. "
        f"On {embedded.attrs['tokens']:,} sampled tokens it matches {shares}; chance is "
        f"{embedded['accuracy'].attrs['chance']:.2%}."
        + (f" {unread}: it is there only after block 0." if unread else "")
    )


def say_unread(circuit: str) -> str:
    """Which writers of "L0H1 + L2H3 > L3H4" come before the effective embedding, or nothing."""
    writers = circuit.split(" > ")[0].split(" + ")
    first = " and ".join(name for name in writers if Head.parse(name).layer == 0)
    return f"{first} in layer 0 cannot read the effective embedding" if first else ""


def describe_circuit_baselines(baselines: xr.Dataset) -> Prose:
    """Whether any two heads would have done, in words.

    Args:
        baselines: Result of `score_circuit_baselines`.
    """
    accuracy = baselines["accuracy"].sel(along="keys", k=1)
    kinds, names = baselines["kind"].to_numpy(), baselines["pair"].to_numpy()
    chance = float(baselines["accuracy"].attrs["chance"])
    parts = []
    for embedding in baselines["embedding"].to_numpy():
        values = accuracy.sel(embedding=embedding).to_numpy()
        rivals = []
        for kind, plural in (("candidate", "other candidates"), ("random", "random pairs")):
            here = np.flatnonzero(kinds == kind)
            if len(here):
                top = here[values[here].argmax()]
                rivals.append(f"the best of {len(here)} {plural} {values[top]:.1%} ({names[top]})")
        parts.append(f"{embedding}: {', '.join([f'**{values[0]:.1%}**', *rivals])}")
    best = int(accuracy.isel(pair=0).to_numpy().argmax())
    values = accuracy.isel(embedding=best).to_numpy()
    as_good = names[1:][values[1:] >= values[0] / 2]
    if values[0] <= 5 * chance:
        verdict = "On no embedding does the pair do much better than chance"
    elif len(as_good) == 0:
        verdict = "On its best embedding no other pair comes half as far"
    else:
        verdict = f"On its best embedding at least half as far: {', '.join(as_good)}"
    return Prose(
        f"Top-1 along keys of **{names[0]}** in **{baselines.attrs['model']}**, on "
        f"{baselines.attrs['tokens']:,} sampled tokens. "
        f"{'; '.join(parts)}. Chance is {chance:.2%}. {verdict}."
    )


def describe_summed(summed: xr.Dataset) -> Prose:
    """What more than one previous-token head adds, in words.

    Args:
        summed: Result of `score_summed_circuit`.
    """
    accuracy = summed["accuracy"].sel(along="keys", k=1)
    added = summed["added"].to_numpy()
    parts = []
    for embedding in summed["embedding"].to_numpy():
        values = accuracy.sel(embedding=embedding).to_numpy()
        best = int(values.argmax())
        most = (
            "no further head adds to that"
            if best == 0
            else f"{values[best]:.1%} with {' + '.join(added[: best + 1])}, the most"
        )
        parts.append(
            f"On {embedding} embeddings {added[0]} alone gives {values[0]:.1%}; {most}; "
            f"all {len(added)} together give {values[-1]:.1%}."
        )
    return Prose(
        f"Top-1 along keys of what feeds **{summed.attrs['induction']}** of "
        f"**{summed.attrs['model']}**, on {summed.attrs['tokens']:,} sampled tokens. "
        f"{' '.join(parts)} Chance is {summed['accuracy'].attrs['chance']:.2%}."
    )


def describe_copying(copying: xr.Dataset, group: xr.Dataset) -> Prose:
    """Whether heads copy, alone and together, in words.

    Args:
        copying: Result of `score_copying`.
        group: Result of `score_group_copying`.
    """
    alone, random = copying["eigenvalue"].to_numpy(), group["random"].to_numpy()
    own, share = float(group["eigenvalue"]), float(group["top1"])
    above = int((random < own).sum())
    best = int(copying["top1"].to_numpy().argmax())
    names = copying["head_name"].to_numpy()
    return Prose(
        f"Alone, {', '.join(names)} of **{group.attrs['model']}** have eigenvalue scores from "
        f"{alone.min():+.2f} to {alone.max():+.2f} (-1 suppresses, 1 copies). "
        f"{group.attrs['heads']} summed score **{own:+.2f}**: {above} of {len(random)} random "
        f"groups of the same layers score less (median {np.median(random):+.2f}, highest "
        f"{random.max():+.2f}). Summed they promote {share:.2%} of {group.attrs['tokens']:,} "
        f"tokens above all others; the best single head, {names[best]}, "
        f"{float(copying['top1'][best]):.2%}; chance is "
        f"{1 / group.attrs['tokens']:.3%}."
    )
