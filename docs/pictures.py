"""The pictures of README and docs, from a finished run: `make pictures`.

Without make: `python -m docs.pictures [MODEL]`, in the project's folder.

Nothing is measured here: what is drawn is what the notebooks kept in `build/<model>/`.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import plotly.graph_objects as go

from docs.screenshots import read, take_explorer, take_page, take_play
from helpers import Head, rank_heads, save_figure, theme
from helpers.chapters.attention import plot_attention
from helpers.chapters.scan import plot_head_scores
from helpers.drawing.chrome import BrowserError

ROOT = Path(__file__).parents[1]
MODEL = "smollm2"
"""What they show: the language model that every machine can fetch."""
_BETWEEN = 0.13
"""Share of the width for the left scale and the right axis."""
_HEADING = {
    "x": 0,
    "y": 1,
    "yref": "paper",
    "xanchor": "left",
    "yanchor": "bottom",
    "yshift": 30,
    "showarrow": False,
    "font": {"size": 16},
}


def draw_induction(run: Path, docs: Path) -> list[Path]:
    """Left the scan of all heads, right what the best of them looks at."""
    scores, attention = read(run, "scores"), read(run, "attention")
    best: Head = next(iter(rank_heads(scores, by="induction")["head"]))
    pattern = attention["attention"].isel(sequence=0, layer=best.layer, head=best.head)
    fig = put_beside(
        plot_head_scores(scores["induction"], title="Induction scores of all heads"),
        plot_attention(pattern.assign_coords(head_name=str(best))),
    )
    return [save_figure(fig, docs / "induction.png")]


PICTURES: Sequence[Callable[[Path, Path], list[Path]]] = (
    draw_induction,
    take_explorer,
    take_page,
    take_play,
)
"""Each takes the folder of a run, and the folder to write to; it says what it wrote."""


def put_beside(left: go.Figure, right: go.Figure) -> go.Figure:
    """Two maps with their titles, notes, scales and axes in one figure.

    Args:
        left: Figure with one pair of axes.
        right: The same; its legend is kept, and its height.

    Returns:
        A new figure, as wide as both.
    """
    parts = (left.to_dict(), right.to_dict())
    widths = [part["layout"]["width"] for part in parts]
    share = widths[0] / sum(widths)
    domains = ((0.0, share - _BETWEEN), (share, 1.0))
    traces, axes, notes = [], {}, []
    for number, part, domain in zip(("", "2"), parts, domains, strict=True):
        layout, x, y = part["layout"], f"x{number}", f"y{number}"
        for trace in part["data"]:
            if "colorbar" in trace:
                trace["colorbar"]["x"] = domain[1] + 0.01
            traces.append(trace | {"xaxis": x, "yaxis": y})
        axes[f"xaxis{number}"] = layout["xaxis"] | {"domain": domain, "anchor": y}
        square = {"scaleanchor": x} if "scaleanchor" in layout["yaxis"] else {}
        axes[f"yaxis{number}"] = layout["yaxis"] | {"anchor": x} | square
        # What stood at the edge of its figure stands at the edge of its half.
        for note in layout.get("annotations", ()):
            refs = {
                ref: f"{axis} domain" if note.get(ref) == "paper" else axis
                for ref, axis in (("xref", x), ("yref", y))
            }
            notes.append(note | refs)
        notes.append(_HEADING | {"text": layout["title"]["text"], "xref": f"{x} domain"})
    fig = theme.figure(title="", width=sum(widths), height=parts[1]["layout"]["height"])
    legend = {"x": share + 0.02, "y": 1.015, "yref": "paper", "yanchor": "bottom"}
    return fig.add_traces(traces).update_layout(
        axes, annotations=notes, legend=legend, margin={"b": 75, "t": 80}
    )


def main(model: str = MODEL, *, build: Path = ROOT / "build", docs: Path = ROOT / "docs") -> None:
    """Draw all pictures from one run.

    Raises:
        SystemExit: If the run is not there or lacks what a picture shows, or no browser is.
    """
    run = build / model.replace("/", "--")
    for draw in PICTURES:
        try:
            written = draw(run, docs)
        except FileNotFoundError as error:
            raise SystemExit(f"{error} Run `make notebooks MODEL={model}` first.") from error
        except BrowserError as error:
            raise SystemExit(str(error)) from error
        for path in written:
            sys.stdout.write(f"{path} ({model}, {path.stat().st_size // 1024} KB)\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
