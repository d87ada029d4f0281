"""Models in which there is nothing to find: no claim about heads or circuits may hold."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr
from transformers import GPT2Config

from helpers import Model, find_pair, rank_heads, sample_repeated_tokens, sample_text
from helpers.chapters.circuit import (
    score_circuit_baselines,
    score_composition,
    score_embeddings,
    score_group_copying,
    score_summed_circuit,
)
from helpers.chapters.mlps import ablate_layers
from helpers.chapters.paths import (
    attribute_logits,
    measure_faithfulness,
    measure_paths,
    score_without,
)
from helpers.chapters.removal import remove_groups
from helpers.chapters.scan import score_heads, score_stability, select_groups
from helpers.chapters.text import (
    damage_repeat,
    measure_text_repeats,
    score_text_induction,
    separate_repeat,
)
from helpers.claims import EVIDENCE, OwnLine, collect_claims
from helpers.models import untrained_model
from helpers.results import save_result

N, SEQUENCES, DRAWS = 20, 16, 20
SHAPE = Path(__file__).parents[1] / "helpers/mini/model"


def all_results(model: Model) -> Iterator[tuple[str, xr.Dataset]]:
    """What the notebooks keep, with the best heads as groups however little they score."""
    sample = sample_repeated_tokens(model, n=N, sequences=SEQUENCES)
    text = sample_text(model, length=2 * N, sequences=SEQUENCES)
    scores = score_heads(model, sample)
    previous, induction = find_pair(scores)
    best = [head for head in rank_heads(scores)["head"] if head.layer > previous.layer]
    earlier = [
        head
        for head in rank_heads(scores, by="previous_token")["head"]
        if head.layer < min(head.layer for head in best[:3])
    ]
    induction_group = select_groups(scores)["induction"] or best[:4]
    groups = {"induction": induction_group, "previous_token": [previous]}
    everyone = sorted({*groups["induction"], previous})
    yield "scores", scores
    yield "stability", score_stability(model, n=N, sequences=SEQUENCES)
    yield "layers", ablate_layers(model, sample, text=text)
    yield "composition", score_composition(model)
    yield "embeddings", score_embeddings(model, previous, induction, tokens=300)
    candidates = rank_heads(scores, by="previous_token")["head"].head(4)
    yield (
        "circuit_baselines",
        score_circuit_baselines(model, previous, induction, candidates=candidates, tokens=300),
    )
    yield "circuit_summed", score_summed_circuit(model, earlier[:3], induction, tokens=300)
    yield "copying_group", score_group_copying(model, best[:4])
    yield "removed_groups", remove_groups(model, sample, groups, text=text, draws=DRAWS)
    without = {str(previous): [previous], "all of its kind": earlier[:2]}
    yield "dependence", score_without(model, sample, best[:3], without, draws=DRAWS)
    yield "cuts", measure_paths(model, sample, earlier[:2], best[:3])
    yield "direct_logits", attribute_logits(model, sample, groups, draws=DRAWS)
    circuits = {"the pair": [previous, induction], "all groups": everyone}
    yield "faithfulness", measure_faithfulness(model, sample, circuits, draws=DRAWS)
    yield "text_induction", score_text_induction(model, text, scores)
    yield "text_repeats", measure_text_repeats(model, text, best[:4], n=N)
    yield "damage", damage_repeat(model, sample, induction)
    yield "distance", separate_repeat(model, sample, induction)


@pytest.mark.parametrize("spread", [0.02, 0.2], ids=["as initialized", "sharp attention"])
def test_nothing_is_found_in_an_untrained_model_of_the_same_shape(tmp_path, spread):
    config = GPT2Config.from_pretrained(SHAPE, initializer_range=spread)
    model = untrained_model(config)
    assert (model.n_layers, model.n_heads, model.d_vocab) == (4, 8, 588)
    for name, result in all_results(model):
        save_result(result, tmp_path / f"{name}.nc")
    lines = [line for line in collect_claims(tmp_path) if isinstance(line, OwnLine)]
    assert len(lines) == len(EVIDENCE)
    assert [line.id for line in lines if line.verdict == "not run"] == []
    assert [line.id for line in lines if line.verdict == "holds"] == []


def test_the_same_road_finds_what_is_there(tmp_path, mini):
    """So that the null test means something: on the trained model these claims hold."""
    for name, result in all_results(mini):
        save_result(result, tmp_path / f"{name}.nc")
    held = {line.id for line in collect_claims(tmp_path) if line.verdict == "holds"}
    assert {"E4", "E10", "E13", "E14", "E15", "E18", "E19", "E22", "E23"} <= held, held
