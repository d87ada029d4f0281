"""The explorer in a plain file: what a click, a key, the pointer and an address do."""

import json
import sys

import numpy as np
import pytest
from browser.pages import open_page
from browser.pixels import is_drawn, take_pixels
from playwright.sync_api import Browser, Locator, Page, expect

from helpers import sample_repeated_tokens, theme, view_heads
from helpers.chapters.attention import get_all_attention
from helpers.chapters.scan import score_heads
from helpers.viewers import View

pytestmark = pytest.mark.browser

N = 12
MIDDLE = (N + 1 + 2 * N + 1) // 2
"""The query in the middle of the stripe."""
SCORES = ("induction", "previous_token", "duplicate_token", "attention_sink")


@pytest.fixture(scope="module")
def measured(mini):
    sample = sample_repeated_tokens(mini, n=N, sequences=2)
    return score_heads(mini, sample), get_all_attention(mini, sample, sequences=2)


@pytest.fixture(scope="module")
def view(measured) -> View:
    return view_heads(*measured)


@pytest.fixture(scope="module")
def file(view: View, tmp_path_factory: pytest.TempPathFactory) -> str:
    return view.save(tmp_path_factory.mktemp("explorer") / "heads.html").as_uri()


def open_explorer(page: Page, address: str) -> Locator:
    page.goto(address)
    root = page.locator(".helpers-heads[data-live=yes]")
    expect(root).to_be_visible()
    return root


def cell(page: Page, name: str) -> Locator:
    return page.locator(f".cell[aria-label^='{name},']")


def expect_chosen(page: Page, name: str) -> None:
    expect(page.locator(".heading")).to_contain_text(f"{name}:")
    expect(page.locator(".cell[aria-selected=true]")).to_have_count(1)
    expect(cell(page, name)).to_have_attribute("aria-selected", "true")


def point_at(page: Page, query: int, key: int) -> None:
    """The pointer in the middle of an entry; entries are squares behind the margin for tokens."""
    canvas = page.locator("canvas.pattern")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    side = (box["width"] - 76 - 8) / (2 * N + 1)
    page.mouse.move(box["x"] + 76 + (key + 0.5) * side, box["y"] + 76 + (query + 0.5) * side)


def test_it_starts_with_the_best_head_and_says_all_scores(page, file, measured):
    scores, _ = measured
    mean = scores["induction"].mean("sequence").to_numpy()
    layer, head = np.unravel_index(mean.argmax(), mean.shape)
    root = open_explorer(page, file)
    expect(root.locator("img")).to_have_count(0)
    expect_chosen(page, f"L{layer}H{head}")
    expect(page.locator(".cell")).to_have_count(mean.size)
    rows = page.locator(".details tr").all_inner_texts()
    for name in SCORES:
        value = float(scores[name].mean("sequence")[layer, head])
        assert any(scores[name].attrs["long_name"] in row and f"{value:.3f}" in row for row in rows)


def test_it_starts_by_reading_an_entry_of_the_stripe_on_labelled_axes(page, file):
    root = open_explorer(page, file)
    readout = page.locator(".readout")
    expect(readout).to_contain_text(f"query {MIDDLE} ")
    expect(readout).to_contain_text(f" looks at key {MIDDLE - N + 1} ")
    expect(readout).to_contain_text("(induction stripe)")
    corner = root.locator("canvas.pattern").evaluate(
        """canvas => {
          const ratio = canvas.width / parseFloat(canvas.style.width);
          const pen = canvas.getContext("2d");
          const part = (y) => pen.getImageData(0, y * ratio, 70 * ratio, 12 * ratio).data;
          const inked = (y) => part(y).some((value) => value);
          return [4, 30, 58].map(inked);
        }"""
    )
    assert corner == [True, False, True]  # "key: looked at" above, "query: looks" below


def test_a_click_shows_the_head_entry_by_entry(page, file, measured):
    """The colours on the canvas are those of the attention, read back pixel by pixel."""
    _, patterns = measured
    open_explorer(page, file)
    cell(page, "L2H2").click()
    expect_chosen(page, "L2H2")
    drawn = page.evaluate(
        """() => {
          const shadow = document.querySelector(".helpers-heads").shadowRoot;
          const canvas = shadow.querySelector("canvas");
          const cell = (parseInt(canvas.style.width) - 84) / 25;
          const pen = canvas.getContext("2d");
          const at = (i) => 76 + Math.floor((i + 0.5) * cell);
          const rows = [...Array(25).keys()];
          return rows.map((q) => rows.map((k) => [...pen.getImageData(at(k), at(q), 1, 1).data]));
        }"""
    )
    drawn = np.array(drawn, dtype=float)[..., :3]
    stops = np.array(theme.SCALES["light"], dtype=float)
    attention = patterns.sel(sequence=0, layer=2, head=2).to_numpy()
    for query in range(2 * N + 1):
        for key in range(2 * N + 1):
            if query >= N and abs(key - (query - N + 1)) == 1:
                continue  # the outline of the stripe runs here
            if key > query:
                expected = np.array(theme.BLANKS["light"], dtype=float)
            else:
                places = np.linspace(0, 1, len(stops))
                expected = [np.interp(attention[query, key], places, part) for part in stops.T]
            assert np.abs(drawn[query, key] - expected).max() <= 4, (query, key)


