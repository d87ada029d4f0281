"""What is kept of finished runs in `docs/measured/`, and taking over a new one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from docs.ablated import keep_ablated
from helpers.results import load_result, write_json
from helpers.run.outline import read_parameters

MODELS = {"gpt2": "GPT2-small", "smollm2": "SmolLM2-135M", "mini": "mini"}
"""The models that the docs tell of, in this order, and what they call them."""
Rows = list[dict[str, Any]]
"""Claims as a run writes them into its claims.json."""
NOT_MEASURED = {"not measured", "not run"}


@dataclass(frozen=True)
class Measured:
    """Everything in `docs/measured/`.

    Args:
        post: The post's claims by model.
        ours: Our own claims by model.
        chapters: For each model the seconds of its chapters, and the machine.
        told: Numbers that chapters print and no claim holds, by model; kept by hand.
        benchmarks: What `make bench` measured.
        gpu: What was measured once on a GPU.
        contention: What `python -m benchmarks contention smollm2` measured.
        work: For each model what its walkthrough computes, in TFLOP: by chapter, and its calls.
        memory: For each model what `python -m benchmarks memory` saw.
        sizes: For each model what `python -m benchmarks sizes` found, one entry a verdict.
        ablated: For each model what is left of a prediction as heads are removed, of chapter 1.
        views: What `python -m benchmarks.viewers` measured.
        families: What `python -m benchmarks families` found, by family.
    """

    post: dict[str, Rows]
    ours: dict[str, Rows]
    chapters: dict[str, dict[str, Any]]
    told: dict[str, dict[str, Any]]
    benchmarks: dict[str, Any]
    gpu: dict[str, Any]
    contention: dict[str, Any]
    work: dict[str, dict[str, Any]]
    memory: dict[str, Any]
    families: dict[str, dict[str, Any]]
    sizes: dict[str, Rows]
    views: dict[str, Any]
    ablated: dict[str, dict[str, Any]]


def read_measured(folder: Path) -> Measured:
    """Read what is kept.

    Args:
        folder: `docs/measured/`.

    Raises:
        ValueError: If a file of claims holds another model's numbers.
    """
    post: dict[str, Rows] = {}
    ours: dict[str, Rows] = {}
    for model in MODELS:
        path = folder / f"claims-{model}.json"
        if not path.is_file():
            continue
        rows: Rows = _read(path)
        if {row["model"] for row in rows} != {model}:
            raise ValueError(f"{path.name} holds numbers of another model than {model}.")
        post[model] = [row for row in rows if row["id"].startswith("C")]
        ours[model] = [row for row in rows if row["id"].startswith("E")]
    speed = _read(folder / "speed.json")
    return Measured(
        post=post,
        ours=ours,
        chapters=_in_order(speed["chapters"]),
        told=_read(folder / "chapters.json"),
        benchmarks=speed["benchmarks"],
        gpu=speed["gpu"],
        contention=speed["contention"],
        work=_in_order(_read(folder / "work.json")),
        memory=_in_order(_read(folder / "memory.json")),
        families=_read(folder / "families.json"),
        sizes=_in_order(_read(folder / "sizes.json")),
        views=_read(folder / "views.json"),
        ablated=_in_order(_read(folder / "ablated.json")),
    )


def take_run(run: Path, root: Path, *, rate: float | None = None) -> str:
    """Take over the claims of a finished run, its chapters' times and chapter 1's first table.

    Args:
        run: Its folder, for example `build/mini`.
        root: The project's folder.
        rate: GFLOP/s in float32 matrix products of the machine it ran on; measured now, on this
            machine, if not given.

    Returns:
        What was taken, for people.

    Raises:
        FileNotFoundError: If the run left no claims.
        ValueError: If it is of a model that the docs do not tell of, was not finished, or had
            other parameters than the notebooks come with.
    """
    kept = root / "docs" / "measured"
    path = run / "claims.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there. Run `make notebooks` first.")
    rows = _read(path)
    model = _only_model(rows, run)
    missing = [row["id"] for row in rows if row["verdict"] in NOT_MEASURED]
    if missing:
        raise ValueError(f"{run} is not finished: {', '.join(missing)} were not measured.")
    told = _read(run / "run.json") if (run / "run.json").is_file() else None
    if told is None:
        write_json(rows, kept / f"claims-{model}.json")
        return f"{model}: {len(rows)} claims; no run.json, so the times stay as they were\n"
    _check_parameters(told["parameters"], root)
    speed = _read(kept / "speed.json")
    speed["chapters"][model] = {**_machine(rate), "seconds": told["seconds"]}
    write_json(rows, kept / f"claims-{model}.json")
    write_json(speed, kept / "speed.json")
    if (run / "data" / "ablated.nc").is_file():
        ablated = _read(kept / "ablated.json")
        ablated[model] = keep_ablated(load_result(run / "data" / "ablated.nc"))
        write_json(ablated, kept / "ablated.json")
    return (
        f"{model}: {len(rows)} claims, times of {len(told['seconds'])} chapters at "
        f"{speed['chapters'][model]['gflops']} GFLOP/s. chapters.json is kept by hand: compare it "
        "with chapters 6 to 8 of this run.\n"
    )


def take_work(path: Path, root: Path) -> str:
    """Take over what `python -m benchmarks work` counted.

    Args:
        path: What it wrote, for example `build/bench/work-mini.json`.
        root: The project's folder.

    Returns:
        What was taken, for people.

    Raises:
        ValueError: If it is of a model that the docs do not tell of.
    """
    counted, kept = _read(path), root / "docs" / "measured" / "work.json"
    model = counted["model"]
    if model not in MODELS:
        raise ValueError(f"{path} is of {model}; the docs tell of {', '.join(MODELS)}.")
    calls: Any = pd.DataFrame(counted["calls"]).assign(tflop=lambda table: table["flop"] / 1e12)
    each = calls.groupby(["chapter", "call"])["tflop"].sum().sort_values(ascending=False)
    work = _read(kept) if kept.is_file() else {}
    work[model] = {
        "tflop": round(float(calls["tflop"].sum()), 2),
        "chapters": calls.groupby("chapter")["tflop"].sum().round(2).to_dict(),
        "calls": [[*names, round(float(tflop), 2)] for names, tflop in each.head(8).items()],
        "again": round(float(calls.loc[calls["before"] != "", "tflop"].sum()), 3),
    }
    write_json(work, kept)
    return f"{model}: {work[model]['tflop']} TFLOP\n"


def _in_order(by_model: Mapping[str, Any]) -> dict[str, Any]:
    return {name: by_model[name] for name in MODELS if name in by_model}


def _only_model(rows: Rows, run: Path) -> str:
    models = {row["model"] for row in rows}
    if len(models) != 1 or not models <= set(MODELS):
        raise ValueError(
            f"{run} is a run of {', '.join(sorted(models)) or 'nothing'}; the docs tell of "
            f"{', '.join(MODELS)}."
        )
    return models.pop()


def _check_parameters(parameters: Mapping[str, object], root: Path) -> None:
    """A run with fewer or shorter sequences is no measurement to publish."""
    first = min((root / "notebooks").glob("01_*.ipynb"))
    wanted = read_parameters(nbformat.read(first, as_version=4))
    differ = {
        name: parameters.get(name)
        for name, value in wanted.items()
        if name != "MODEL" and parameters.get(name) != value
    }
    if differ:
        raise ValueError(
            f"That run had {differ}, the notebooks come with "
            f"{ {name: wanted[name] for name in differ} }: only these are told."
        )


def _machine(rate: float | None) -> dict[str, Any]:
    import torch

    from benchmarks.measure import describe_machine, multiplication_rate

    device = torch.device("cpu")
    machine = describe_machine(device)
    if rate is None:
        rate = multiplication_rate(device) / 1e9
    return {
        "cores": machine["threads"],
        "gflops": round(rate),
        "processor": machine["processor"],
    }


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
