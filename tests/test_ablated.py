"""What a model still says as heads are taken away: numbers, words, the diagram, the first page."""

import base64
import html
import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pytest import approx

from docs.ablated import keep_ablated
from helpers.chapters.loss import describe_ablated, measure_ablated, tabulate_ablated
from helpers.chapters.loss.measure_ablated import find_continuation
from helpers.chapters.scan import score_heads, view_circuit
from helpers.drawing.circuit_diagram import IN_WORDS, draw_circuit_diagram
from helpers.inputs import sample_repeated_tokens
from helpers.models.compiled import INDUCTION, PREVIOUS, VOCABULARY
from helpers.results import save_result
from helpers.run.opening import draw_opening

ROOT = Path(__file__).parents[1]
HOSTILE = "</q><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def ablated(mini) -> xr.Dataset:
    return measure_ablated(mini)


@pytest.fixture(scope="module")
def by_hand(compiled) -> xr.Dataset:
    """BOS 5 9 7 5, on the model that was written by hand: 9 came after 5."""
    return measure_ablated(compiled, [0, 5, 9, 7, 5], draws=2)


def at(result: xr.Dataset, name: str, removal: str, *, row: int) -> np.ndarray:
    return result[name].sel({"removal": removal}).isel(row=row).to_numpy()


def test_a_text_that_the_model_cannot_read_ends_nothing(compiled, tmp_path):
    """A small context, or no tokenizer at all, is a reason that is said, and no error."""
    ablated = measure_ablated(compiled, "the old king gave the old")
    assert np.isnan(ablated["probability"]).all()
    assert "no tokenizer" in describe_ablated(ablated)
    assert tabulate_ablated(ablated).shape == (1, 2)
    save_result(ablated, tmp_path / "ablated.nc")
    assert "no tokenizer" in draw_opening(tmp_path)


def test_on_weights_written_by_hand(by_hand):
    assert by_hand["kind"].to_numpy().tolist() == ["nothing", "induction", "previous_token"]
    assert by_hand["heads"].to_numpy().tolist() == ["", str(INDUCTION), str(PREVIOUS)]
    assert by_hand.attrs["target"] == "t9" and by_hand.attrs["previous"] == str(PREVIOUS)
    # Logit 10 for token 9 and 0 for the 59 others.
    right = 1 / (1 + 59 * math.exp(-10))
    assert at(by_hand, "probability", "zero", row=0) == approx(right)
    # Nothing is written then: all tokens are alike.
    assert at(by_hand, "probability", "zero", row=1) == approx(1 / VOCABULARY)
    # Nothing to look for: the induction head looks at all five alike. 5 stands there twice.
    spread = math.exp(2) / (3 * math.exp(2) + math.exp(4) + 56)
    assert at(by_hand, "probability", "zero", row=2) == approx(spread)
    # The other heads do nothing, by whichever method they go.
    for removal in ("mean", "zero"):
        assert at(by_hand, "others", removal, row=1) == approx([right, right])
    assert at(by_hand, "others_with_previous", "zero", row=1) == approx([spread, spread])
    assert np.isnan(at(by_hand, "others", "zero", row=0)).all()


def test_on_mini(ablated):
    expected = {
        ("nothing", 0): (0.999, 0.999),
        ("induction", 1): (0.998, 0.999),
        ("induction", 2): (0.981, 0.979),
        ("induction", 4): (0.318, 0.822),
        ("induction", 6): (0.002, 0.003),
        ("induction", 9): (0.001, 0.002),
        ("previous_token", 1): (0.000, 0.001),
    }
    rows = zip(
        ablated["kind"].to_numpy().tolist(), ablated["removed"].to_numpy().tolist(), strict=True
    )
    found = dict(zip(rows, ablated["probability"].to_numpy(), strict=True))
    assert list(found) == list(expected)
    for row, p in expected.items():
        assert found[row] == approx(p, abs=0.002), row
    four = ablated.isel(row=3)
    assert four["others"].shape == (2, 8) and four["others"].min() > 0.99
    assert four["others_with_previous"].max() < 0.002
    first_four = set(four["heads"].item().split(", "))
    assert len(first_four) == 4 and first_four < set(ablated["heads"].to_numpy()[5].split(", "))


