"""Folders that the environment names: the same ones, wherever a process runs."""

import os
from collections.abc import Mapping
from pathlib import Path

_FOLDERS = (
    *("HELPERS_GPT2_DIR", "HELPERS_CACHE", "HELPERS_RESULTS", "XDG_CACHE_HOME", "TMPDIR"),
    *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_XET_CACHE", "HF_TOKEN_PATH"),
    *("TORCH_HOME", "IPYTHONDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)
_IF_THERE = ("BROWSER_PATH",)
"""Made absolute only where the file is there: else it may be the name of a command."""


def expand_home(path: str) -> Path:
    """A path whose `~` is the home folder; as it is, where nobody has that home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def folder_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment variables for a process that works in another folder: their paths, absolute.

    Args:
        environment: What is set already.

    Returns:
        The variables that name a folder or a file by a relative path, or with `~`.
    """
    settings = {}
    for name in (*_FOLDERS, *_IF_THERE):
        named = environment.get(name)
        if named and (name in _FOLDERS or expand_home(named).exists()):
            settings[name] = str(expand_home(named).absolute())
    if environment.get("PYTHONPATH"):
        parts = environment["PYTHONPATH"].split(os.pathsep)
        settings["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in parts)
    return {name: value for name, value in settings.items() if value != environment[name]}
