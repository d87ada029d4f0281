"""The model hub: why it does not answer, what is cached, and fetching a pinned snapshot."""

import os
import threading
from pathlib import Path

from helpers.models.errors import UnreachableModelError
from helpers.progress import is_watched

PATIENCE = 3.0
"""Seconds in all that may pass before the hub counts as out of reach."""

_WANTED = ["*.json", "*.safetensors", "merges.txt", "vocab.txt", "*.model", "*.jinja"]
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def endpoint() -> str:
    """Address of the hub; `HF_ENDPOINT` names a mirror."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def is_offline() -> bool:
    """Whether the user has told the hub's libraries to stay offline (`HF_HUB_OFFLINE`)."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}


def why_silent(*, patience: float = PATIENCE) -> str:
    """Why the hub does not answer, as the end of a sentence; nothing if it does.

    It has `patience` seconds, name look-up included. The request runs in a thread of its own,
    since looking up a name cannot be interrupted. Nothing is tried when `HF_HUB_OFFLINE` is set.
    """
    if is_offline():
        return "HF_HUB_OFFLINE tells it to stay offline"
    if not endpoint().startswith(("http://", "https://")):
        return f"HF_ENDPOINT={endpoint()[:80]!r} is no address (https://…)"
    answers: list[str] = []
    probe = threading.Thread(target=_probe, args=(patience, answers), daemon=True)
    probe.start()
    probe.join(patience)
    said = answers[0] if answers else f"gave no answer within {patience:g} s"
    return f"the hub ({endpoint()}) {said}" if said else ""


def _probe(patience: float, answers: list[str]) -> None:
    try:
        import httpx

        status = httpx.head(endpoint(), timeout=patience).status_code
        answers.append(f"answers with error {status}" if status >= 500 else "")
    except Exception as error:  # a proxy of an unknown kind raises what it likes
        through = ", ".join(name for name in _PROXIES if os.environ.get(name))
        by = f" through the proxy in {through}" if through else ""
        said = str(error).rstrip(".") or type(error).__name__
        answers.append(f"cannot be asked{by}: {said[:150]}")


def cached_snapshot(repository: str, revision: str) -> Path | None:
    """Directory of a snapshot in the local hub cache, whole or not; None if there is none."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE).absolute() / f"models--{repository.replace('/', '--')}"
    branch = folder / "refs" / revision
    commit = branch.read_text(encoding="utf-8").strip() if branch.is_file() else revision
    return folder / "snapshots" / commit if (folder / "snapshots" / commit).is_dir() else None


def fetch_snapshot(repository: str, revision: str) -> Path:
    """Fetch a snapshot from the hub, safetensors and text files only.

    Args:
        repository: Hub id, "owner/name".
        revision: Branch, tag or commit.

    Returns:
        Directory of the snapshot in the local hub cache.

    Raises:
        UnreachableModelError: If the hub refuses or breaks off, or its cache cannot be written.
    """
    from huggingface_hub import constants, snapshot_download, utils

    hidden = not (is_watched() or utils.are_progress_bars_disabled())
    if hidden:  # the client draws its bars into log files too
        utils.disable_progress_bars()
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=_WANTED))
    except Exception as error:  # of the hub, of whichever client it asks with, of the disk
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the hub's
            raise UnreachableModelError(
                f"{repository!r} cannot be kept in the hub's cache {constants.HF_HUB_CACHE}: "
                f"{error.strerror}.\nTo fix: make room there, or name another folder in HF_HOME."
            ) from error
        raise UnreachableModelError(
            f"The hub would not hand out {repository!r} at revision {revision!r}: {said}\n"
            "To fix: check the spelling; for a gated model run `hf auth login`; or fetch the "
            "files on another machine and pass their directory."
        ) from error
    finally:
        if hidden:
            utils.enable_progress_bars()
