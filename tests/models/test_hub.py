"""Fetching with the hub's own client, from a hub of one repository on this machine."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "a" * 40
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights" * 500_000,
    "pytorch_model.bin": b"not asked for",
}


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


def test_a_snapshot_is_fetched_once_and_kept_and_a_log_file_sees_nothing(hub, tmp_path):
    """In a process of its own: the client reads where the hub is when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path)}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", FETCH], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['config.json', 'model.safetensors']\n"
    assert done.stderr == ""  # no terminal, no bar