def test_what_the_readme_tells_of_mini_is_what_is_measured(ablated):
    kept = json.loads((ROOT / "docs/measured/ablated.json").read_text(encoding="utf-8"))["mini"]
    now = keep_ablated(ablated)
    assert {**kept, "rows": 0} == {**now, "rows": 0}
    for old, new in zip(kept["rows"], now["rows"], strict=True):
        assert old["heads"] == new["heads"]
        assert np.array(new["probability"]) == approx(np.array(old["probability"]), abs=0.002)
    (cells,) = re.findall(r"^\|best 4\|(.*)\|$", (ROOT / "README.md").read_text(), re.M)
    shown = [float(p) for p in cells.split("|")[0].split("/")]
    assert shown == approx(ablated["probability"].isel(row=3).to_numpy(), abs=0.002)


def test_draws_are_seeded_and_exclude_both_groups(mini, ablated):
    scores = score_heads(mini, sample_repeated_tokens(mini, n=50))
    again = measure_ablated(mini, scores=scores, draws=1)
    assert again["others"].to_numpy() == approx(
        ablated["others"].isel(draw=[0]).to_numpy(), nan_ok=True
    )
    other = measure_ablated(mini, scores=scores, draws=1, seed=1)
    assert abs(other["others"] - again["others"]).max() > 1e-6


@pytest.mark.parametrize(
    ("tokens", "target"),
    [
        ([0, 5, 9, 7, 5], 9),
        ([0, 1, 2, 3, 4, 2, 5, 1, 2], 3),  # "1 2" counts more than the later "2"
        ([0, 2, 3, 2, 4, 2], 4),  # of equals the latest
        ([0, 7, 7], 7),
    ],
)
def test_what_should_follow(tokens, target):
    assert find_continuation(tokens) == target


def test_without_a_repeat_there_is_nothing_to_say(mini):
    with pytest.raises(ValueError, match="breaks? off inside a repeat"):
        measure_ablated(mini, "the old king")


def test_a_model_without_a_group_is_told_so(mini):
    flat = score_heads(mini, sample_repeated_tokens(mini, n=8, sequences=2))
    for score in flat.data_vars.values():
        score[:] = score.attrs["chance"]
    nothing = measure_ablated(mini, scores=flat)
    assert nothing.sizes["row"] == 1 and at(nothing, "probability", "mean", row=0) > 0.99
    assert describe_ablated(nothing) == (
        "**mini** gives “ring” .999. Nothing is taken away: no head of it stands out as an "
        "induction head."
    )
    assert tabulate_ablated(nothing).shape == (1, 4)
    one_layer = flat.isel(layer=slice(1))
    one_layer["induction"][:, 0, 0] = 0.9
    said = describe_ablated(measure_ablated(mini, scores=one_layer))
    assert "a circuit of two heads takes two layers, the model has one" in said


def test_too_few_others_are_no_others(mini):
    """30 of 32 heads are induction heads, one is the previous-token head: one is left."""
    scores = score_heads(mini, sample_repeated_tokens(mini, n=8, sequences=2))
    scores["induction"][:] = 0.9
    scores["previous_token"][:] = 0.0
    scores["previous_token"][:, 0, 1] = 0.9
    scores["induction"][:, 0, 1:3] = 0.0
    found = measure_ablated(mini, scores=scores, draws=1)
    assert found["removed"].to_numpy().tolist() == [0, 1, 2, 4, 6, 12, 24, 30, 1]
    there = found["others"].notnull().all(("removal", "draw")).to_numpy().tolist()
    assert there == [False, True, *[False] * 6, True]
    assert "As many other heads" not in describe_ablated(found)


def numbers(*p: tuple[float, float], previous: str = "L0H1") -> xr.Dataset:
    """Nothing, one of three induction heads, all of them, the previous-token head."""
    others = np.full((4, 2, 3), [0.5, 0.6, 0.7])
    return xr.Dataset(
        {
            "probability": (("row", "removal"), np.array(p)),
            "others": (("row", "removal", "draw"), others),
            "others_with_previous": (("row", "removal", "draw"), others / 2),
        },
        coords={
            "removal": ["mean", "zero"],
            "kind": ("row", ["nothing", "induction", "induction", "previous_token"]),
            "removed": ("row", [0, 1, 3, 1]),
            "heads": ("row", ["", "L1H1", "L1H1, L1H2, L1H3", "L0H1"]),
        },
        attrs={"model": "hand", "target": "·ring", "previous": previous, "lacks": "", "draws": 3},
    )


