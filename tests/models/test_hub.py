"""Fetching with the hub's own client, from a hub of one repository on this machine."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helpers.models import UnreachableModelError
from helpers.models import hub as client
from helpers.models.sources import MINI_DIRECTORY

COMMIT = "a" * 40
FILES = {
    path.name: path.read_bytes()
    for path in MINI_DIRECTORY.iterdir()
    if path.suffix in {".json", ".safetensors"}
}
WANTED = sorted(FILES)
FILES["pytorch_model.bin"] = b"not asked for"


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path, _, name = self.path.partition("?")[0].partition(f"/resolve/{COMMIT}/")
        headers = {}
        if name in FILES:
            body = FILES[name]
            headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
        elif "/tree/" in path:
            body = json.dumps(
                [
                    {"type": "file", "path": name, "size": len(body), "oid": name}
                    for name, body in FILES.items()
                ]
            ).encode()
        else:
            files = [{"rfilename": name} for name in FILES]
            body = json.dumps({"id": "owner/name", "sha": COMMIT, "siblings": files}).encode()
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


FETCH = f"""
from helpers.models import hub
assert hub.why_silent() == ""
for _ in range(2):
    folder = hub.fetch_snapshot("owner/name", "{COMMIT}")
assert hub.cached_snapshot("owner/name", "{COMMIT}") == folder
print(sorted(path.name for path in folder.iterdir()))
"""
LOAD = """
from helpers import load_model
model = load_model("owner/name")
print(sorted(path.name for path in model.source.directory.iterdir()))
"""


def run(code: str, hub: str, home: Path) -> str:
    """In a process of its own: the client reads where the hub is when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(home)}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no terminal, no bar
    return done.stdout


def test_a_snapshot_is_fetched_once_and_kept_and_a_log_file_sees_nothing(hub, tmp_path):
    assert run(FETCH, hub, tmp_path) == f"{WANTED}\n"


def test_a_cache_that_lacks_a_file_is_fetched_to_the_end(hub, tmp_path):
    """As an older version left it, which asked for fewer files; loading it is silent, too."""
    snapshot = tmp_path / "hub" / "models--owner--name" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).write_bytes(FILES[name])
    said = run(LOAD, hub, tmp_path)
    assert said.endswith(f"chosen: fetched from {hub}\n{WANTED}\n")


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (RuntimeError("peer closed connection\nand more"), "'main': peer closed connection\n"),
        (OSError(28, "No space left on device"), "cannot be kept in the hub's cache"),
        (ValueError("x" * 999), "To fix: check the spelling"),
    ],
)
def test_a_fetch_that_breaks_off_says_who_broke_it(monkeypatch, raised, words):
    def breaks(*_, **__):
        raise raised

    monkeypatch.setattr("huggingface_hub.snapshot_download", breaks)
    with pytest.raises(UnreachableModelError) as error:
        client.fetch_snapshot("owner/name", "main")
    assert words in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ALL_PROXY", "socks://localhost:1", "through the proxy in ALL_PROXY: Unknown scheme"),
        ("HTTP_PROXY", "http://127.0.0.1:1", "through the proxy in HTTP_PROXY"),
        ("HF_ENDPOINT", "mirror", "HF_ENDPOINT='mirror' is no address"),
        ("HF_ENDPOINT", "https://", "is no address"),
        ("HF_ENDPOINT", "http://127.0.0.1:1", "Connection refused"),
        ("HF_HUB_OFFLINE", "1", "HF_HUB_OFFLINE tells it to stay offline"),
    ],
)
def test_a_hub_that_is_silent_is_so_for_a_reason(monkeypatch, name, value, words):
    for other in (*client._PROXIES, "NO_PROXY", "no_proxy", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    monkeypatch.setenv(name, value)
    assert words in client.why_silent()
