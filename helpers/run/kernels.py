"""A kernel of one notebook: the interpreter that runs, in a folder that is its own."""

import os
import signal
import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets.config import Config

_LONGEST = 100
"""Bytes of a socket's path: the system takes some seven more, and cuts what is longer."""
_LAUNCH = ["-m", "ipykernel_launcher"]
if sys.platform == "linux":
    # A kernel looks once a second whether its run is still there. That is too late where the next
    # run has begun: it would find results among its own. So the system ends it with its run.
    _LAUNCH = [
        "-c",
        "import ctypes, runpy; ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL\n"
        "runpy.run_module('ipykernel_launcher', run_name='__main__')",
    ]


def kernel_settings(folder: Path) -> Config:
    """Where a kernel keeps the files through which one talks to it.

    Left to itself, Jupyter puts them into the notebooks' folder under the same names each time:
    two runs would hear one another, and nothing would run where that folder is read-only.

    Args:
        folder: A private folder, so that only this user can open what is in it.
    """
    settings: dict[str, object] = {"connection_file": str(folder / "kernel.json")}
    sockets = folder / "k"
    if os.name == "posix" and len(os.fsencode(sockets)) <= _LONGEST:
        settings |= {"transport": "ipc", "ip": str(sockets)}
    return Config({"KernelManager": settings})


def kernel_class(ends: list[int]) -> type[AsyncKernelManager]:
    """A manager of kernels that run in this very interpreter, whatever `python3` is elsewhere.

    Args:
        ends: Gets the exit status of each kernel that ended by itself.
    """

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            # A kernel at rest calls the interrupt that comes before its end an error: it logs only
            # what ends it. What a cell writes is not a log, and is in the notebook.
            argv = [sys.executable, *_LAUNCH, "-f", "{connection_file}", "--log-level=CRITICAL"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

        async def cleanup_resources(self, restart: bool = False) -> None:
            status = await self.provisioner.poll() if self.provisioner else None
            if status is not None:
                ends.append(status)
            await super().cleanup_resources(restart)

    return OwnKernel


def say_end(status: int | None) -> str:
    """How a kernel ended, in a few words: "killed (signal 9): out of memory?"."""
    if status is None:
        return "the kernel did not answer"
    if status >= 0:
        return f"the kernel left with exit status {status}"
    out_of_memory = ": out of memory?" if -status == getattr(signal, "SIGKILL", 9) else ""
    return f"the kernel was killed (signal {-status}){out_of_memory}"