def test_words_follow_the_numbers():
    said = describe_ablated(numbers((0.8, 0.8), (0.79, 0.78), (0.1, 0.2), (0.01, 0.02)))
    assert said.startswith("**hand** gives “ring” .800.")
    assert "head: .790 / .780; without all 3: .100 / .200. One is hardly missed" in said
    assert "leave .600 / .600 (median), at worst .500." in said
    assert "alone: .010 / .020. This second kind of head is not one of the group" in said
    assert "disagree most without all 3 induction heads: .100 / .200." in said
    assert said.count("\n*") == 4

    said = describe_ablated(numbers((0.8, 0.8), (0.6, 0.78), (0.1, 0.1), (0.79, 0.79)))
    assert "(little **redundancy**)" in said and "that one head is not needed" in said
    assert "disagree most without the best induction head: .600 / .780." in said

    said = describe_ablated(numbers((0.8, 0.8), (0.8, 0.8), (0.78, 0.3), (0.5, 0.52), previous=""))
    assert "the model does not depend on them" in said
    assert "No previous-token head stands out" in said

    said = describe_ablated(numbers((0.8, 0.8), (0.8, 0.8), (0.3, 0.3), (0.5, 0.52)))
    assert "has a part in it" in said and "agree to within .05 in every row" in said


def test_the_table_says_median_and_ends():
    table = tabulate_ablated(numbers((0.8, 0.8), (0.79, 0.78), (0.1, 0.2), (0.01, 0.02)))
    assert table.columns.names[0] == "p(ring) without"
    assert list(table.index) == [
        "nothing",
        "best induction head",
        "all 3 induction heads",
        "previous-token head L0H1",
    ]
    assert table.iloc[1].tolist() == [
        ".790",
        ".780",
        *[".600 (.500–.700)"] * 2,
        *[".300 (.250–.350)"] * 2,
    ]


def test_the_diagram_is_plain_svg_in_light_and_dark():
    picture = draw_circuit_diagram()
    root = ET.fromstring(picture)
    name = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{name}title").text and root.find(f"{name}desc").text == IN_WORDS
    assert root.get("aria-labelledby") == "title desc"
    said = " ".join(text.text for text in root.iter(f"{name}text"))
    assert "previous-token head" in said and "induction head" in said and "“A came before" in said
    assert len([*root.iter(f"{name}path")]) == 2  # two arrows
    assert picture.count("prefers-color-scheme:dark") == 1
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "") and "<script" not in said
    # On a phone it is 350 pixels wide: letters of 11 and more.
    assert float(root.get("font-size")) * 350 / float(root.get("width")) >= 11


def test_both_arrows_point_backwards_at_what_is_read():
    root = ET.fromstring(draw_circuit_diagram())
    name = "{http://www.w3.org/2000/svg}"
    places = {}
    for text in root.iter(f"{name}text"):
        if "letter" in text.get("class"):
            places.setdefault(text.text, []).append(float(text.get("x")))
    (first, second), (b, _next) = places["A"], places["B"]
    ends = []
    for path in root.iter(f"{name}path"):
        numbers = [float(x) for x in re.findall(r"[\d.]+", path.get("d"))]
        ends.append((path.get("class"), numbers[0], numbers[-2]))
    assert [kind for kind, *_ in ends] == ["first-line", "second-line"]
    for (_, start, end), (query, key) in zip(ends, ((b, first), (second, b)), strict=True):
        assert abs(start - query) < 15 and abs(end - key) < 15


def test_the_view_is_the_file_of_the_docs():
    source = view_circuit().source
    (data,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', source)
    kept = (ROOT / "docs" / "circuit.svg").read_text(encoding="utf-8")
    assert base64.b64decode(data).decode() == kept == draw_circuit_diagram()
    assert f'alt="{html.escape(IN_WORDS)}"' in source


def test_the_first_page_shows_the_diagram_and_the_table(tmp_path, ablated):
    alone = draw_opening(tmp_path)
    assert view_circuit().source in alone and "<table" not in alone
    save_result(ablated.assign_attrs(text=HOSTILE, target="<b>*x*"), tmp_path / "ablated.nc")
    page = draw_opening(tmp_path)
    assert view_circuit().source in page
    (body,) = re.findall(r"<tbody>(.*)</tbody>", page, re.DOTALL)
    rows = re.findall(r"<tr>.*?</tr>", body)
    assert len(rows) == 7
    assert re.findall(r"<td>([.\d]+)", rows[3])[:2] == [".318", ".822"]
    assert "<small>.996–<wbr>.999</small>" in rows[3]
    assert "<strong>redundancy</strong>" in page and "others, L0H1 among them" in page
    assert "<img src=x" not in page and "<b>" not in page and html.escape(HOSTILE) in page
