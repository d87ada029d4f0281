"""Pictures and sentences of removals and causes, from numbers by hand."""

import numpy as np
import pytest
import xarray as xr
from pytest import approx

from helpers import Head
from helpers.chapters.mlps import describe_layer_controls, plot_layer_controls
from helpers.chapters.paths import (
    describe_cuts,
    describe_dependence,
    describe_direct_logits,
    describe_faithfulness,
    plot_cut_paths,
    plot_dependence,
    plot_direct_logits,
    plot_faithfulness,
)
from helpers.chapters.removal import (
    describe_curve,
    describe_dissociation,
    describe_groups,
    describe_removal,
    plot_dissociation,
    plot_group_effects,
    plot_removal_curve,
)
from helpers.interventions import PATH_EFFECTS

ATTRS = {"model": "hand", "revision": "r", "method": "mean", "draws": 4}
SPREAD = np.array([-0.1, 0.0, 0.1])


def spread(means) -> np.ndarray:
    """Three sequences around each mean."""
    return np.asarray(means)[..., None] + SPREAD


@pytest.fixture
def removed() -> xr.Dataset:
    means = np.array([[[3.0, 0.1, 0.2]], [[0.5, 0.0, 0.4]]])  # group, removal, input
    effect = spread(means)
    effect[:, :, 2, 2] = np.nan  # two texts
    random = np.broadcast_to(np.array([0.1, 0.2, 0.3, 0.4]), (2, 1, 3, 4)).copy()
    return xr.Dataset(
        {
            "effect": (("group", "removal", "input", "sequence"), effect),
            "random": (("group", "removal", "input", "draw"), random),
            "heads": ("group", ["L1H1, L2H0", "L0H1"]),
        },
        coords={
            "group": ["induction", "previous_token"],
            "removal": ["mean"],
            "input": ["second half", "first half", "text"],
        },
        attrs=ATTRS,
    )


def measured(fig, kind: str = "measured"):
    return [trace for trace in fig.data if trace.name and trace.name.startswith(kind)]


def test_groups_beside_random_heads(removed):
    fig = plot_group_effects(removed)
    (dots,) = measured(fig)
    assert list(dots.x) == approx([3.0, 0.5]) and list(dots.y) == [0, 1]
    (grey,) = measured(fig, "random")
    assert sorted(set(grey.x)) == [0.1, 0.2, 0.3, 0.4] and len(grey.x) == 8
    assert fig.layout.yaxis.ticktext == ("induction", "previous-token")
    (on_text,) = measured(plot_group_effects(removed, input="text"))
    assert list(on_text.x) == approx([0.15, 0.35])  # the two texts there are
    # What is small in one panel or for one input looks small beside the others.
    ends = {
        plot_group_effects(removed, input=name).layout.xaxis.range
        for name in ("text", "second half")
    }
    assert len(ends) == 1 and ends.pop()[1] > 3.0
    empty = plot_group_effects(removed.isel(group=[]))
    assert empty.layout.annotations[-1].text == "nothing was measured"
    with pytest.raises(ValueError, match="second half, first half, text"):
        plot_group_effects(removed, input="third half")


def test_sentences_about_groups(removed):
    text = describe_removal(removed)
    assert "**hand** without its induction group of 2 heads (L1H1, L2H0)" in text
    assert "+3.00 [+2.90, +3.10] nats in the second half, above the band" in text
    assert "without its previous-token head (L0H1)" in describe_removal(
        removed, group="previous_token"
    )
    weak = removed.assign(effect=removed["effect"] - 2.9)
    assert "not above the band" in describe_removal(weak)
    listed = describe_groups({"induction": [Head(1, 1), Head(2, 0)], "duplicate_token": []})
    assert "**induction heads:** L1H1, L2H0" in listed
    assert "**duplicate-token heads:** none" in listed


def test_the_curve_shows_the_band_and_says_where_it_leaves_it():
    loss = spread([0.5, 0.6, 4.0])
    random = np.array([[0.5] * 4, [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]])
    curve = xr.Dataset(
        {
            "loss": (("removed", "sequence"), loss),
            "random_loss": (("removed", "draw"), random),
            "log_odds": (("removed", "sequence"), spread([8.0, 6.0, -3.0])),
            "random_log_odds": (("removed", "draw"), 8 - random),
        },
        coords={"removed": [0, 1, 2]},
        attrs=ATTRS,
    )
    fig = plot_removal_curve(curve)
    line, odds = (trace for trace in fig.data if trace.name.startswith("induction heads"))
    assert list(line.x) == [0, 1, 2] and list(line.y) == approx([0.5, 0.6, 4.0])
    assert list(odds.y) == approx([8.0, 6.0, -3.0]) and odds.xaxis == "x2"
    assert fig.layout.yaxis.range[0] < 0  # dots at 0 are whole
    band = fig.data[0]
    assert band.fill == "toself" and max(band.y) == approx(1.1925) and min(band.y) == approx(0.5)
    text = describe_curve(curve)
    assert "0.50 nats with all heads" in text and "4.00 [3.90, 4.10] without 2" in text
    assert "above the random band with 2 removed" in text
    assert "go from 8.0 to 6.0 with the best head and to -3.0 with all" in text
    calm = curve.assign(loss=curve["loss"] * 0 + 0.5)
    assert "never leaves the random band" in describe_curve(calm)


