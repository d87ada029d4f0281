"""Command line: `python -m helpers run | play | student | scan | claims`."""

import argparse
import os
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NoReturn

from helpers.folders import expand_home, folder_settings

_PARAMETERS = {
    "n": "length of the repeated half",
    "sequences": "how many random sequences",
    "seed": "seed of the sequences",
}


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong; `--help` says the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    parser = _Parser(prog="python -m helpers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="execute all notebooks and write pages and claims")
    _add_model(run)
    run.add_argument(
        "--notebooks",
        type=expand_home,
        default=Path("notebooks"),
        help="their folder (default: notebooks)",
    )
    build = {"type": expand_home, "default": Path("build")}
    run.add_argument("--build", **build, help="where to write (build)")
    for name, of in _PARAMETERS.items():
        run.add_argument(f"--{name}", type=int, help=f"{of} (default: as in each notebook)")
    play = commands.add_parser("play", help="write the page with a live model in it")
    to = {"type": expand_home, "default": Path("build/play.html")}
    play.add_argument("--to", **to, help="the page (default: build/play.html)")
    student = commands.add_parser("student", help="write the notebooks for a class")
    student.add_argument(
        "--to", type=expand_home, default=Path("build/student"), help="folder (build/student)"
    )
    student.add_argument(
        "--notebooks", type=expand_home, default=Path("notebooks"), help="from (notebooks)"
    )
    scan = commands.add_parser("scan", help="print the top heads, without notebooks")
    _add_model(scan)
    for name, default in {"n": 50, "sequences": 32, "seed": 0}.items():
        of = f"{_PARAMETERS[name]} (default: {default})"
        scan.add_argument(f"--{name}", type=int, default=default, help=of)
    scan.add_argument("--top", type=int, default=5, help="heads of each kind (default: 5)")
    claims = commands.add_parser("claims", help="print the claims of earlier runs")
    claims.add_argument(
        "model", nargs="+", help="names of folders in the build folder, for example mini"
    )
    claims.add_argument(
        "--markdown", action="store_true", help="our own claims, models side by side, as Markdown"
    )
    claims.add_argument("--build", **build, help="where runs are (build)")
    chosen = parser.parse_args(arguments)
    from helpers.threads import thread_settings

    # Before torch and the hub's client are imported, which read them only then.
    os.environ.update({**thread_settings(), **folder_settings()})
    from helpers.models import ModelError

    try:
        act = {"run": _run, "play": _play, "student": _student, "scan": _scan, "claims": _claims}
        return act[chosen.command](chosen)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except (ModelError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "model",
        nargs="?",
        default="auto",
        help="auto, gpt2, smollm2, mini, a directory, or a hub id (default: auto, which the "
        "environment variable HELPERS_MODEL overrides)",
    )


def _run(chosen: argparse.Namespace) -> int:
    from helpers.models import asked_for, find_source
    from helpers.run import run_folder, run_walkthrough, say_failure, tell_price

    source = find_source(asked_for(chosen.model))
    sys.stdout.write(f"{source.name} ({source.reason}) -> {run_folder(source, chosen.build)}\n")
    sys.stdout.write(tell_price(source) + "\n")
    sys.stdout.flush()
    given = {name.upper(): vars(chosen)[name] for name in _PARAMETERS}
    folder, outcomes = run_walkthrough(
        chosen.model,
        notebooks=chosen.notebooks,
        build=chosen.build,
        parameters={name: value for name, value in given.items() if value is not None},
        beside=_play_beside,
    )
    if (folder / "claims.json").is_file():
        _print_claims(folder)
    sys.stdout.write(f"\nopen {folder / 'index.html'}\n")
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        sys.stderr.write(f"{outcome.notebook}: {say_failure(outcome)}\n")
    return 1 if failed else 0


def _play_beside(folder: Path) -> None:
    """`play.html` beside the index; without it the run goes on, and says why."""
    from helpers.models.network import say_briefly
    from helpers.play import write_play

    try:
        with redirect_stdout(StringIO()):  # it says which model it loads: not the one of this run
            page = write_play(folder / "play.html")
    except Exception as error:
        sys.stderr.write(f"There is no page to play with: {say_briefly(error)}\n")
    else:
        sys.stdout.write(f"meanwhile, a model to play with: {page}\n")
        sys.stdout.flush()


def _play(chosen: argparse.Namespace) -> int:
    from helpers.play import write_play

    sys.stdout.write(f"open {write_play(chosen.to)}\n")
    return 0


def _student(chosen: argparse.Namespace) -> int:
    from helpers.run import write_student

    written = write_student(chosen.notebooks, chosen.to)
    sys.stdout.write(f"{len(written)} notebooks without solutions and verdicts: {chosen.to}\n")
    return 0


def _scan(chosen: argparse.Namespace) -> int:
    from helpers import load_model, rank_heads, sample_repeated_tokens, scan

    if chosen.top < 1:
        raise ValueError(f"--top {chosen.top}: choose at least 1.")
    model = load_model(chosen.model)
    sample = sample_repeated_tokens(model, n=chosen.n, sequences=chosen.sequences, seed=chosen.seed)
    scores = scan.score_heads(model, sample)
    for kind in ("induction", "previous_token", "duplicate_token"):
        table = rank_heads(scores, by=kind)[["head", kind, "low", "high"]].head(chosen.top)
        chance = scores[kind].attrs["chance"]
        sys.stdout.write(f"\n{kind} (uniform attention: {chance:.3f})\n")
        sys.stdout.write(table.round(3).to_string(index=False) + "\n")
    return 0


def _claims(chosen: argparse.Namespace) -> int:
    folders = [chosen.build / model.replace("/", "--") for model in chosen.model]
    if chosen.markdown:
        from helpers.claims import collect_claims, compare_evidence

        runs = [collect_claims(folder / "data") for folder in folders]
        sys.stdout.write(compare_evidence(runs))
        return 0
    for folder in folders:
        _print_claims(folder)
    return 0


def _print_claims(folder: Path) -> None:
    from helpers.claims import collect_claims, say_line

    lines = [say_line(line).replace("**", "") for line in collect_claims(folder / "data")]
    sys.stdout.write("\n" + "\n\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
