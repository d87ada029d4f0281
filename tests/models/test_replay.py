"""Replaying the tail of a clean run gives the clean run, for every kind of model."""

import pytest
import torch
from shapes import LLAMA, NEOX

from helpers import sample_repeated_tokens
from helpers.models import Model, NotReplayableError, record, untrained_model


@pytest.fixture(scope="module", params=["mini", "llama", "neox"])
def model(request) -> Model:
    if request.param == "mini":
        return request.getfixturevalue("mini")
    return untrained_model({"llama": LLAMA, "neox": NEOX}[request.param])


@pytest.mark.parametrize("batch", [1, 3])
def test_every_block_repeats_itself_on_late_positions_only(model, batch):
    run = record(model, sample_repeated_tokens(model, n=7, sequences=batch).tokens)
    assert len(run.residuals) == model.n_layers + 1
    sequence = torch.tensor([batch - 1, 0, 0])
    for layer in range(model.n_layers):
        for start, stop in [(0, 15), (9, 14), (14, 15)]:
            again = run.block(
                layer,
                run.residuals[layer][sequence, start:stop],
                sequence=sequence,
                start=start,
            )
            expected = run.residuals[layer + 1][sequence, start:stop]
            assert torch.allclose(again, expected, atol=1e-4, rtol=1e-4)


def test_recording_leaves_nothing_behind(mini):
    tokens = sample_repeated_tokens(mini, n=7, sequences=2).tokens
    before = mini(tokens)
    record(mini, tokens)
    assert torch.equal(mini(tokens), before)
    assert all(
        not block._forward_pre_hooks and not block._forward_hooks for block in mini.bridge.blocks
    )


def test_a_model_without_a_cache_cannot_be_replayed(compiled):
    tokens = sample_repeated_tokens(compiled, n=4, sequences=1).tokens
    with pytest.raises(NotReplayableError, match="compiled keeps no plain cache"):
        record(compiled, tokens)


def test_an_argument_that_belongs_to_no_position_is_refused(mini):
    run = record(mini, sample_repeated_tokens(mini, n=4, sequences=1).tokens)
    run._calls[1][1]["odd"] = torch.zeros(5, 5)
    with pytest.raises(NotReplayableError, match=r"an argument of shape \(5, 5\)"):
        run.block(1, run.residuals[1], sequence=torch.tensor([0]), start=0)


def test_untrained_models_are_seeded_and_leave_the_global_generator_alone():
    state = torch.random.get_rng_state()
    one, same, other = (untrained_model(LLAMA, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(one.W_E, same.W_E) and not torch.equal(one.W_E, other.W_E)
    assert one.name == "untrained-llama" and "seed 2" in other.source.revision
