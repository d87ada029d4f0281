"""Inside an intervention everything sees it, outside nothing does."""

import copy

import pandas as pd
import pytest
import torch
import xarray as xr
from transformers import GPT2Config
from unchecked import unchecked
from without import predict_without

from helpers import (
    Head,
    ablate,
    activations,
    get_attention,
    log_probs,
    patch,
    patch_path,
    predict_next,
    sample_repeated_tokens,
    select_heads,
)
from helpers.inputs import bos_token
from helpers.interventions import AblationValues
from helpers.models import Site, UnsupportedModelError, network_model, untrained_network

TEXT = "the old king gave the gold ring to anna, and then the old king gave the gold"


@pytest.fixture(scope="module")
def sample(mini):
    return sample_repeated_tokens(mini, n=6, sequences=5, seed=2)


def likeliest(model) -> tuple[str, float]:
    first = predict_next(model, TEXT).iloc[0]
    return first["token"], first["probability"]


def test_a_model_forgets_without_its_induction_heads_and_remembers_after(mini):
    assert likeliest(mini) == ("ring", pytest.approx(0.999, abs=1e-3))
    with ablate(mini, select_heads(mini, "induction")):
        assert likeliest(mini)[1] < 0.01
    assert likeliest(mini) == ("ring", pytest.approx(0.999, abs=1e-3))


@pytest.mark.parametrize("method", ["zero", "mean", "resample"])
def test_it_is_what_the_fast_engine_does(mini, sample, method):
    """The same removal by a context and by replaying the tail: the same log-probabilities."""
    parts = ["L1H1", Head(0, 3), "L2.mlp", "L3.attn"]
    fast = predict_without(mini, sample.tokens, [mini.parse_parts(parts)], method=method)[0]
    with ablate(mini, parts, method=method, reference=sample):
        plain = log_probs(mini, sample)
    assert torch.allclose(torch.tensor(plain.to_numpy()), fast, atol=1e-4)


def test_batches_do_not_matter_for_whose_values_a_sequence_gets(mini, sample, monkeypatch):
    with ablate(mini, "L1H1", method="resample", reference=sample):
        together = log_probs(mini, sample)
        monkeypatch.setattr(type(mini), "tokens_at_once", 13)  # one sequence at a time
        alone = log_probs(mini, sample)
    assert abs(together - alone).max() < 1e-5


def test_nested_contexts_add_up_and_take_their_values_from_the_clean_model(mini, sample):
    """The inner mean is that of the clean model, so the order of nesting does not matter."""
    with ablate(mini, ["L0H1", "L1H1"], reference=sample):
        together = log_probs(mini, sample)
    with ablate(mini, "L0H1", reference=sample), ablate(mini, "L1H1", reference=sample):
        nested = log_probs(mini, sample)
        assert nested.attrs["interventions"].count("ablate") == 2
    with ablate(mini, "L1H1", reference=sample), ablate(mini, "L0H1", reference=sample):
        turned = log_probs(mini, sample)
    assert abs(together - nested).max() < 1e-6 and abs(together - turned).max() < 1e-6


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_or_ctrl_c_leaves_the_model_clean(mini, sample, error):
    clean = log_probs(mini, sample)
    for context in (
        ablate(mini, "L1H1"),
        patch(mini, "L1.mlp", 0.0),
        patch_path(mini, "L0H1", "L1H1"),
        patch_path(mini, "L0H1", "L2H1", effect="total"),
    ):
        with pytest.raises(error), context:
            assert not mini.is_clean
            log_probs(mini, sample)
            raise error
        assert mini.is_clean and mini.attrs.keys() == {"model", "revision"}
        assert not any(block._forward_pre_hooks for block in mini.bridge.blocks)
        assert log_probs(mini, sample).identical(clean)


def test_ctrl_c_in_the_middle_of_a_run_leaves_the_model_clean(mini, sample):
    def interrupt(_activation):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ablate(mini, "L0H1"):
        with mini.hooked({Site("resid_post", 2): interrupt}):
            log_probs(mini, sample)
    assert mini.is_clean and mini.now.first_row == 0 and mini.now.resting == "none"


def test_results_name_what_was_done_and_where_values_come_from(mini, sample):
    with ablate(mini, ["L1H1", "L2.mlp"]) as words:
        assert words == ("ablate L1H1, L2.mlp (mean of 32 repeated sequences, N = 50, seed 0)")
        for result in (
            predict_next(mini, TEXT),
            log_probs(mini, sample),
            get_attention(mini, TEXT, "L3H0"),
            activations(mini, TEXT, "L3H0"),
        ):
            assert isinstance(result, (pd.DataFrame, xr.DataArray))
            assert result.attrs["interventions"] == words
    with ablate(mini, "L1H1", method="zero", reference=sample) as words:
        assert words == "ablate L1H1 (zero)"
    assert "interventions" not in predict_next(mini, TEXT).attrs


