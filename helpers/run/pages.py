"""Executed notebooks as HTML pages that need no network."""

import html
import json
import re
from collections.abc import Collection, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import pass_context
from nbconvert import HTMLExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from plotly.offline import get_plotlyjs

from helpers import theme
from helpers.results import write_whole
from helpers.run.notebooks import Outcome
from helpers.run.outline import Chapter, describe_chapter
from helpers.run.page_frame import TEMPLATES, frame_page

GLOSSARY = "glossary"
"""The one page beside the chapters that they link to."""
_PLOTLY = "application/vnd.plotly.v1+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_ERROR = "papermill-error-cell-tag"
_TAG = re.compile(r"<[^>]*>")


def write_page(outcome: Outcome, folder: Path, chapters: Sequence[Chapter] = ()) -> Path:
    """Write an executed notebook as one self-contained page, in one step.

    Figures are drawn by plotly's script, which stands in the page once, or not at all if there is
    no figure. Links to other notebooks lead to their pages.

    Args:
        outcome: The executed notebook; it is not changed.
        folder: Where the page goes, beside the others and the executed notebook.
        chapters: All notebooks in order, for the links before and after.

    Returns:
        The page.
    """
    notebook, figures = _prepare(outcome.executed)
    names = [chapter.notebook for chapter in chapters]
    place = names.index(outcome.notebook) if outcome.notebook in names else None
    script, asks = (
        (TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in ("figures", "exercises")
    )
    about = {
        "notebook": outcome.notebook,
        "title": describe_chapter(outcome.notebook, outcome.executed).title,
        "previous": chapters[place - 1] if place else None,
        "next": None if place is None else next(iter(chapters[place + 1 :]), None),
        "failure": say_failure(outcome),
        "end": say_early_end(outcome),
        **frame_page("page"),
        "plotly": get_plotlyjs() if figures else "",
        "exercises": f"{asks}\naskFirst();",
        "figures": f"{script}\ndrawFigures({json.dumps(theme.SCHEMES)});",
    }
    page, _ = _Exporter([*names, GLOSSARY]).from_notebook_node(notebook, resources={"page": about})
    path = folder / f"{outcome.notebook}.html"
    write_whole(path, lambda to: to.write_text(page, encoding="utf-8"))
    return path


def say_early_end(outcome: Outcome) -> str:
    """Where a notebook came to its end before its last cell, and why, or nothing."""
    if not outcome.ended:
        return ""
    why = outcome.ended
    why = why if why.startswith("This cannot be measured") else f"cannot be measured here: {why}"
    return f"ends in cell {outcome.cell}: {why}"


def say_failure(outcome: Outcome) -> str:
    """Where a notebook failed and why, or nothing."""
    if not outcome.error:
        return ""
    where = f"in cell {outcome.cell}" if outcome.cell else "before its first cell"
    return f"failed {where}: {outcome.error}"


class _Exporter(HTMLExporter):
    """nbconvert's HTML in this project's template; links to notebooks lead to pages.

    Markdown is text made from data as well as by authors: HTML inside it is shown, not obeyed.
    """

    def __init__(self, pages: Collection[str], **settings: Any) -> None:
        super().__init__(
            template_name="walkthrough",
            extra_template_basedirs=[str(TEMPLATES)],
            embed_images=True,
            exclude_input_prompt=True,
            exclude_output_prompt=True,
            **settings,
        )
        names = "|".join(map(re.escape, pages))
        self._links = re.compile(rf'href="({names})\.ipynb(?=["#])') if pages else None

    def from_notebook_node(
        self, nb: nbformat.NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        # HTMLExporter's own would read the finished page and write it anew, views and all.
        highlight = Highlight2HTML(pygments_lexer="python3", parent=self)
        self.register_filter("highlight_code", highlight)
        resources = self._init_resources(resources)
        return super(HTMLExporter, self).from_notebook_node(nb, resources, **kw)

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        renderer = IPythonRenderer(
            escape=True,
            allow_harmful_protocols=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=self.embed_images,
            anchor_link_text=self.anchor_link_text,
        )
        rendered = MarkdownWithMath(renderer=renderer).render(source)
        return self._links.sub(r'href="\1.html', rendered) if self._links else rendered


def _prepare(executed: nbformat.NotebookNode) -> tuple[nbformat.NotebookNode, int]:
    """A copy whose figures are HTML and whose widgets are text, and how many figures it has."""
    notebook = deepcopy(executed)
    notebook.metadata.pop("widgets", None)
    # What papermill writes beside an error is HTML; the page says it at its top.
    cells = [cell for cell in notebook.cells if _ERROR not in cell.metadata.get("tags", [])]
    notebook.cells = cells
    figures = 0
    for cell in cells:
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            bundle.pop(_WIDGET, None)
            if _PLOTLY in bundle:
                figures += 1
                bundle["text/html"] = _draw(bundle.pop(_PLOTLY))
    return notebook, figures


def _draw(figure: dict[str, Any]) -> str:
    """A figure as data, which `templates/figures.js` draws."""
    title = figure.get("layout", {}).get("title", {}).get("text", "figure")
    height = figure.get("layout", {}).get("height", theme.HEIGHT)
    label = html.escape(_TAG.sub(" ", title))
    parts = {"data": figure.get("data", []), "layout": figure.get("layout", {})}
    data = json.dumps(parts).replace("<", "\\u003c")  # no token text may end the script
    return (
        f'<figure class="figure" aria-label="{label}"><div style="min-height:{height:d}px"></div>'
        f'<script type="application/json">{data}</script>'
        "<noscript>A script draws this figure, and scripts are off here.</noscript></figure>"
    )
