"""Groups that are all removed in the same way, for tests."""

from collections.abc import Sequence

import torch
from torch import Tensor

from helpers.interventions import AblationMethod
from helpers.interventions.fast import Removal, run_removals
from helpers.models import Model, Part


def predict_without(
    model: Model,
    tokens: Tensor,
    groups: Sequence[Sequence[Part]],
    *,
    method: AblationMethod = "mean",
    targets: slice = slice(None),
    first: int | None = None,
) -> Tensor:
    """Log-probabilities over group, sequence and target; an empty group removes nothing."""
    removals = [Removal(group, method, first) for group in groups]
    found = run_removals(model, tokens, removals, targets=targets)
    return torch.stack([log_prob[:, targets] for log_prob in found])