def test_text_ids_and_samples_are_read_alike(mini):
    ids = mini.tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    tokens = [bos_token(mini), *ids]
    by_text, by_ids = predict_next(mini, TEXT), predict_next(mini, tokens)
    assert by_text.equals(by_ids)
    assert by_text.equals(predict_next(mini, torch.tensor([tokens])))
    assert log_probs(mini, TEXT).equals(log_probs(mini, tokens))


def test_what_a_donor_gave_is_put_in_place(mini, sample):
    donor = activations(mini, sample, "L1.mlp")
    clean = log_probs(mini, sample)
    with patch(mini, "L1.mlp", donor):
        assert log_probs(mini, sample).equals(clean)
    with patch(mini, "L1.mlp", donor.roll(sequence=1, roll_coords=False), positions=[3]):
        moved = log_probs(mini, sample)
    assert (moved.sel(position=slice(1, 3)) == clean.sel(position=slice(1, 3))).all()
    assert abs(moved - clean).max() > 1e-4
    with patch(mini, "L1H3", 0.0), patch(mini, Site("resid_pre", 2), 0.0, positions=5):
        assert abs(activations(mini, sample, "L1H3")).max() == 0
        stream = activations(mini, sample, Site("resid_pre", 2))
        assert abs(stream.sel(position=5)).max() == 0 < abs(stream.sel(position=4)).min()


def test_somebody_elses_hooks_are_seen_too(mini, sample):
    """Hooks set with TransformerLens' own tools: nothing replayed hides them."""
    groups = [[], [Head(2, 1)]]
    with mini.bridge.hooks(fwd_hooks=[("blocks.0.hook_mlp_out", lambda x, hook: 0 * x)]):
        assert not mini.is_clean
        inside = predict_without(mini, sample.tokens, groups, method="zero")
    with patch(mini, "L0.mlp", 0.0):
        ours = predict_without(mini, sample.tokens, groups, method="zero")
    assert torch.allclose(inside, ours, atol=1e-5)
    assert (inside - predict_without(mini, sample.tokens, groups, method="zero")).abs().max() > 1


def test_bad_requests_name_the_way_out(mini, compiled, sample):
    for bad, said in (
        (lambda: ablate(mini, "L9H1"), "L9H1 does not exist: the model has layers 0-3"),
        (lambda: ablate(mini, "L9.mlp"), "L9.mlp does not exist: the model has layers 0-3"),
        (lambda: ablate(mini, "five"), '"L5H1" for a head, "L3.mlp" or "L3.attn" for a layer'),
        (lambda: ablate(mini, []), "Give at least one"),
        (lambda: ablate(mini, "L1H1", reference="the king"), "at least 2, got 1"),
        (lambda: patch(mini, "L1.mlp.out", 0.0), "names no part.*L3.resid_pre"),
        (lambda: patch(mini, Site("resid_mid", 1), 0.0), "Unknown kind 'resid_mid'"),
        (lambda: patch(mini, "L9.resid_pre", 0.0), "L9.resid_pre does not exist"),
        (lambda: patch(mini, "L1.pattern", 0.0, positions=3), "heads, queries and keys"),
        (lambda: ablate(mini, "L1.resid_pre"), "not what a layer writes"),
        (lambda: ablate(mini, "L1H1", method="first_half"), "there are zero, mean, resample"),
        (lambda: patch_path(mini, "L1H1", "L1H2"), "not in an earlier layer"),
    ):
        with pytest.raises(ValueError, match=said), bad():
            pass
    with pytest.raises(ValueError, match="One part is wanted"):
        next(unchecked(patch)(mini, ["L1H1", "L1H2"], 0.0))
    with pytest.raises(ValueError, match="One head is wanted here, got L1H1, L1H2"):
        next(unchecked(patch_path)(mini, "L0H1", ["L1H1", "L1H2"]))
    with pytest.raises(UnsupportedModelError, match="attention-only"), ablate(compiled, "L3.mlp"):
        pass
    with (
        pytest.raises(ValueError, match="does not fit L1.mlp"),
        patch(mini, "L1.mlp", torch.zeros(5, 3, mini.d_model)),
    ):
        log_probs(mini, sample)
    with (
        pytest.raises(UnsupportedModelError, match=r"'mlp_out' in layer 3"),
        compiled.hooked({Site("mlp_out", 3): lambda x: None}),
    ):
        pass


def test_values_can_be_taken_once_and_used_often(mini, sample):
    values = AblationValues(mini, sample.tokens, [Site("z", 1)], method="mean")
    with ablate(mini, "L1H1", reference=values):
        one = log_probs(mini, sample)
    with ablate(mini, "L1H1", reference=sample):
        assert abs(one - log_probs(mini, sample)).max() < 1e-6


def test_values_for_other_heads_are_refused(mini, sample):
    values = AblationValues(mini, sample.tokens, [Site("z", 1)], method="mean")
    with pytest.raises(ValueError, match="not for L2.z"), ablate(mini, "L2H1", reference=values):
        pass


