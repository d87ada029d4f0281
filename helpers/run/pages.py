"""Executed notebooks as HTML pages that need no network, and the index that leads to them."""

import html
import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import nbformat
import pandas as pd
import plotly.io as pio
from nbconvert import HTMLExporter
from plotly.offline import get_plotlyjs

from helpers.run.notebooks import Outcome

_PLOTLY = "application/vnd.plotly.v1+json"
_STYLE = (
    "body{font:16px/1.55 system-ui,sans-serif;color:#1f2933;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem}table{border-collapse:collapse;font-size:14px}td,th{border:1px solid #d5dbe1;"
    "padding:4px 9px;text-align:left;vertical-align:top}th{background:#f2f5f7}"
    "code{background:#f2f5f7;padding:1px 4px}li{margin:.4em 0}.error{color:#b91c1c}"
)


def write_page(executed: nbformat.NotebookNode, path: Path) -> None:
    """Write an executed notebook as one self-contained page, in one step.

    Figures are drawn by plotly's script, which stands in the page once.

    Args:
        executed: The executed notebook; it is not changed.
        path: File to write.
    """
    notebook, figures = _with_figures_as_html(executed)
    exporter = HTMLExporter(embed_images=True)
    for name in exporter.trait_names():
        if name.endswith("_url"):  # scripts it would fetch: mathjax, require, jquery, mermaid …
            exporter.set_trait(name, "")
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    if figures:
        script = f'<script type="text/javascript">{get_plotlyjs()}</script>'
        page = page.replace("</head>", f"{script}</head>", 1)
    _write(path, page)


def write_index(
    outcomes: list[Outcome],
    titles: dict[str, str],
    tables: Mapping[str, pd.DataFrame],
    folder: Path,
    *,
    about: str,
) -> None:
    """Write the page that leads to the others and shows the claims.

    Args:
        outcomes: How each notebook ended.
        titles: Title of each notebook.
        tables: Tables of claims and their headings; none if they could not be collected.
        folder: Where the pages lie.
        about: Model and revision, in a line.
    """
    items = []
    for outcome in outcomes:
        note = ""
        if outcome.error:
            text = html.escape(outcome.error)
            note = f' <span class="error">failed in cell {outcome.cell}: {text}</span>'
        name = html.escape(titles[outcome.notebook])
        items.append(f'<li><a href="{outcome.notebook}.html">{name}</a>{note}</li>')
    claims = "<p>No claims: the notebooks did not get that far.</p>"
    if tables:
        claims = "".join(
            f"<h2>{html.escape(heading)}</h2>" + table.reset_index().to_html(index=False, border=0)
            for heading, table in tables.items()
        )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>The induction circuit</title><style>{_STYLE}</style></head><body>"
        f"<h1>How a language model repeats itself</h1><p>Measured on {html.escape(about)}</p>"
        f"<h2>The walkthrough</h2><ol>{''.join(items)}</ol>"
        f"{claims}"
        '<p>The same as data: <a href="claims.json">claims.json</a>; every result behind it '
        "lies in <code>data/</code>.</p></body></html>"
    )
    _write(folder / "index.html", page)


def title_of(notebook: nbformat.NotebookNode) -> str:
    """The first heading of a notebook."""
    for cell in notebook.cells:
        for line in cell.source.splitlines():
            if cell.cell_type == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return "untitled"


def _with_figures_as_html(
    executed: nbformat.NotebookNode,
) -> tuple[nbformat.NotebookNode, int]:
    notebook = deepcopy(executed)
    figures = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            if _PLOTLY in bundle:
                figure = pio.from_json(json.dumps(bundle.pop(_PLOTLY)), skip_invalid=True)
                bundle["text/html"] = pio.to_html(
                    figure, include_plotlyjs=False, full_html=False, default_width="100%"
                )
                figures += 1
    return notebook, figures


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
