"""Seconds, memory, and the rate at which this machine multiplies matrices."""

import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
import torch

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Timing:
    """One measured call.

    Args:
        seconds: Wall-clock time.
        megabytes: Peak memory above what was in use before the call.
        result: What the call returned.
    """

    seconds: float
    megabytes: float
    result: Any


def measure(call: Callable[[], Any], device: torch.device) -> Timing:
    """Time a call and watch its memory."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        start = time.perf_counter()
        result = call()
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        return Timing(seconds, (torch.cuda.max_memory_allocated() - before) / MEGABYTE, result)
    with Resident() as resident:
        start = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - start
    return Timing(seconds, resident.peak / MEGABYTE, result)


class Resident:
    """Highest resident memory while the context lasts, above that at its start."""

    def __enter__(self) -> Self:
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self._look()

    def _look(self) -> None:
        self.peak = max(self.peak, self._process.memory_info().rss - self._before)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()


def multiplication_rate(device: torch.device) -> float:
    """Floating-point operations a second in float32 matrix products: the best of a few shapes."""
    best = 0.0
    for rows, inner, columns in ((2048, 2048, 2048), (2048, 768, 3072), (1024, 1024, 4096)):
        a, b = (torch.randn(shape, device=device) for shape in ((rows, inner), (inner, columns)))
        out = torch.empty(rows, columns, device=device)
        torch.mm(a, b, out=out)
        repeats = 20 if device.type == "cuda" else 5
        for _ in range(3):
            timing = measure(lambda: [torch.mm(a, b, out=out) for _ in range(repeats)], device)  # noqa: B023
            best = max(best, repeats * 2 * rows * inner * columns / timing.seconds)
    return best


def describe_machine(device: torch.device) -> dict[str, Any]:
    """What the numbers were measured on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    return {
        "processor": name,
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
        "system": platform.system(),
    }