@pytest.mark.parametrize("method", ["zero", "mean", "resample"])
def test_a_removal_inside_a_removal_is_both(mini, sample, method):
    """What the chapters remove inside a context is what nested contexts remove."""
    group = [Head(1, 1), Head(2, 2)]
    with ablate(mini, "L0H1", method=method, reference=sample):
        inside = predict_without(mini, sample.tokens, [group], method=method)[0]
        with ablate(mini, group, method=method, reference=sample):
            nested = log_probs(mini, sample)
    assert torch.allclose(inside, torch.tensor(nested.to_numpy()), atol=1e-5)
    with patch_path(mini, "L0H1", "L2H2", effect="total", reference=sample):
        inside = predict_without(mini, sample.tokens, [[Head(1, 4)]], method=method)[0]
        with ablate(mini, "L1H4", method=method, reference=sample):
            nested = log_probs(mini, sample)
    assert torch.allclose(inside, torch.tensor(nested.to_numpy()), atol=1e-5)


@pytest.mark.parametrize("effect", ["direct", "total"])
def test_the_order_of_contexts_does_not_matter(mini, sample, effect):
    """A sender that is ablated has nothing left to take from the path."""
    path = {"effect": effect, "reference": sample}
    with ablate(mini, "L0H1", reference=sample):
        alone = get_attention(mini, sample, "L1H1")
    with ablate(mini, "L0H1", reference=sample), patch_path(mini, "L0H1", "L1H1", **path):
        outside_in = get_attention(mini, sample, "L1H1")
    with patch_path(mini, "L0H1", "L1H1", **path), ablate(mini, "L0H1", reference=sample):
        inside_out = get_attention(mini, sample, "L1H1")
    assert abs(outside_in - alone).max() < 1e-5 and abs(inside_out - alone).max() < 1e-5


def test_contexts_that_end_out_of_order_take_back_what_is_theirs(mini, sample):
    first, second = ablate(mini, "L0H1", reference=sample), ablate(mini, "L1H1", reference=sample)
    first.__enter__(), second.__enter__()
    first.__exit__(None, None, None)
    left = log_probs(mini, sample)
    second.__exit__(None, None, None)
    with ablate(mini, "L1H1", reference=sample):
        alone = log_probs(mini, sample)
    assert left.identical(alone) and mini.is_clean


def test_transformer_lens_own_cache_sees_the_outer_run_only(mini, sample):
    """Inside a patched path blocks run once more; a reader's hooks must not see that."""
    names = ["blocks.1.hook_resid_pre", "blocks.2.hook_resid_pre", "blocks.2.attn.hook_pattern"]
    for effect in ("direct", "total"):
        with patch_path(mini, "L0H1", "L2H2", effect=effect, reference=sample):
            _, cache = mini.bridge.run_with_cache(
                sample.tokens, names_filter=lambda name: name in names
            )
            for name, site in zip(
                names, ("L1.resid_pre", "L2.resid_pre", "L2.pattern"), strict=True
            ):
                ours = torch.tensor(activations(mini, sample, site).to_numpy())
                assert torch.allclose(cache[name], ours, atol=1e-5)


def test_names_on_a_donor_say_which_dimension_is_which(mini, sample):
    donor = activations(mini, sample, "L1.mlp")
    with patch(mini, "L1.mlp", donor * 0.5):
        right = log_probs(mini, sample)
    with patch(mini, "L1.mlp", (donor * 0.5).transpose("position", "sequence", "d")) as words:
        assert log_probs(mini, sample).drop_attrs().equals(right.drop_attrs())
    assert words == f"patch L1.mlp (a value of shape {donor.shape})"


def test_zero_leaves_the_value_bias_where_it_is_folded():
    """What the docstring says: in plain transformers z holds the bias too, so zeroing takes it."""
    network = untrained_network(
        GPT2Config(
            n_layer=2,
            n_head=4,
            n_embd=32,
            vocab_size=60,
            bos_token_id=0,
            eos_token_id=0,
            initializer_range=0.3,
        )
    )
    with torch.no_grad():
        for block in network.transformer.h:
            block.attn.c_attn.bias.normal_(generator=torch.Generator().manual_seed(0))
    biased = network_model(lambda: copy.deepcopy(network), "biased", "random weights")
    tokens = torch.randint(1, 50, (3, 9), generator=torch.Generator().manual_seed(1))
    bias = network.transformer.h[1].attn.c_attn.bias[-8:]  # the last head's values

    def put(rest):
        def hook(_module, args):
            z = args[0].clone()
            z[:, 1:, -8:] = rest
            return (z,)

        with torch.no_grad():
            handle = network.transformer.h[1].attn.c_proj.register_forward_pre_hook(hook)
            logits = network(tokens).logits.log_softmax(-1)
            handle.remove()
            return logits

    with ablate(biased, "L1H3", method="zero"):
        found = biased(tokens).log_softmax(-1)
    assert found.sub(put(bias)).abs().max() < 1e-4
    assert found.sub(put(0.0)).abs().max() > 1e-3
