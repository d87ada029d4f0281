"""Pages and index as a reader gets them: what they say, where they lead, what they load."""

import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import plotly.graph_objects as go
import pytest
import xarray as xr
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from plotly.offline import get_plotlyjs

from helpers import keep
from helpers.claims import OwnLine, PostLine, describe_run
from helpers.run import Outcome, write_index, write_page
from helpers.run.outline import describe_chapter, read_parameters
from helpers.run.page_frame import TEMPLATES

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
HOSTILE = "</script><img src=x onerror=alert(1)>"
VIEW = (
    '<div id="view" data-of=\'a"b\'>1 &lt; 2 &mdash;<svg viewBox="0 0 1 1"><foreignObject/></svg>'
    '<input disabled></div><script>if (1 < 2 && "$a$ *b*") view.id = "x";</script>'
)
SCRIPT = get_plotlyjs()
LOADING = ("script", "img", "iframe", "source", "audio", "video", "embed", "input", "track")


class Page(HTMLParser):
    """Elements with their attributes, and the text inside each kind."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "link", "img", "br", "hr", "input"}:
            self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        inside = self._open[-1] if self._open else ""
        shown = set() if inside in {"style", "script", "title"} else {"body"}
        for tag in {inside, *shown}:
            self.text.setdefault(tag, []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def said(self, tag: str = "body") -> str:
        return " ".join(" ".join(self.text.get(tag, [])).split())


def figure(title: str) -> nbformat.NotebookNode:
    bundle = go.Figure(layout={"title": {"text": title}}).add_bar(y=[1, 2]).to_plotly_json()
    return new_output("display_data", {"application/vnd.plotly.v1+json": bundle})


def output(kind: str, text: str) -> nbformat.NotebookNode:
    return new_output("display_data", {kind: text, "text/plain": "plain"})


def notebook(title: str, *outputs: nbformat.NotebookNode, text: str = "") -> nbformat.NotebookNode:
    begin = new_markdown_cell(f"# {title}\n\n**Question.** What *is* `it`?\n\n{text}")
    return new_notebook(cells=[begin, new_code_cell("a < b", outputs=list(outputs))])


def found_line(**changes: object) -> OwnLine:
    values = {
        "id": "E10",
        "claim": "heads matter",
        "definition": "the number",
        "rule": "above 1",
        "chapter": "removal",
        "otherwise": "they do not",
        "number": 7.1876,
        "low": 7.0,
        "high": 7.3,
        "verdict": "holds",
        "subject": "L1H1, L2H2",
        "model": "mini",
        "revision": "r",
        "controls": {"random heads, 97.5 %": 0.954},
    }
    return OwnLine(**{**values, **changes})


def measured(name: str, number: float | None, **changes: object) -> PostLine:
    values = {
        "id": name,
        "claim": "what the post says",
        "chapter": "loss",
        "otherwise": "it is something else",
        "post": 0.5,
        "tolerance": "",
        "blog": 0.25,
        "corrected": number,
        "low": None,
        "high": None,
        "verdict": "not comparable (model is not gpt2)",
        "pattern": "above 0",
        "shows_pattern": True,
        "subject": "",
        "model": "mini",
        "revision": "r",
    }
    return PostLine(**{**values, **changes})


CLAIMS = [
    measured("C1", -6.415),
    measured("C2", -0.5, claim=HOSTILE),
    measured("C5", 0.946, subject="L1H1"),
    found_line(),
    found_line(id="E11", claim=HOSTILE, verdict="does not hold", controls={HOSTILE: 1.0}),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Three notebooks: figures and views, a failure, a hostile author; and what they kept."""
    folder = tmp_path_factory.mktemp("built")
    links = "[two](02_second.ipynb), [in two](02_second.ipynb#There), `[no](02_second.ipynb)`"
    links += ", [bad](javascript:alert(1))"
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "bar"}
    failed = notebook("2 · Second?", text="## There")
    tags = {"tags": ["papermill-error-cell-tag"]}
    failed.cells.insert(0, new_markdown_cell("<span>An Exception</span>", metadata=tags))
    outcomes = [
        Outcome(
            "01_first",
            notebook(
                "1 · First?",
                figure("one"),
                figure(HOSTILE),
                output("text/html", VIEW),
                output("text/markdown", "**said** [three](03_third.ipynb)"),
                new_output("display_data", widget),
                text=links,
            ),
        ),
        Outcome("02_second", failed, 5, f"Error: {HOSTILE}"),
        Outcome("03_third", notebook(f"3 · {HOSTILE}")),
    ]
    chapters = [describe_chapter(outcome.notebook, outcome.executed) for outcome in outcomes]
    for outcome in outcomes:
        write_page(outcome, folder, chapters)
        nbformat.write(outcome.executed, folder / f"{outcome.notebook}.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HELPERS_RESULTS", str(folder / "data"))
        keep(xr.Dataset({"effect": ("draw", [1.0, 2.0])}), "removed")
        keep(pd.DataFrame({"head": ["L1H1"]}), "ranking")
    (folder / "claims.json").write_text("[]")
    index = write_index(
        outcomes,
        chapters,
        CLAIMS,
        folder,
        about={"Model": "mini", "Weights": HOSTILE},
        kept_by={"01_first": ["ranking.csv"], "03_third": ["removed.csv", "removed.nc"]},
        picture=VIEW,
        caption=HOSTILE,
    )
    pages = [Page(folder / f"{outcome.notebook}.html") for outcome in outcomes]
    return SimpleNamespace(
        folder=folder, outcomes=outcomes, chapters=chapters, pages=pages, index=Page(index)
    )