def test_arrow_keys_walk_and_stop_at_the_edges(page, file):
    open_explorer(page, file)
    cell(page, "L0H0").click()
    for key, name in [
        ("ArrowLeft", "L0H0"),
        ("ArrowUp", "L0H0"),
        ("ArrowRight", "L0H1"),
        ("ArrowDown", "L1H1"),
        ("End", "L1H7"),
        ("ArrowRight", "L1H7"),
        ("PageDown", "L3H7"),
        ("ArrowDown", "L3H7"),
        ("Home", "L3H0"),
        ("PageUp", "L0H0"),
    ]:
        page.keyboard.press(key)
        expect_chosen(page, name)
        expect(cell(page, name)).to_be_focused()


def test_the_pointer_reads_entries(page, file, measured):
    _, patterns = measured
    open_explorer(page, file)
    cell(page, "L1H1").click()
    tokens = patterns["key_token"].sel(sequence=0).to_numpy()
    for query, key in [(N + 3, 4), (5, 5), (2 * N, 0)]:
        point_at(page, query, key)
        value = float(patterns.sel(sequence=0, layer=1, head=1, query=query, key=key))
        said = f"query {query} “{tokens[query]}” looks at key {key} “{tokens[key]}”"
        said += f" with attention {value:.3f}"
        note = " (induction stripe)" if key == query - N + 1 and query > N else ""
        expect(page.locator(".readout")).to_have_text(said + note)
    point_at(page, 3, 9)  # above the diagonal: nothing is there, nothing changes
    expect(page.locator(".readout")).to_contain_text(f"query {2 * N} ")


def test_score_and_sequence_can_be_chosen(page, file, measured):
    scores, patterns = measured
    open_explorer(page, file)
    before = cell(page, "L0H3").get_attribute("aria-label")
    page.locator("select.score").select_option(label=scores["previous_token"].attrs["long_name"])
    value = float(scores["previous_token"].mean("sequence")[0, 3])
    after = cell(page, "L0H3").get_attribute("aria-label")
    assert after != before and after.endswith(f"{value:.2f}")
    page.locator("select.sequence").select_option(label="2 of 2")
    point_at(page, 7, 6)
    tokens = patterns["key_token"].sel(sequence=1).to_numpy()
    expect(page.locator(".readout")).to_contain_text(f"“{tokens[7]}” looks at key 6 “{tokens[6]}”")
    assert ":previous_token:2" in page.url


def test_the_address_says_what_is_shown(page, file):
    open_explorer(page, f"{file}#L2H3")
    expect_chosen(page, "L2H3")
    cell(page, "L3H1").click()
    assert page.url == f"{file}#L3H1"
    expect(page.locator(".link")).to_have_attribute("href", "#L3H1")
    page.evaluate("location.hash = '#L0H5:duplicate_token:2'")
    expect_chosen(page, "L0H5")
    assert page.locator("select.sequence").input_value() == "1"
    for nonsense in ["#L9H9", "#L1", "#<img src=x onerror=window.hurt=1>", "#L0H0:nothing:99"]:
        page.goto("about:blank")
        open_explorer(page, file + nonsense)
    assert page.evaluate("window.hurt") is None


def test_light_and_dark_while_it_is_open(page, file):
    open_explorer(page, file)
    box = page.locator(".box")
    canvas = page.locator("canvas.pattern")
    light = take_pixels(canvas)
    page.emulate_media(color_scheme="dark")
    expect(box).to_have_attribute("data-theme", "dark")
    dark = take_pixels(canvas)
    assert light[..., :3].mean() > 150 > 100 > dark[..., :3].mean()
    # JupyterLab's theme counts for more than the system's.
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    expect(box).to_have_attribute("data-theme", "light")


def test_every_token_can_be_read(page, file):
    open_explorer(page, file)
    page.set_viewport_size({"width": 700, "height": 900})
    canvas = page.locator("canvas.pattern")
    page.locator(".large").check()
    box = canvas.bounding_box()
    assert box is not None and box["width"] >= 76 + 14 * (2 * N + 1)
    page.set_viewport_size({"width": 360, "height": 800})
    page.locator(".large").uncheck()
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0


