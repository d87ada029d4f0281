"""Views as HTML: what is in them, and what never is. What they look like: tests/browser."""

import base64
import json
import math
import re
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from helpers import (
    get_attention,
    load_viewers,
    sample_repeated_tokens,
    view_attention,
    view_heads,
    view_tokens,
)
from helpers.chapters.attention import get_all_attention
from helpers.chapters.loss import measure_loss
from helpers.chapters.scan import score_heads
from helpers.escaping import escape_invisible
from helpers.results import token_coord
from helpers.viewers.packing import pack

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "<!--",
    "<script>",
    "</SCRIPT >",
    "&lt;",
    "'\"\\`${x}",
    "\u2028\u2029",
    "\ud800",
    "\x00",
    "👩\u200d🔬",
    "\u202eabc\u200f",
    "אבג",
]


class Shape(HTMLParser):
    """Tags of a piece of HTML, and its text outside scripts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._script = False
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._script = tag == "script"

    def handle_endtag(self, tag):
        self._script = False

    def handle_data(self, data):
        if not self._script:
            self.text += data


def unpack(word: str) -> tuple[dict, np.ndarray]:
    raw = zlib.decompress(base64.b64decode(word))
    (size,) = struct.unpack("<I", raw[:4])
    planes = np.frombuffer(raw[4 + size :], np.uint8).reshape(2, -1).astype(int)
    return json.loads(raw[4 : 4 + size]), planes[0] + 256 * planes[1]


def packed_in(source: str) -> str:
    return max(re.findall(r'"([A-Za-z0-9+/=]{80,})"', source), key=len)


@pytest.fixture
def sample(mini):
    return sample_repeated_tokens(mini, n=6, sequences=3)


@pytest.fixture
def explorer(mini, sample):
    return view_heads(score_heads(mini, sample), get_all_attention(mini, sample, sequences=2))


def test_packing_keeps_the_lower_triangle_in_thousandths():
    pattern = np.array([[[1.0, 0.9], [0.25, 0.7506]]])
    about, thousandths = unpack(pack({"tokens": ["a", "\ud800"]}, pattern))
    assert about == {"tokens": ["a", "\ud800"]}
    assert thousandths.tolist() == [1000, 250, 751]


def test_what_nobody_sees_is_spelled_out_and_the_rest_stays():
    assert escape_invisible("\x00a\u202e\ud800\u2028") == r"\x00a\u202e\ud800\u2028"
    assert escape_invisible("</script> · ↵ 👩\u200d🔬 אבג é") == "</script> · ↵ 👩\u200d🔬 אבג é"


@pytest.mark.parametrize("kind", ["attention", "heads", "tokens", "loader"])
def test_nothing_is_asked_of_the_network(kind, mini, sample, explorer, monkeypatch):
    import urllib.request

    def refuse(*args, **kwargs):
        raise AssertionError("a view asked the network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    view = {
        "attention": lambda: view_attention(get_attention(mini, sample, ["L0H1", "L1H0"])),
        "heads": lambda: explorer,
        "tokens": lambda: view_tokens(["a", "b"]),
        "loader": load_viewers,
    }[kind]()
    shape = Shape(view._repr_html_())
    for name, value in shape.attributes:
        if name in {"src", "href", "srcset"}:
            assert str(value).startswith("data:")
    assert "http" not in shape.text


def test_attention_is_data_and_a_still_picture(mini, sample):
    patterns = get_attention(mini, sample, ["L0H1", "L1H0"])
    view = view_attention(patterns)
    about, thousandths = unpack(packed_in(view.source))
    assert about["heads"] == ["L0H1", "L1H0"]
    assert about["tokens"] == patterns["key_token"].to_numpy().tolist()
    expected = np.concatenate([p[np.tril_indices(13)] for p in patterns.to_numpy()])
    np.testing.assert_allclose(thousandths / 1000, expected, atol=5.1e-4)
    assert Shape(view.source).tags.count("img") == 1
    assert len(view.source) < 20_000
    assert "L0H1, L1H0" in repr(view)


def test_the_script_comes_once_by_one_call(mini, sample):
    view = view_attention(get_attention(mini, sample, ["L0H1"]))
    assert "CircuitsVis" not in view.source and view.needs is load_viewers
    loader = load_viewers().source
    assert loader == load_viewers().source  # nothing remembers that it was sent
    assert 300_000 < len(loader) < 600_000


def test_never_all_heads_at_once_in_circuitsvis(mini, sample):
    heads = [f"L{layer}H{head}" for layer in range(2) for head in range(8)]
    with pytest.raises(ValueError, match="choose a few .* view_heads"):
        view_attention(get_attention(mini, sample, heads))


def test_the_explorer_holds_all_heads_and_scores(mini, sample, explorer):
    about, thousandths = unpack(packed_in(explorer.source))
    assert (about["layers"], about["heads"], about["size"]) == (4, 8, 13)
    assert len(thousandths) == 2 * 4 * 8 * 13 * 14 // 2
    scores = score_heads(mini, sample)
    first = about["scores"][0]
    mean = scores["induction"].mean("sequence").to_numpy().ravel()
    np.testing.assert_allclose(first["values"], mean, atol=5.1e-4)
    assert first["name"] == "induction" and (first["offset"], first["first"]) == (5, 7)
    assert about["layer"] * 8 + about["head"] == int(mean.argmax())
    patterns = get_all_attention(mini, sample, sequences=2)
    best = patterns.isel(sequence=1, layer=2, head=3).to_numpy()[np.tril_indices(13)]
    start = ((1 * 4 + 2) * 8 + 3) * 91
    np.testing.assert_allclose(thousandths[start : start + 91] / 1000, best, atol=5.1e-4)


def test_the_explorer_says_what_does_not_fit(mini, sample):
    scores, patterns = score_heads(mini, sample), get_all_attention(mini, sample)
    with pytest.raises(ValueError, match="No score 'indction'; there are induction"):
        view_heads(scores, patterns, score="indction")
    with pytest.raises(ValueError, match="Expected the dimensions"):
        view_heads(scores, patterns.isel(sequence=0))
    with pytest.raises(ValueError, match="take both from the same model"):
        view_heads(scores, patterns.isel(layer=slice(2)))


def test_all_attention_is_what_single_heads_show(mini, sample):
    everything = get_all_attention(mini, sample, sequences=3)
    one = get_attention(mini, sample, "L1H5", sequence=2)
    np.testing.assert_allclose(
        everything.sel(sequence=2, layer=1, head=5), one.isel(head_name=0), atol=1e-6
    )
    assert everything["key_token"].sel(sequence=2).to_numpy().tolist() == (
        one["key_token"].to_numpy().tolist()
    )
    with pytest.raises(ValueError, match="Asked for 4 sequences"):
        get_all_attention(mini, sample, sequences=4)


@pytest.mark.parametrize("token", HOSTILE, ids=ascii)
def test_no_token_becomes_markup(token, mini):
    small = sample_repeated_tokens(mini, n=2, sequences=1)
    scores, all_heads = score_heads(mini, small), get_all_attention(mini, small)
    pattern = get_attention(mini, small, "L0H0")
    calm = [view_attention(pattern), view_heads(scores, all_heads), view_tokens(["a"] * 5)]
    # xarray itself holds no lone surrogates: there they can only stand in a list of tokens.
    held = escape_invisible(token) if token == "\ud800" else token
    pattern["key_token"] = ("key", np.array([held] * 5, dtype=object))
    all_heads["key_token"] = (("sequence", "key"), np.array([[held] * 5], dtype=object))
    wild = [view_attention(pattern), view_heads(scores, all_heads), view_tokens([token] * 5)]
    for before, after in zip(calm, wild, strict=True):
        assert Shape(before.source).tags == Shape(after.source).tags
        assert after.source.count("</script") == before.source.count("</script")
        after.source.encode()
    assert Shape(wild[2].source).text == escape_invisible(token) * 5
    for view in wild[:2]:
        assert unpack(packed_in(view.source))[0]["tokens"] in (
            [escape_invisible(token)] * 5,
            [[escape_invisible(token)] * 5],
        )


def values(numbers: list[float], **attrs: str) -> xr.DataArray:
    return xr.DataArray(
        numbers,
        dims="position",
        coords={
            **token_coord("position", ["<b>", *"ab"]),
            "chance": ("position", [math.nan, 0.5, 0.5]),
        },
        attrs=attrs,
    )


def test_tokens_with_values_are_coloured_and_told():
    view = view_tokens(values([math.nan, 0.25, 0.9], head="L1H1", long_name="score"))
    page = view._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page and "<script" not in page
    assert "rgba(11,110,153,0.150);border-bottom" in page  # a quarter of 0.6
    assert 'title="1: 0.250 (uniform attention: 0.500)"' in page
    assert "<td>0</td><td><bdi>&lt;b&gt;</bdi></td><td>no value</td>" in page
    assert "L1H1 score" in page and repr(view) == "L1H1 score: <b> a b"


def test_colour_is_full_at_the_limit_and_another_below_zero():
    page = view_tokens(values([-4.0, 2.0, 0.0], units="nats")).source
    assert "rgba(194,65,12,0.600)" in page and "rgba(11,110,153,0.300)" in page
    assert "0 … 4 nats" in page
    assert "rgba(194,65,12,0.300)" in view_tokens(values([-4.0, 2, 0]), limit=8.0).source
    with pytest.raises(ValueError, match="above 0"):
        view_tokens(values([0, 0, 0]), limit=0.0)
    with pytest.raises(ValueError, match="Expected the dimensions"):
        view_tokens(values([0, 0, 0]).expand_dims("sequence"))


def test_loss_of_one_sequence_in_two_lines(mini, sample):
    loss = -measure_loss(mini, sample)["log_prob"].sel(sequence=0)
    page = view_tokens(loss.assign_attrs(long_name="loss", units="nats"), n=6).source
    assert page.count('<span style="display:inline-block') == 12
    first, second = page.split("<br>")
    assert first.count("inline-block;margin") == second.count("inline-block;margin") == 6


def test_halves_have_their_colours():
    page = view_tokens(["<bos>", "a", "b", "a", "b"], n=2).source
    assert page.count("rgba(194,65,12") == 1
    assert page.count("rgba(123,135,148") == page.count("rgba(11,110,153") == 2


def test_a_view_is_saved_as_a_page_of_its_own(mini, sample, explorer, tmp_path):
    attention = view_attention(get_attention(mini, sample, ["L0H1"]))
    page = attention.save(tmp_path / "new" / "attention.html").read_text(encoding="utf-8")
    assert "CircuitsVis" in page and '<meta charset="utf-8">' in page
    explorer.save(tmp_path / "heads.html")
    assert [path.name for path in tmp_path.rglob("*.partial")] == []
    with pytest.raises(ValueError, match=r"name it heads\.html"):
        explorer.save(tmp_path / "heads.png")