def test_the_dissociation_has_a_dot_for_everything(removed):
    effect = spread([[5.0, 0.0, 6.0], [0.0, 0.0, 1.0], [0.3, 0.0, 0.2]])
    mlps = xr.Dataset(
        {
            "effect": (("layer", "input", "sequence"), effect),
            "together": (("input", "sequence"), spread([0.4, 0.0, 2.0])),
        },
        coords={"layer": [0, 1, 2], "input": removed["input"].to_numpy()},
        attrs=ATTRS,
    )
    fig = plot_dissociation(removed, mlps)
    (later,) = measured(fig, "all MLPs")
    assert later.customdata[0][0] == "MLPs 1 to 2 together"
    assert list(later.customdata[0][1:]) == approx([0.4, 2.0])
    (heads,) = measured(fig, "a group")
    assert [row[0] for row in heads.customdata] == ["induction", "previous-token"]
    assert [row[1] for row in heads.customdata] == approx([3.0, 0.5])
    assert list(heads.x) == approx(np.arcsinh([30.0, 5.0]).tolist())
    assert plot_dissociation(removed.isel(group=[]), mlps.isel(layer=[])).layout.annotations
    (layers,) = measured(fig, "an MLP")
    assert [row[2] for row in layers.customdata] == approx([6.0, 1.0, 0.2])
    text = describe_dissociation(removed, mlps)
    assert "+3.00 [+2.90, +3.10] nats on the repeat" in text
    assert "Of its 2 MLPs beyond layer 0, 1 cost text more" in text
    assert "All of these together cost the repeat +0.40 and text +2.00 nats" in text
    assert "MLPs" not in describe_dissociation(removed, mlps.isel(layer=[0]))


def test_layer_controls_share_a_scale_and_say_means_beyond_layer_0():
    effect = np.zeros((2, 1, 3, 3, 2))
    effect[0, 0, 2] = [9.0, 0.5]
    layers = xr.Dataset(
        {"effect": (("component", "removal", "input", "sequence", "layer"), effect)},
        coords={
            "component": ["mlp_out", "attn_out"],
            "removal": ["zero"],
            "input": ["repeat", "first time", "text"],
            "layer": [0, 1],
        },
        attrs=ATTRS,
    )
    fig = plot_layer_controls(layers)
    assert {fig.layout.yaxis.matches, fig.layout.yaxis2.matches} == {"y"}
    assert len(fig.data) == 6 and [t.text for t in fig.layout.annotations] == [
        "MLP, zero",
        "attention, zero",
    ]
    text_line = [t for t in fig.data if t.name == "text"][0]
    assert list(text_line.y) == [9.0, 0.5]
    assert "MLPs, *zero*" in describe_layer_controls(layers)
    assert "text +0.50 [+0.50, +0.50]; most for text" in describe_layer_controls(layers)


def test_dependence_leaves_nothing_without_random_dots():
    data = xr.Dataset(
        {
            "score": (("removed", "head_name", "sequence"), spread([[0.8], [0.2]])),
            "random": (("removed", "draw", "head_name"), np.full((2, 4, 1), 0.7)),
            "heads": ("removed", ["", "L4H11"]),
        },
        coords={"removed": ["nothing", "L4H11"], "head_name": ["L5H5"]},
        attrs=ATTRS,
    )
    fig = plot_dependence(data)
    (dots,) = measured(fig)
    assert list(dots.x) == approx([0.8, 0.2])
    (grey,) = measured(fig, "random")
    assert np.isnan(grey.x[:4]).all() and list(grey.x[4:]) == [0.7] * 4
    text = describe_dependence(data)
    assert "Without L4H11: L5H5 0.80 → 0.20 [0.10, 0.30] (random heads: 0.70 to 0.70)" in text


