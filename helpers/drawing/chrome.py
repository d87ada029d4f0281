"""The Chrome or Chromium of this machine: it draws pictures, and opens pages in the tests."""

import os
import shutil
from pathlib import Path

OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
"""Option that leaves a browser no address but this machine's own; of itself it calls home."""

_FIX = (
    "Install Chrome, or Chromium (on Debian: apt install chromium), or say where it is with "
    "BROWSER_PATH=/path/to/chrome."
)


class BrowserError(RuntimeError):
    """No browser, or one that does not start; the message says what to do."""


def find_browser() -> Path:
    """Path of a browser that is installed: Chrome, Chromium or one of their kin.

    `BROWSER_PATH` comes first; then kaleido's own search, in the places that Linux, macOS and
    Windows put them. Nothing is downloaded.

    Returns:
        Path of the program.

    Raises:
        BrowserError: If there is none, `BROWSER_PATH` names none, or kaleido is not installed.
    """
    asked = os.environ.get("BROWSER_PATH")
    if asked:
        found = shutil.which(asked)
        if found is None:
            raise BrowserError(f"BROWSER_PATH={asked} is not a program. {_FIX}")
        return Path(found)
    try:
        from choreographer.browsers.chromium import Chromium
    except ImportError as error:
        raise BrowserError(
            "The search for a browser is kaleido's, which is not installed: "
            "pip install -c constraints.txt -e '.[notebooks]'"
        ) from error
    found = Chromium.find_browser(skip_local=False)
    if not found:
        raise BrowserError(f"There is no Chrome or Chromium on this machine. {_FIX}")
    return Path(found)
