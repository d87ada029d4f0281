"""`python -m benchmarks [work, sizes, contention, memory, families] [MODEL]`: measure, write JSON.

Every way of doing a piece of work runs in this one process and in turns, so that what else the
machine does meets all of them; medians of the turns are compared. Ratios mean something, seconds
do not travel.
"""

import argparse
import math
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any

import pandas as pd
import torch

from benchmarks import contention, families, memory, sizes, works
from benchmarks.floor import Floor
from benchmarks.measure import describe_machine, measure, multiplication_rate
from benchmarks.work import main as count_work
from helpers import Head, Model, load_model, sample_repeated_tokens
from helpers.inputs import bos_token
from helpers.interventions.fast import replace_positions
from helpers.models import untrained_model
from helpers.results import write_json

SHAPE = "gpt2-shape"
LENGTHS = (25, 50, 100, 200)
BATCHES = (1, 2, 4, 8)
WAYS = ("post", "ARENA", "TransformerLens", "ours")
"""Ours is compared with the first of the others that does a work."""


def main() -> int:
    """Run the benchmark and return the exit status."""
    others = {"work": count_work, "contention": contention.main, "sizes": sizes.main}
    others["memory"] = memory.main
    others["families"] = families.main
    if sys.argv[1:] and sys.argv[1] in others:
        return others[sys.argv[1]](sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "model",
        nargs="?",
        default=SHAPE,
        help=f"{SHAPE} (random weights of GPT2-small's shape) or what load_model takes",
    )
    parser.add_argument("--n", type=int, default=50, help="length of the repeated half (50)")
    parser.add_argument("--sequences", type=int, default=32, help="sequences of the scan (32)")
    parser.add_argument("--rounds", type=int, default=2, help="turns that each way gets (2)")
    parser.add_argument("--only", default="", help="only work whose name holds this; no growth")
    parser.add_argument("--build", type=Path, default=Path("build/bench"), help="where to write")
    chosen = parser.parse_args()
    model, bridge = _load(chosen.model)
    report: dict[str, Any] = {
        "model": model.name,
        "revision": model.source.revision,
        "n": chosen.n,
        "rounds": chosen.rounds,
        "machine": describe_machine(model.device),
    }
    rate = multiplication_rate(model.device)
    _say(f"{model!r}\n{report['machine']}\n{rate / 1e9:.0f} GFLOP/s in float32 products\n")
    todo = _choose(model, bridge, chosen)
    pairs: dict[str, list[tuple[int, int]]] = {}
    if not chosen.only:
        pairs["length"] = [(n, 1) for n in LENGTHS if _fits(model, n)]
        pairs["batch"] = [(chosen.n, batch) for batch in BATCHES]
    name = "-".join(filter(None, [chosen.model, chosen.only]))
    path = chosen.build / f"{re.sub('[^A-Za-z0-9.-]+', '-', name).strip('-')}.json"
    report["works"] = []
    for line in _compare(model, todo, chosen.rounds, rate):
        report["works"].append(line)
        write_json(report, path)
        _say(_markdown([line]))
    report["rate"] = {"before": rate, "after": multiplication_rate(model.device)}
    del bridge, todo
    report["growth"] = {kind: _growth(model, each) for kind, each in pairs.items()}
    write_json(report, path)
    _say(_markdown(report["works"], report["growth"]) + f"\nwritten: {path}\n")
    return 0


