"""The model hub: whether it answers, what is cached, and fetching a pinned snapshot."""

import os
import threading
from pathlib import Path

from helpers.models.errors import UnreachableModelError
from helpers.progress import is_watched

PATIENCE = 3.0
"""Seconds in all that may pass before the hub counts as out of reach."""

_WANTED = ["*.json", "*.safetensors", "merges.txt", "vocab.txt", "tokenizer.model", "*.jinja"]


def endpoint() -> str:
    """Address of the hub; `HF_ENDPOINT` names a mirror."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def is_offline() -> bool:
    """Whether the user has told the hub's libraries to stay offline (`HF_HUB_OFFLINE`)."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}


def hub_answers(*, patience: float = PATIENCE) -> bool:
    """Whether the hub answers a request within `patience` seconds, name look-up included.

    The request runs in a thread of its own, since looking up a name cannot be interrupted.
    Nothing is tried when `HF_HUB_OFFLINE` is set.
    """
    if is_offline():
        return False
    answers: list[bool] = []
    probe = threading.Thread(target=_probe, args=(patience, answers), daemon=True)
    probe.start()
    probe.join(patience)
    return bool(answers)


def _probe(patience: float, answers: list[bool]) -> None:
    import httpx

    try:
        if httpx.head(endpoint(), timeout=patience).status_code < 500:
            answers.append(True)
    except (httpx.HTTPError, OSError):
        return


def cached_snapshot(repository: str, revision: str) -> Path | None:
    """Directory of a snapshot in the local hub cache, or None if it is not there in full."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = snapshot_download(
            repository, revision=revision, allow_patterns=_WANTED, local_files_only=True
        )
    except (LocalEntryNotFoundError, FileNotFoundError):
        return None
    directory = Path(found)
    complete = (directory / "config.json").is_file() and any(directory.glob("*.safetensors"))
    return directory if complete else None


def fetch_snapshot(repository: str, revision: str) -> Path:
    """Fetch a snapshot from the hub, safetensors and text files only.

    Args:
        repository: Hub id, "owner/name".
        revision: Branch, tag or commit.

    Returns:
        Directory of the snapshot in the local hub cache.

    Raises:
        UnreachableModelError: If the hub refuses or breaks off.
    """
    from huggingface_hub import snapshot_download, utils
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    hidden = not (is_watched() or utils.are_progress_bars_disabled())
    if hidden:  # the client draws its bars into log files too
        utils.disable_progress_bars()
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=_WANTED))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise UnreachableModelError(
            f"The hub would not hand out {repository!r} at revision {revision!r}: {error}\n"
            "To fix: check the spelling; for a gated model run `hf auth login`; or fetch the "
            "files on another machine and pass their directory."
        ) from error
    finally:
        if hidden:
            utils.enable_progress_bars()
