"""Where a number comes from, written on the number."""

from helpers.models import Model
from helpers.results import Value
from helpers.texts import TextSample
from helpers.tokens import RepeatedTokens

RANDOM_SEQUENCES = 8
"""On how many sequences random heads are measured: many draws of heads matter more there."""


def run_attrs(model: Model, sample: RepeatedTokens | None = None) -> dict[str, Value]:
    """Attributes that say which model and which sample a result was measured on.

    Args:
        model: The model.
        sample: The token sequences, if the result depends on any.

    Returns:
        Attributes for a labelled result.
    """
    attrs: dict[str, Value] = {"model": model.name, "revision": model.source.revision}
    if sample is not None:
        attrs |= {
            "n": sample.n,
            "sequences": len(sample),
            "seed": sample.seed,
            "sampling": sample.sampling,
        }
    return attrs


def text_attrs(model: Model, text: TextSample) -> dict[str, Value]:
    """Attributes that say which model and which text a result was measured on.

    Args:
        model: The model.
        text: The text.

    Returns:
        Attributes for a labelled result.
    """
    return {
        **run_attrs(model),
        "text": text.source,
        "length": text.length,
        "sequences": len(text),
        "seed": text.seed,
    }
