"""What the weights of the circuit say, in words."""

import xarray as xr

from helpers.prose.parts import Prose


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
