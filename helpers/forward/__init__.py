"""Running the model and keeping only what is asked for, batch by batch, layer by layer."""

from helpers.forward.direct import DirectLogits, direct_logits
from helpers.forward.observing import (
    Observer,
    activations,
    attention_patterns,
    batch_slices,
    observe,
    reduce_patterns,
    run_for_gradient,
    sequences_at_once,
)
from helpers.forward.predicting import Predictions, predict, predict_from

__all__ = [
    "DirectLogits",
    "Observer",
    "Predictions",
    "activations",
    "attention_patterns",
    "batch_slices",
    "direct_logits",
    "observe",
    "predict",
    "predict_from",
    "reduce_patterns",
    "run_for_gradient",
    "sequences_at_once",
]