def test_every_link_leads_somewhere(built):
    ids = {
        page.path.name: {attrs["id"] for _, attrs in page.elements if "id" in attrs}
        for page in (*built.pages, built.index)
    }
    followed = 0
    for page in (*built.pages, built.index):
        for attrs in (*page.all("a"), *page.all("link")):
            target = attrs["href"]
            assert not re.match(r"(\w+:)?//|javascript:", target)
            if target.startswith("data:"):
                continue
            if target == "#harmful-link":  # mistune's answer to it
                continue
            name, _, fragment = target.partition("#")
            path = page.path.parent / name if name else page.path
            assert path.is_file(), f"{page.path.name} leads to {target}"
            assert not fragment or fragment in ids[path.name], target
            followed += 1
    assert followed > 25


def test_nothing_is_loaded_from_anywhere(built):
    for page in (*built.pages, built.index):
        for tag, attrs in page.elements:
            loaded = attrs.get("href" if tag == "link" else "src", "data:")
            if tag == "link" or tag in LOADING:
                assert loaded.startswith("data:"), f"<{tag}> loads {loaded}"
        for style in page.text.get("style", []):
            assert "@import" not in style and not re.search(r"url\(\s*['\"]?(?!data:)", style)
        icons = [attrs for attrs in page.all("link") if attrs["rel"] == "icon"]
        assert len(icons) == 1  # without one, browsers ask for favicon.ico


def test_plotly_stands_in_a_page_once_or_not_at_all(built):
    first, second, _ = (page.path.read_text(encoding="utf-8") for page in built.pages)
    assert first.count(SCRIPT) == 1 and first.count('type="application/json"') == 2
    assert SCRIPT not in second and "<noscript" not in second
    assert built.pages[0].said("noscript").count("scripts are off") == 2
    assert [attrs["aria-label"].strip() for attrs in built.pages[0].all("figure")][0] == "one"


def test_views_are_left_exactly_alone(built):
    assert VIEW in built.pages[0].path.read_text(encoding="utf-8")
    assert VIEW in built.index.path.read_text(encoding="utf-8")


