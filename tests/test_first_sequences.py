"""Measuring the first few sequences only is measuring those of the whole sample, to the number."""

import numpy as np
import pytest

from helpers import sample_repeated_tokens
from helpers.chapters import mlps, paths, removal

FEW = 9
HEADS = {"induction": ["L1H3", "L2H0", "L3H5"], "previous_token": ["L0H1"]}
LATER = HEADS["induction"]
MEASURES = {
    "ablate_layers": lambda *of, **more: mlps.ablate_layers(*of, methods=["mean"], **more),
    "remove_groups": lambda *of, **more: removal.remove_groups(
        *of, HEADS, methods=["mean", "resample"], draws=2, **more
    ),
    "remove_in_order": lambda *of, **more: removal.remove_in_order(*of, LATER, draws=2, **more),
    "remove_mlps": removal.remove_mlps,
    "score_without": lambda *of, **more: paths.score_without(
        *of, LATER, {"previous": "L0H1"}, draws=2, **more
    ),
    "measure_paths": lambda *of, **more: paths.measure_paths(*of, "L0H1", "L2H0", **more),
    "measure_faithfulness": lambda *of, **more: paths.measure_faithfulness(
        *of, HEADS, draws=2, **more
    ),
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_first_sequences_are_those_of_the_whole_sample(mini, name):
    sample = sample_repeated_tokens(mini, n=10, sequences=12, seed=3)
    whole, few = (MEASURES[name](mini, sample, first=first) for first in (None, FEW))
    assert few.attrs["measured"] == FEW and whole.attrs["measured"] == 12
    for variable in few.data_vars:
        if few[variable].dtype.kind != "f":
            continue
        wanted = whole[variable]
        if "sequence" in wanted.dims:
            assert few[variable].sizes["sequence"] == FEW
            wanted = wanted.isel(sequence=slice(FEW))
        np.testing.assert_allclose(few[variable], wanted, atol=1e-4)
