"""One run at a time in a folder, and one line where the disk does not take what is written."""

import errno
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from helpers.results import PARTIAL

_DISK = {
    errno.ENOSPC: "make room and start again: the run goes on where it stopped",
    errno.EDQUOT: "make room and start again: the run goes on where it stopped",
    errno.EROFS: "pass --build with a folder that you can write to",
    errno.EACCES: "pass --build with a folder that you can write to",
    errno.EPERM: "pass --build with a folder that you can write to",
}


class RunError(OSError):
    """A run cannot start or cannot go on; the message says why and what to do."""


@contextmanager
def guard_folder(folder: Path) -> Iterator[None]:
    """Hold a folder for one run, from the check that it can be written to the end.

    The lock dies with its process. It lies in the system's folder of temporary files, so that the
    run's own holds nothing but results.

    Args:
        folder: Where the run will write; it is made.

    Raises:
        RunError: If the folder cannot be written, another run is at it, or the disk gets full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"whether it takes anything")
    except OSError as error:
        raise RunError(
            f"Cannot write to {folder}: {error.strerror}. Pass --build with a folder that you can "
            "write to."
        ) from error
    key = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir()) / f"walkthrough-{key}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunError(
            f"Another run is writing to {folder}. Wait for it, or pass another --build."
        ) from error
    try:
        for partial in folder.rglob(f"*{PARTIAL}"):  # of a run that was killed
            partial.unlink()
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        about = f" ({error.filename})" if error.filename else ""
        raise RunError(
            f"The run stopped: {error.strerror}{about}. To go on, {_DISK[error.errno]}."
        ) from error
    finally:
        lock.release()
