"""Token texts that mean harm, and all that a vocabulary may hold, through every viewer and plot.

Nothing executes, nothing vanishes, and each text shows as itself: characters that nobody can see
are spelled out (`escape_invisible`), all others arrive letter by letter.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import plotly.io as pio
import pytest
import xarray as xr
from browser.strings import HOSTILE, UNHELD, make_gpt2_like_tokens
from playwright.sync_api import Page, expect
from plotly.offline import get_plotlyjs

from helpers import load_viewers, theme, view_attention, view_heads, view_tokens
from helpers.chapters.attention import plot_attention
from helpers.chapters.loss import plot_loss
from helpers.chapters.mlps import plot_target_effects
from helpers.drawing.heatmap import heatmap, label_axis
from helpers.escaping import escape_invisible, escape_text
from helpers.results import token_coord
from helpers.viewers import View

pytestmark = pytest.mark.browser

ALL = make_gpt2_like_tokens()
MARKED = [t for i, t in enumerate(ALL) if i % 100 == 0 or set(t) & set("<&$")]


def test_as_many_as_gpt2_has():
    assert len(set(ALL)) == len(ALL) == 50_257
    assert {"<", "</", "Ġ", "·the", "!"} & set(ALL)
    assert sum("<" in token for token in ALL) > 500 and sum("&" in token for token in ALL) > 500


def batched(items: Sequence, size: int) -> Iterator[Sequence]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def shown(tokens: Sequence[str]) -> list[str]:
    return [escape_invisible(token) for token in tokens]


def open_view(page: Page, source: str, folder: Path) -> None:
    path = View(source, summary="hostile").save(folder / "view.html")
    page.goto(path.as_uri())


def expect_unhurt(page: Page) -> None:
    assert page.evaluate("window.hurt") is None
    assert (
        page.evaluate("document.querySelectorAll('[onerror],[onload],[onmouseover]').length") == 0
    )


def patterns_of(tokens: Sequence[str]) -> xr.DataArray:
    """One head that looks everywhere alike."""
    size = len(tokens)
    uniform = np.tril(np.ones((size, size))) / np.arange(1, size + 1)[:, None]
    uniform[np.triu_indices(size, 1)] = np.nan
    return xr.DataArray(
        uniform[None],
        dims=("head_name", "query", "key"),
        coords={
            "head_name": ["L0H0"],
            **token_coord("query", list(tokens)),
            **token_coord("key", list(tokens)),
        },
        attrs={"model": "mini"},
    )


@pytest.mark.parametrize("tokens", [HOSTILE + UNHELD, ALL], ids=["hostile", "vocabulary"])
def test_lines_of_tokens(page, tmp_path, tokens):
    open_view(page, view_tokens(tokens).source, tmp_path)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll(".helpers-tokens bdi")].map((box) =>
             [box.textContent, box.getBoundingClientRect().width])"""
    )
    assert [text for text, _ in boxes] == shown(tokens)
    assert min(width for _, width in boxes) > 0
    expect_unhurt(page)


def test_values_of_hostile_tokens(page, tmp_path):
    values = xr.DataArray(
        np.linspace(0, 1, len(HOSTILE)),
        dims="position",
        coords=token_coord("position", HOSTILE),
        attrs={"long_name": "</small><img src=x onerror=window.hurt=1>", "units": "<b>"},
    )
    open_view(page, view_tokens(values).source, tmp_path)
    page.locator("summary").click()
    expect(page.locator("table")).to_be_visible()
    cells = page.locator("td:nth-child(2)").all_text_contents()
    boxes = page.locator(".helpers-tokens span bdi").all_text_contents()
    assert cells == boxes == shown(HOSTILE)
    for box in page.locator(".helpers-tokens span bdi").all()[:12]:
        box.hover()
    expect_unhurt(page)