def _load(name: str) -> tuple[Model, Any]:
    """Ours, and a bridge of its own for the post's way, as TransformerLens makes it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if name == SHAPE:
        from transformers import GPT2Config

        config = GPT2Config(bos_token_id=0, eos_token_id=0)
        model = untrained_model(config, device=device)
        return model, untrained_model(config, device=device).bridge
    from transformer_lens.model_bridge import TransformerBridge
    from transformers.utils import logging

    model = load_model(name)
    logging.disable_progress_bar()  # one bar is enough
    bridge: Any = TransformerBridge.boot_transformers(
        str(model.source.directory), device=device, dtype=torch.float32
    )
    bridge.enable_compatibility_mode(disable_warnings=True)
    return model, bridge.eval()


def _choose(model: Model, bridge: Any, chosen: argparse.Namespace) -> list[works.Work]:
    """The works that were asked for, each after those from which it borrows."""
    sample = sample_repeated_tokens(model, n=chosen.n, sequences=chosen.sequences)
    tokens = sample.tokens.to(model.device)
    middle = max(1, model.n_layers // 2 - 1)
    grid = works.grid(bridge, model, tokens[:1], chosen.n)
    todo = [
        works.scan(bridge, model, tokens, chosen.n),
        works.circuit(model, Head(middle - 1, 0), Head(middle, 0)),
        works.every_token(bridge, model, bos_token(model), middle),
        grid,
        works.attribution(model, tokens[:1], chosen.n, grid.name),
        works.removal(bridge, model, tokens[:2], chosen.n),
        works.paths(bridge, model, tokens[:2], chosen.n, Head(middle, 0)),
    ]
    taken: dict[str, works.Work] = {}
    for work in todo:
        if chosen.only in work.name and all(other in taken for other in work.borrowed.values()):
            taken[work.name] = work
    return list(taken.values())


def _compare(
    model: Model, todo: list[works.Work], rounds: int, rate: float
) -> Iterator[dict[str, Any]]:
    """A line for each work, as it is done."""
    done: dict[str, dict[str, Any]] = {}
    for work in todo:
        line: dict[str, Any] = {"work": work.name, "note": work.note, "floor": work.floor}
        runs: dict[str, list[Any]] = {way: [] for way in work.ways}
        for turn in range(rounds):
            for way, call in work.ways.items():
                what = f"{work.name}: {way}, turn {turn + 1}"
                with _every_minute(what):
                    runs[way].append(measure(call, model.device))
                _say(f"{what}: {runs[way][-1].seconds:.1f} s\n")
        line["seconds"] = {way: [run.seconds for run in timed] for way, timed in runs.items()}
        line["megabytes"] = {way: max(run.megabytes for run in t) for way, t in runs.items()}
        for way, other in work.borrowed.items():
            line["seconds"][way] = done[other]["seconds"][way]
            line["megabytes"][way] = done[other]["megabytes"][way]
        ours = median(line["seconds"]["ours"])
        peers = [way for way in WAYS if way in line["seconds"] and way != "ours"]
        line["ratio"] = median(line["seconds"][peers[0]]) / ours if peers else None
        line["roofline_share"] = work.floor / rate / ours
        if work.exact:
            results = [timed[0].result.float().cpu() for timed in runs.values()]
            line["largest_difference"] = max(
                float((result - results[-1]).abs().max()) for result in results
            )
        done[work.name] = line
        yield line


def _growth(model: Model, sizes: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Seconds of our grid over N or over sequences, and the exponent from one to the next.

    The exponent of the fewest operations stands beside it: attention alone grows as N³.
    """
    lines: list[dict[str, Any]] = []
    for n, sequences in sizes:
        tokens = sample_repeated_tokens(model, n=n, sequences=sequences).tokens.to(model.device)
        with _every_minute(f"grid, N = {n}, {sequences} sequences"):
            timing = measure(_grid(model, tokens, n), model.device)
        floor = Floor(model).grid(n, sequences)
        line = {"n": n, "sequences": sequences, "seconds": timing.seconds, "floor": floor}
        if lines:
            last = lines[-1]
            size = math.log(n * sequences / (last["n"] * last["sequences"]))
            line["exponent"] = math.log(timing.seconds / last["seconds"]) / size
            line["exponent_of_floor"] = math.log(floor / last["floor"]) / size
        lines.append({**line, "megabytes": timing.megabytes})
        _say(f"grid, N = {n}, {sequences} sequences: {timing.seconds:.1f} s\n")
    return lines


def _fits(model: Model, n: int) -> bool:
    if 2 * n + 1 <= model.n_ctx:
        return True
    _say(f"N = {n} left out: {model.name} reads {model.n_ctx} tokens at most\n")
    return False


def _grid(model: Model, tokens: torch.Tensor, n: int) -> Callable[[], torch.Tensor]:
    def call() -> torch.Tensor:
        return replace_positions(model, tokens, n, works.first_half(model, tokens), "mlp_out")

    return call


def _markdown(works: list[dict[str, Any]], growth: Mapping[str, Any] = MappingProxyType({})) -> str:
    rows = []
    for line in works:
        seconds = {way: median(values) for way, values in line["seconds"].items()}
        megabytes = " / ".join(f"{line['megabytes'][way]:.0f}" for way in seconds)
        rows.append(
            {
                "work": line["work"],
                **{way: _seconds(seconds.get(way)) for way in WAYS},
                "ratio": "–" if line["ratio"] is None else f"{line['ratio']:.1f}",
                "share of roofline": f"{line['roofline_share']:.2f}",
                "peak MB": f"{megabytes} ({', '.join(seconds)})",
                "differs by": f"{line['largest_difference']:.0e}"
                if "largest_difference" in line
                else "–",
            }
        )
    text = [pd.DataFrame(rows).to_string(index=False)]
    for kind, lines in growth.items():
        text.append(f"\ngrowth of the grid over {kind}")
        text.append(pd.DataFrame(lines).drop(columns="floor").round(2).to_string(index=False))
    return "\n".join(["", *text, "", ""])


@contextmanager
def _every_minute(what: str) -> Iterator[None]:
    """Say every minute that it is still running: a log without a terminal is not silent."""
    done, start = threading.Event(), time.monotonic()

    def tell() -> None:
        while not done.wait(60):
            _say(f"{what}: still running after {(time.monotonic() - start) / 60:.0f} min\n")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
