"""What the docs tell of measurements, written anew from `docs/measured/`: `make docs`.

Without make: `python -m docs.build`, in the project's folder. `--check` writes nothing, names what
is stale and then exits with 1. `--from build/mini` first takes over what a finished run measured.
"""

import argparse
import sys
from pathlib import Path

from docs.ablated import tell_ablated
from docs.measured_runs import Measured, read_measured, take_run, take_work
from docs.pages import render_pages
from docs.times import time_notebook, time_readme
from helpers.drawing.circuit_diagram import draw_circuit_diagram
from helpers.results import write_whole

ROOT = Path(__file__).parents[1]


def render(root: Path, measured: Measured) -> dict[Path, str]:
    """The text that every file with something generated in it should have.

    Args:
        root: The project's folder.
        measured: What is kept in `docs/measured/`.
    """
    texts = {root / "docs" / name: text for name, text in render_pages(measured).items()}
    readme = root / "README.md"
    timed = time_readme(readme.read_text(encoding="utf-8"), measured.chapters, root)
    texts[readme] = tell_ablated(timed, measured.ablated)
    texts[root / "docs" / "circuit.svg"] = draw_circuit_diagram()
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        texts[path] = time_notebook(text, path.stem, measured.chapters)
    return texts


def stale_files(root: Path = ROOT) -> list[str]:
    """Files, by their paths in the project, that are not what `make docs` would write."""
    texts = render(root, read_measured(root / "docs" / "measured"))
    return [
        path.relative_to(root).as_posix()
        for path, text in texts.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str] | None = None, *, root: Path = ROOT) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    parser.add_argument(
        "--from", dest="run", type=Path, help="folder of a finished run, for example build/mini"
    )
    parser.add_argument(
        "--work", type=Path, help="what `python -m benchmarks work` wrote, to be taken over"
    )
    parser.add_argument(
        "--rate",
        type=float,
        help="GFLOP/s of the machine of that run (default: measured now, on this machine)",
    )
    chosen = parser.parse_args(arguments)
    if not chosen.check:
        try:
            if chosen.run:
                sys.stdout.write(take_run(chosen.run, root, rate=chosen.rate))
            if chosen.work:
                sys.stdout.write(take_work(chosen.work, root))
        except (FileNotFoundError, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    stale = stale_files(root)
    if chosen.check:
        for name in stale:
            sys.stderr.write(f"{name} is stale: run `make docs`\n")
        return 1 if stale else 0
    texts = render(root, read_measured(root / "docs" / "measured"))
    for name in stale:
        text = texts[root / name]
        write_whole(root / name, lambda to, text=text: to.write_text(text, encoding="utf-8"))
        sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