@pytest.mark.parametrize("tokens", [HOSTILE, ALL], ids=["hostile", "vocabulary"])
def test_circuitsvis(page, tmp_path, tokens):
    """What it writes as HTML (token boxes) reads as the text, and heads keep their names."""
    parts = list(batched(tokens, 256))
    for i, some in enumerate(batched(parts, 40)):
        sources = [view_attention(patterns_of(part)).source for part in some]
        open_view(page, load_viewers().source + "".join(sources), tmp_path / str(i))
        live = page.locator(".helpers-attention[data-live=yes]")
        expect(live).to_have_count(len(some), timeout=120_000)
        page.wait_for_function(
            """(count) => document.querySelectorAll(".tokens").length === count""", arg=len(some)
        )
        said = page.evaluate(
            """() => [...document.querySelectorAll(".tokens > div")].map((line) =>
                 [...line.querySelectorAll("button")].map((box) => box.textContent))"""
        )
        # circuitsvis makes the first blank one that does not break.
        assert [[box.replace("\xa0", " ") for box in line] for line in said] == [
            shown(part) for part in some
        ]
        expect(page.get_by_text("L0H0", exact=True)).to_have_count(len(some))
        expect_unhurt(page)


@pytest.mark.parametrize("tokens", [HOSTILE, ALL], ids=["hostile", "vocabulary"])
def test_the_explorer(page, tmp_path, tokens):
    """Every token read out as a key, one sequence after the other."""
    size = 101
    lines = [[*part, *["x"] * (size - len(part))] for part in batched(tokens, size)]
    pattern = patterns_of(lines[0]).isel(head_name=0, drop=True)
    patterns = pattern.drop_vars(["query_token", "key_token"]).expand_dims(
        {"sequence": len(lines), "layer": 1, "head": 1}
    )
    patterns = patterns.assign_coords(key_token=(("sequence", "key"), lines))
    score = xr.DataArray(
        np.full((1, 1), 0.5),
        dims=("layer", "head"),
        attrs={"long_name": "</script><img src=x onerror=window.hurt=1>"},
    )
    open_view(page, view_heads(xr.Dataset({"induction": score}), patterns).source, tmp_path)
    expect(page.locator(".helpers-heads[data-live=yes]")).to_have_count(1)
    said = page.evaluate(
        """() => {
          const shadow = document.querySelector(".helpers-heads").shadowRoot;
          const choice = shadow.querySelector("select.sequence");
          const canvas = shadow.querySelector("canvas");
          const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key }));
          const read = () => shadow.querySelectorAll(".readout bdi")[1].textContent.slice(1, -1);
          const said = [];
          for (let sequence = 0; sequence < choice.options.length; sequence++) {
            choice.value = sequence;
            choice.dispatchEvent(new Event("change"));
            press("Home");
            for (let key = 0; key < 101; key++) {
              said.push(read());
              press("ArrowRight");
            }
          }
          return said;
        }"""
    )
    assert said[: len(tokens)] == shown(tokens)
    expect(page.locator(".heading")).to_contain_text("</script><img src=x onerror=window.hurt=1>")
    expect_unhurt(page)


def draw(page: Page, folder: Path, figures: Sequence[object]) -> None:
    """Figures on a page as our exported pages hold them."""
    parts = [
        pio.to_html(figure, include_plotlyjs=False, full_html=False)  # type: ignore[arg-type]
        for figure in figures
    ]
    script = f"<script>{get_plotlyjs()}</script>"
    open_view(page, script + "".join(parts), folder)
    expect(page.locator(".js-plotly-plot .xtick text").first).to_be_visible(timeout=60_000)


def ticks(page: Page, axis: str) -> list[str]:
    return page.evaluate(
        """(axis) =>
          [...document.querySelectorAll(`.${axis}tick text`)].map((tick) => tick.textContent)""",
        axis,
    )


def test_attention_plots(page, tmp_path):
    """Both axes, and all tokens on them."""
    tokens = HOSTILE[:40]
    figures = [
        plot_attention(patterns_of(some).isel(head_name=0)) for some in (tokens, HOSTILE[8:])
    ]
    draw(page, tmp_path, figures)
    expected = [plain(text) for text in shown(tokens) + shown(HOSTILE[8:])]
    assert [plain(text) for text in ticks(page, "x")] == expected
    assert sorted(plain(text) for text in ticks(page, "y")) == sorted(expected)
    expect_unhurt(page)