def test_links_to_notebooks_lead_to_pages_and_code_stays_code(built):
    page = built.pages[0]
    targets = [attrs["href"] for attrs in page.all("a")]
    assert {"02_second.html", "02_second.html#There", "03_third.html"} <= set(targets)
    assert targets.count("01_first.ipynb") == 2  # "this notebook", in both bars
    assert "[no](02_second.ipynb)" in page.said("code")


def test_bars_lead_to_the_neighbours_and_the_contents(built):
    def bar(page):
        return [(a.get("rel"), a["href"]) for a in page.all("a") if "rel" in a], page.said("a")

    (first, _), (second, said), (third, _) = map(bar, built.pages)
    assert first == [("next", "02_second.html")] * 2
    assert second == [("prev", "01_first.html"), ("next", "03_third.html")] * 2
    assert third == [("prev", "02_second.html")] * 2
    assert "← 1 · First?" in said and said.count("Contents") == 2


def test_pages_name_themselves(built):
    for page, title in zip(
        built.pages, ("1 · First?", "2 · Second?", "3 · " + HOSTILE), strict=True
    ):
        assert page.said("title") == title
        assert page.all("html") == [{"lang": "en"}]
    assert built.index.all("html") == [{"lang": "en"}]
    assert "mini" in built.index.said("title")


def test_hostile_text_is_text(built):
    for page in (*built.pages, built.index):
        assert not any("onerror" in attrs for _, attrs in page.elements)
    # Weights, caption, a title, an error.
    assert built.index.said().count("onerror=alert(1)") >= 4
    first, second, third = (page.said().count("onerror=") for page in built.pages)
    # The neighbour's title in two bars, and an error; a heading, which is Markdown.
    assert second == 3 and third == 1 and first == 0


def test_widgets_fall_back_to_text(built):
    page = built.pages[0].path.read_text(encoding="utf-8").replace(SCRIPT, "")
    assert "widget-view" not in page and "<pre>bar</pre>" in page


def test_a_failure_is_told_on_the_page_and_in_the_index(built):
    said = "failed in cell 5: Error: </script>"
    assert f"This notebook {said}" in built.pages[1].said("p")
    assert said in built.index.said("p")
    assert "1 of 3 notebooks failed" in built.index.said("p")
    assert "failed" not in built.pages[0].said("p")
    assert "An Exception" not in built.pages[1].said()


def test_light_and_dark(built):
    for page in (*built.pages, built.index):
        schemes = [
            attrs["content"] for attrs in page.all("meta") if attrs.get("name") == "color-scheme"
        ]
        assert schemes == ["light dark"]
        styles = " ".join(page.text["style"])
        assert styles.count("--paper: #") == 2
        assert "@media screen and (prefers-color-scheme: dark)" in styles
        assert page.all("body")[0]["data-jp-theme-light"] == "true"
        assert any("jpThemeLight" in script for script in page.text["script"])
    themes = [attrs.get("media") for attrs in built.pages[0].all("style")]
    assert "screen and (prefers-color-scheme: dark)" in themes  # JupyterLab's dark variables


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_can_be_read_in_both():
    """WCAG AA: 4.5 : 1."""
    light, dark = (TEMPLATES / "common.css").read_text(encoding="utf-8").split("@media screen", 1)
    for sheet in (light, dark):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", sheet))
        pairs = [(ink, paper) for ink in ("ink", "quiet") for paper in ("paper", "panel")]
        pairs += [("link", "paper"), ("good", "good-paper"), ("bad", "bad-paper")]
        for ink, paper in pairs:
            low, high = sorted(luminance(colours[name]) for name in (ink, paper))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{ink} on {paper}"


def test_the_index_reads_like_a_first_page(built):
    said = built.index.said()
    assert said.index("Which parts of it look that up") < said.index("What this run found")
    assert said.index("What this run found") < said.index("1 · First?")
    assert said.count("What is it?") == 3  # each notebook's question, without its marks
    assert {"class": "picture"} in built.index.all("div")
    assert "what failed and what was not shown" in said and "claims.json" in said