def test_cut_paths_show_scores_above_and_losses_below():
    names = ["nothing", "query", "key", "value", "all three"]
    score = np.tile(np.array([0.9, 0.9, 0.1, 0.9, 0.1])[None, :, None], (3, 1, 1))
    score[2] = 0.9
    lost = np.tile(np.array([0.0, 0.0, 2.0, 0.0, 2.0])[None, :], (3, 1))
    cuts = xr.Dataset(
        {
            "score": (("effect", "cut", "head_name", "sequence"), spread(score)),
            "loss_change": (("effect", "cut", "sequence"), spread(lost)),
        },
        coords={"effect": [*PATH_EFFECTS], "cut": names, "head_name": ["L5H5"]},
        attrs={**ATTRS, "senders": "L4H11"},
    )
    fig = plot_cut_paths(cuts)
    bars = list(fig.select_traces({"type": "bar"}))
    assert len(bars) == 6 and list(bars[0].y) == approx([0.9, 0.9, 0.1, 0.9, 0.1])
    assert list(bars[1].y) == approx([0, 0, 2, 0, 2])
    text = describe_cuts(cuts)
    assert "L5H5, 0.90 with nothing cut: key cut: direct 0.10, total 0.10, indirect 0.90" in text
    assert "second half changes by +2.00 nats [+1.90, +2.10] (direct effect)" in text
    assert "Cut directly, the key of L5H5 loses 89% of the score" in text


def of_key(direct: float, total: float, indirect: float, *, query: float = 0.9) -> str:
    """The sentences about one head that scores 0.9, with these scores left."""
    score = np.full((3, 3, 1, 2), 0.9)
    score[:, 1], score[:, 2] = query, np.array([direct, total, indirect])[:, None, None]
    cuts = xr.Dataset(
        {
            "score": (("effect", "cut", "head_name", "sequence"), score),
            "loss_change": (("effect", "cut", "sequence"), score[:, :, 0]),
        },
        coords={
            "effect": [*PATH_EFFECTS],
            "cut": ["nothing", "query", "key"],
            "head_name": ["L5H5"],
        },
        attrs={**ATTRS, "senders": "L4H11"},
    )
    return describe_cuts(cuts)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ((0.1, 0.1, 0.9), "what the senders write themselves that counts"),
        ((0.9, 0.1, 0.1), "what lies in between that passes the message on"),
        ((0.5, 0.1, 0.5), "needs both"),
        ((0.9, 0.1, 0.9), "neither is needed"),
        ((0.1, 0.5, 0.9), "makes up for part"),
        ((0.9, 0.9, 0.9), "The key needs neither"),
    ],
)
def test_the_sentence_says_who_carries_the_message(left, said):
    assert said in of_key(*left)


def test_a_head_that_follows_by_its_query_is_called_so():
    assert "It follows them through its key." in of_key(0.1, 0.1, 0.9)
    assert "through its query: *Q-composition*" in of_key(0.9, 0.9, 0.9, query=0.1)
    assert "through key and query: *K- and Q-composition*" in of_key(0.1, 0.1, 0.9, query=0.1)
    assert "hardly follows" in of_key(0.9, 0.9, 0.9)


def test_direct_logits_are_centred_and_added_up():
    direct = np.zeros((3, 2, 2))
    direct[:, 1, 0], direct[:, 0, 1] = 2.0, -0.5
    logits = xr.Dataset(
        {
            "direct": (("sequence", "layer", "head"), direct),
            "total": (("sequence",), np.full(3, 5.0)),
            "together": (("group", "sequence"), spread([2.0])),
            "random": (("group", "draw"), np.zeros((1, 4))),
            "heads": ("group", ["L1H0"]),
        },
        coords={"group": ["induction"]},
        attrs=ATTRS,
    )
    fig = plot_direct_logits(logits, mark=2)
    (heat,) = fig.select_traces({"type": "heatmap"})
    assert (heat.zmin, heat.zmid, heat.zmax) == (-2.0, 0.0, 2.0)
    note, *written = fig.layout.annotations
    assert note.text == "colours end at ±2 logits" and note.hovertext is None
    assert [(a.text, a.hovertext) for a in written] == [("+2.0", "L1H0"), ("-0.5", "L0H1")]
    text = describe_direct_logits(logits)
    assert "lies 5.00 above" in text and "all heads together add +1.50" in text
    assert "induction (L1H0): +2.00 [+1.90, +2.10]" in text


def test_faithfulness_in_words_and_dots():
    random = np.full((3, 4), np.nan)
    random[2] = 9.0
    kept = xr.Dataset(
        {
            "loss": (("kept", "sequence"), spread([2.0, 10.0, 4.0])),
            "random": (("kept", "draw"), random),
            "size": ("kept", [100, 0, 5]),
        },
        coords={"kept": ["all heads", "no heads", "all groups"]},
        attrs={**ATTRS, "uniform": 6.0},
    )
    fig = plot_faithfulness(kept)
    assert fig.layout.xaxis.range[0] < 0  # dots at 0 are whole
    (dots,) = measured(fig)
    assert list(dots.x) == approx([2.0, 10.0, 4.0])
    text = describe_faithfulness(kept)
    assert "2.00 nats with all heads, 10.00 with none, 6.00 for a model that knows" in text
    assert "only to stop being wrong" in text
    assert "all groups (5 of 100 heads): loss 4.00 [3.90, 4.10], faithfulness 0.75" in text
