"""What the first page of a run opens with: the diagram, and what is left as heads are removed."""

from pathlib import Path

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from helpers.chapters.loss import describe_ablated, tabulate_ablated
from helpers.results import load_result
from helpers.run.page_frame import page_environment
from helpers.viewers import view_circuit


def draw_opening(data: Path) -> str:
    """The diagram; with the table and what it says, once chapter 1 has kept its numbers.

    Args:
        data: Folder of the results.

    Returns:
        Self-contained HTML, all text from outside escaped.
    """
    parts: dict[str, object] = {"diagram": view_circuit().source}
    if (data / "ablated.nc").is_file():
        ablated = load_result(data / "ablated.nc")
        table = tabulate_ablated(ablated)
        heads = ablated["heads"].to_numpy()
        parts |= {
            "text": ablated.attrs.get("text", ""),
            "corner": table.columns.names[0],
            "groups": list(dict.fromkeys(group for group, _ in table.columns)),
            "ways": [way for _, way in table.columns],
            # A median and its range, ".999 (.998–.999)", which may break in the middle.
            "rows": [
                (name, names, [_split(cell) for cell in cells])
                for name, names, cells in zip(table.index, heads, table.to_numpy(), strict=True)
            ],
            "said": _render(describe_ablated(ablated)),
            "draws": ablated.attrs["draws"],
        }
    return page_environment().get_template("opening.html.j2").render(parts)


def _split(cell: str) -> tuple[str, str, str]:
    middle, _, ends = cell.partition(" ")
    low, _, high = ends.strip("()").partition("–")
    return middle, low, high


def _render(markdown: str) -> str:
    renderer = IPythonRenderer(escape=True, allow_harmful_protocols=False)
    return MarkdownWithMath(renderer=renderer).render(markdown)
