"""Running the model and looking at what it does."""

from helpers.running.collect import (
    Reduce,
    attention_patterns,
    batch_slices,
    collect,
    reduce_patterns,
    run_for_gradient,
    sequences_at_once,
    with_gradients,
)
from helpers.running.logit_attribution import (
    DirectLogits,
    direct_logits,
    logit_direction,
    target_directions,
)
from helpers.running.look import activations, get_all_attention, get_attention
from helpers.running.next_token import Predictions, log_probs, predict, predict_from, predict_next
from helpers.running.predict_at import SeenAt, predict_at