@pytest.mark.parametrize(
    "tokens",
    [pytest.param(MARKED, id="marked"), pytest.param(ALL, id="all", marks=pytest.mark.long)],
)
def test_tokens_on_an_axis(page, tmp_path, tokens):
    """The one way by which tokens get to the axes of our plots, two hundred at a time.

    Plotly takes minutes for all of them: those with a character that it could take for markup,
    and every hundredth of the others, stand for them.
    """
    open_view(page, f"<script>{get_plotlyjs()}</script><div id='plot'></div>", tmp_path)
    said = []
    for part in batched(tokens, 200):
        fig = theme.figure(title=escape_text(part[0]), width=3000, height=240)
        heatmap(fig, np.zeros((1, len(part))), x=part, y=["y"], hover="%{customdata[1]}")
        fig.update_xaxes(**label_axis(part, most=200), tickangle=90)
        said += page.evaluate(
            """async ([data, layout]) => {
              await Plotly.newPlot("plot", data, layout);
              return [...document.querySelectorAll(".xtick text")].map((tick) => tick.textContent);
            }""",
            [json.loads(fig.to_json())[key] for key in ("data", "layout")],
        )
    assert [plain(label) for label in said] == [plain(label) for label in shown(tokens)]
    expect_unhurt(page)


def plain(text: str) -> str:
    """Plotly keeps blanks as they are in a picture of text, but no-break blanks it may make."""
    return re.sub(r"\s", " ", text)


def hover(page: Page, points: Sequence[object]) -> list[str]:
    """The text of the hover box at each point of the curve that knows about tokens."""
    return page.evaluate(
        """async (points) => {
          const figure = document.querySelector(".js-plotly-plot");
          const curveNumber = figure.data.findIndex((trace) => trace.customdata);
          const said = [];
          for (const pointNumber of points) {
            const [row, column] = Array.isArray(pointNumber) ? pointNumber : [null, null];
            const point = row === null ? { pointNumber } : { xval: column, yval: row };
            Plotly.Fx.hover(figure, [{ curveNumber, ...point }]);
            const drawn = () => [...figure.querySelectorAll(".hoverlayer text")];
            for (let i = 0; i < 100 && !drawn().length; i++) {
              await new Promise((done) => setTimeout(done, 10));
            }
            said.push(drawn().map((text) => text.textContent).join(" "));
            Plotly.Fx.unhover(figure);
            await new Promise((done) => requestAnimationFrame(done));
          }
          return said;
        }""",
        points,
    )


def expect_said(said: Sequence[str], tokens: Sequence[str]) -> None:
    for token, box in zip(shown(tokens), said, strict=True):
        assert plain(token) in plain(box), (token, box)


def test_hovering_over_the_loss(page, tmp_path):
    half = len(HOSTILE) // 2
    tokens = HOSTILE[: 2 * half]
    loss = xr.Dataset(
        {"log_prob": (("sequence", "position"), np.full((2, 2 * half), -1.0))},
        coords={
            "position": np.arange(1, 2 * half + 1),
            **token_coord("position", tokens),
        },
        attrs={"model": "<img src=x onerror=window.hurt=1>", "n": half, "uniform": -6.0},
    )
    draw(page, tmp_path, [plot_loss(loss)])
    expect_said(hover(page, list(range(2 * half))), tokens)
    expect(page.locator(".gtitle")).to_contain_text("<img src=x onerror=window.hurt=1>")
    expect_unhurt(page)


def test_hovering_over_effects(page, tmp_path):
    effects = xr.DataArray(
        np.random.default_rng(0).normal(size=(3, len(HOSTILE))),
        dims=("layer", "target"),
        coords={"target": np.arange(len(HOSTILE)), **token_coord("target", HOSTILE)},
        attrs={"model": "mini"},
    )
    draw(page, tmp_path, [plot_target_effects(effects)])
    expect_said(hover(page, [[1, i] for i in range(len(HOSTILE))]), HOSTILE)
    expect_unhurt(page)


def test_hovering_over_attention(page, tmp_path):
    draw(page, tmp_path, [plot_attention(patterns_of(HOSTILE).isel(head_name=0))])
    last = len(HOSTILE) - 1
    expect_said(hover(page, [[last, i] for i in range(len(HOSTILE))]), HOSTILE)
    expect_unhurt(page)