def test_the_index_leads_to_the_data_of_each_chapter(built):
    files = [a["href"] for a in built.index.all("a") if a["href"].startswith("data/")]
    assert files == ["data/ranking.csv", "data/removed.csv", "data/removed.nc"]
    assert len([attrs for attrs in built.index.all("details") if attrs.get("class") == "file"]) == 2


def test_the_index_tells_what_chapters_say_in_short_and_what_failed(built, tmp_path):
    """Plain text, in the author's words: neither markup nor a script of theirs is obeyed."""
    source = f"# 1 · One?\n\n## Recap\n\n* It *is* so: {HOSTILE}\n* **Not shown:** why."
    chapter = describe_chapter("01_first", new_notebook(cells=[new_markdown_cell(source)]))
    assert chapter.recap == (f"It is so: {HOSTILE}", "Not shown: why.")
    page = Page(write_index(built.outcomes, [chapter], CLAIMS, tmp_path, about={"Model": "mini"}))
    assert "In short" in page.said() and "Not shown: why." in page.said()
    failed = [line for line in CLAIMS if line.verdict == "does not hold"]
    assert [line.claim in page.said() for line in failed] == [True] * len(failed)


def test_an_index_without_picture_claims_or_data(built, tmp_path):
    for outcome in built.outcomes:
        write_page(outcome, tmp_path, built.chapters)
    page = Page(write_index(built.outcomes, built.chapters, [], tmp_path, about={"Model": "mini"}))
    assert not page.all("figure") and not page.all("table")
    assert "Nothing yet: the notebooks did not get that far." in page.said()
    assert "claims.json" not in page.said()


def test_a_page_alone_has_no_neighbours(built, tmp_path):
    page = Page(write_page(built.outcomes[0], tmp_path))
    assert not [attrs for attrs in page.all("a") if "rel" in attrs]
    assert [path.name for path in tmp_path.iterdir()] == ["01_first.html"]


def test_what_was_found_is_said_with_the_numbers():
    repeat, removal, verdicts = describe_run(CLAIMS)
    assert "-6.42 nats the first time and -0.50 nats the second time" in repeat
    assert "L1H1 looks most" in repeat and "score 0.946" in repeat
    assert "its 2 induction heads" in removal and "7.19 nats [7.00, 7.30]" in removal
    assert "against 0.95 nats for as many random heads" in removal
    assert verdicts == "Of our own 2 claims, 1 hold on this model and 1 do not."


def test_what_was_not_found_is_not_said():
    assert describe_run([]) == []
    alone = [measured("C1", -6.0), measured("C2", -1.0), measured("C5", None)]
    assert describe_run(alone) == [
        "mini predicts random tokens with a mean log-probability of -6.00 nats the first time "
        "and -1.00 nats the second time."
    ]
    missing = found_line(number=None, low=None, high=None, verdict="not run", controls={})
    assert describe_run([missing]) == [
        "Of our own 1 claims, 0 hold on this model and 0 do not; 1 were not run."
    ]


def test_parameters_are_read_where_they_were_set():
    cells = [
        new_code_cell('MODEL = "auto"  # or\nN = 50', metadata={"tags": ["parameters"]}),
        new_code_cell('MODEL = "mini"', metadata={"tags": ["injected-parameters"]}),
        new_code_cell("%magic", metadata={"tags": ["injected-parameters"]}),
        new_code_cell("N = 3"),
    ]
    assert read_parameters(new_notebook(cells=cells)) == {"MODEL": "mini", "N": 50}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_notebook_needs_a_formula_renderer(path):
    """Pages carry none: a formula would stay TeX."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"`[^`]*`", "", cell.source)
            assert not re.search(r"\$[^$\n]+\$|\\\(|\\\[|\\begin", text), text