def test_with_the_keyboard_and_without_eyes(page, file):
    """Everything has a name, one Tab reaches the grid, one more the pattern."""
    open_explorer(page, file)
    for element in page.locator(".cell").all():
        assert element.get_attribute("aria-label")
    assert page.locator(".cell[tabindex='0']").count() == 1
    page.locator("select.score").focus()
    seen = []
    for _ in range(7):
        seen.append(page.evaluate("document.activeElement.shadowRoot?.activeElement?.className"))
        page.keyboard.press("Tab")
    assert seen[:6] == ["score", "sequence", "large", "link", "cell", "pattern"]
    canvas = page.locator("canvas.pattern")
    assert "Strongest look back" in (canvas.get_attribute("aria-label") or "")
    canvas.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".readout")).to_contain_text(f"query {MIDDLE - 1} ")
    expect(page.locator(".readout")).to_have_attribute("aria-live", "polite")


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_and_the_scale_is_one_of_brightness(page, file, scheme):
    page.emulate_media(color_scheme=scheme)
    open_explorer(page, file)
    names = ["--ink", "--muted", "--paper", "--mark"]
    ink, muted, paper, mark = page.locator(".box").evaluate(
        "(box, names) => names.map((n) => getComputedStyle(box).getPropertyValue(n).trim())", names
    )
    assert contrast(ink, paper) > 7 and contrast(muted, paper) > 4.5 and contrast(mark, paper) > 3
    for colour in (theme.INKS[scheme]["text"], theme.INKS[scheme]["mark"]):
        assert contrast(colour, paper) > 4.5
    # Readers who see no hues still see the order: brightness never turns back.
    steps = [contrast("#000000", f"#{r:02x}{g:02x}{b:02x}") for r, g, b in theme.SCALES[scheme]]
    assert steps == sorted(steps, reverse=scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_scripts_a_picture_stands_there(chromium: Browser, file, scheme):
    with open_page(chromium, java_script_enabled=False, color_scheme=scheme) as (page, log):
        page.goto(file)
        picture = page.locator(".helpers-heads img.helpers-still")
        expect(picture).to_be_visible()
        pixels = take_pixels(picture)
        assert is_drawn(pixels) and len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 20
        assert (pixels[..., :3].mean() > 128) == (scheme == "light")
        assert "Attention heads of mini" in (picture.get_attribute("alt") or "")
        expect(page.locator("noscript p")).to_be_visible()
        assert not log.foreign


def test_what_cannot_be_read_stays_a_picture(page, view, tmp_path):
    good = view.save(tmp_path / "good.html").read_text(encoding="utf-8")
    start = good.index('unpack("') + len('unpack("')
    broken = tmp_path / "broken.html"
    broken.write_text(good[: start + 40] + "AAAA" + good[start + 44 :], encoding="utf-8")
    page.goto(broken.as_uri())
    expect(page.locator(".helpers-heads")).to_have_attribute("data-live", "failed")
    expect(page.locator("img.helpers-still")).to_be_visible()


def test_two_on_a_page_and_the_same_one_twice(page, view, measured, tmp_path):
    other = view_heads(*measured, score="previous_token")
    twice = View(view.source + other.source + view.source, summary="three")
    page.goto(twice.save(tmp_path / "three.html").as_uri())
    expect(page.locator(".helpers-heads[data-live=yes]")).to_have_count(3)
    headings = page.locator(".heading").all_inner_texts()
    assert headings[0] == headings[2] != headings[1]


def test_all_heads_of_gpt2_small_in_time(page, tmp_path, record_property):
    """144 heads x 101 tokens, the hardest to compress: random attention. Times are told only."""
    import torch
    import xarray as xr

    from helpers.results import label_array

    generator = torch.Generator().manual_seed(0)
    possible = torch.ones(101, 101, dtype=torch.bool).tril()
    logits = 2 * torch.randn(1, 12, 12, 101, 101, generator=generator)
    patterns = label_array(
        logits.masked_fill(~possible, -torch.inf).softmax(-1).masked_fill(~possible, torch.nan),
        ("sequence", "layer", "head", "query", "key"),
        coords={"key_token": (("sequence", "key"), [[f"t{i}" for i in range(101)]])},
        model="random",
        n=50,
    )
    score = label_array(torch.rand(1, 12, 12, generator=generator), ("sequence", "layer", "head"))
    path = view_heads(xr.Dataset({"induction": score}), patterns).save(tmp_path / "all.html")
    assert path.stat().st_size < 1_000_000
    root = open_explorer(page, path.as_uri())
    assert root.locator(".cell").count() == 144
    ready, redraw = page.evaluate(
        """async () => {
          const frame = () => new Promise((done) => requestAnimationFrame(done));
          const shadow = document.querySelector(".helpers-heads").shadowRoot;
          const cells = shadow.querySelectorAll(".cell");
          const times = [];
          for (const cell of cells) {
            const start = performance.now();
            cell.click();
            times.push(performance.now() - start);
            await frame();
          }
          const live = performance.getEntriesByName("helpers-live")[0];
          return [live.startTime, times.sort((a, b) => a - b)];
        }"""
    )
    told = {
        "bytes": path.stat().st_size,
        "ready_ms": round(ready),
        "redraw_ms_median": round(redraw[72], 1),
        "redraw_ms_most": round(redraw[-1], 1),
    }
    record_property("explorer", json.dumps(told))
    sys.stdout.write(f"{told}\n")  # shown by pytest -rP
    assert len(redraw) == 144
