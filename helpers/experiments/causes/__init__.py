"""Notebook 7: does the induction head work because of the previous-token head, by which path?"""

from helpers.experiments.causes.dependence import score_without
from helpers.experiments.causes.faithfulness import measure_faithfulness
from helpers.experiments.causes.logits import attribute_logits
from helpers.experiments.causes.paths import cut_paths

__all__ = ["attribute_logits", "cut_paths", "measure_faithfulness", "score_without"]
