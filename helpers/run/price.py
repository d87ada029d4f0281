"""What a whole run will cost on this machine, said before it starts."""

import json
import math
import time

from safetensors import safe_open

from helpers.models.sources import Source

WORK = {"mini": 1.53, "smollm2": 119.84}
"""TFLOP of the whole walkthrough, as `python -m benchmarks work` counts them."""
SHARE, START = 0.8, 90.0
"""At which share of the rate of large products the walkthrough runs, and the seconds that its
kernels take to start and load: measured with both models on one machine of 201 GFLOP/s."""


def tell_price(source: Source) -> str:
    """Work, this machine's rate, the minutes that makes, and the cheaper choice.

    Args:
        source: The model.
    """
    work, rate = estimate_work(source), measure_rate()
    about = "" if source.name in WORK else " (estimated by its size)"
    said = (
        f"The walkthrough takes {work:.3g} TFLOP{about}; this machine does {rate / 1e9:.0f} "
        f"GFLOP/s: about {say_minutes(work, rate)}, if nothing else runs."
    )
    if source.name != "mini" and work > 10 * WORK["mini"]:
        said += f" Cheaper: MODEL=mini takes {say_minutes(WORK['mini'], rate)}."
    return said


def estimate_work(source: Source) -> float:
    """What the whole walkthrough on a model computes, in TFLOP.

    Counted for the models that ship. For any other one SmolLM2's, scaled by layers (most chapters
    do something in each) and by parameters (each of them is multiplied with for each token).

    Args:
        source: The model.
    """
    if source.name in WORK:
        return WORK[source.name]
    config = json.loads((source.directory / "config.json").read_text(encoding="utf-8"))
    layers = next((config[key] for key in ("n_layer", "num_hidden_layers") if key in config), 12)
    parameters = 0
    for path in source.directory.glob("*.safetensors"):
        with safe_open(path, framework="np") as file:
            parameters += sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118
    return WORK["smollm2"] * layers / 30 * parameters / 134.5e6


def measure_rate(seconds: float = 0.5) -> float:
    """Operations a second of this machine in float32 matrix products.

    Args:
        seconds: How long to try.
    """
    import torch

    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out, best = a @ b, math.inf
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - before)
    return 2 * 1024**3 / best


def say_minutes(work: float, rate: float) -> str:
    """How long a walkthrough of some TFLOP takes at a rate: "2 minutes"."""
    minutes = max(1, round((START + work * 1e12 / (SHARE * rate)) / 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"
