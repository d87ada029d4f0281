"""The page in another browser, from the disk: it checks itself, and says so in colour."""

import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from browser.pixels import read_rows

pytestmark = pytest.mark.browser

SLOW = 120
"""Seconds until the test gives up."""
CHECK = """
<img src="http://127.0.0.1:PORT/hold" alt="">
<script>
// The picture above comes when the check is over: until then the page counts as loading.
(async () => {
  const bench = window.helpersBench;
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const ring = () => bench.answer.choices.find(([word]) => word === "ring")?.[1] ?? 0;
  const painted = async () => {
    while (bench.box.dataset.asked !== bench.box.dataset.painted) await wait(50);
  };
  let said = "";
  try {
    await painted();
    const whole = ring();
    bench.grid.cells[1].click();
    await painted();
    const without = ring();
    bench.grid.cells[1].click();
    bench.area.value = "the king 👑";
    bench.area.dispatchEvent(new InputEvent("input"));
    await painted();
    const kind = WORKER ? "worker" : "page";
    said = [kind, whole, without, bench.answer.tokens.length, bench.refused.textContent].join("|");
    document.body.style.background = "rgb(0, 128, 0)";
  } catch (error) {
    said = `failed: ${error}`;
  }
  document.querySelector("main").hidden = true;
  new Image().src = `http://127.0.0.1:PORT/said?it=${encodeURIComponent(said)}`;
})();
</script>
"""
TEXT = "the old king gave the gold ring to anna, and then the old king gave the gold"


@pytest.fixture
def firefox() -> str:
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    if found is None:
        pytest.skip("there is no Firefox on this machine: apt-get install firefox-esr")
    return found


class Listener:
    """Holds one picture back until the page has said how it went."""

    def __init__(self) -> None:
        self.said, self.over = "", threading.Event()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/said":
                    listener.said = parse_qs(parts.query)["it"][0]
                    listener.over.set()
                listener.over.wait(SLOW)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.mark.parametrize("worker", [True, False])
def test_it_computes_in_firefox(play_file, firefox, tmp_path, worker):
    listener = Listener()
    source = Path(unquote(urlsplit(play_file).path)).read_text(encoding="utf-8")
    before = "" if worker else "<script>delete window.Worker;</script>"
    check = CHECK.replace("PORT", str(listener.server.server_port))
    check = check.replace("WORKER", "window.Worker")
    page = tmp_path / "a page.html"
    page.write_text(
        source.replace("<main>", f"{before}<main>", 1).replace("</body>", f"{check}</body>"),
        encoding="utf-8",
    )
    picture = tmp_path / "firefox.png"
    command = [firefox, "--headless", "--no-remote", "--profile", str(tmp_path / "profile")]
    (tmp_path / "profile").mkdir()
    address = f"{page.as_uri()}#text={TEXT.replace(' ', '%20')}"
    command += ["--window-size", "900,900", "--screenshot", str(picture), address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * SLOW)
    finally:
        listener.over.set()
        listener.server.shutdown()
        listener.server.server_close()
    kind, whole, without, tokens, refused = listener.said.split("|")
    assert kind == ("worker" if worker else "page")
    assert float(whole) > 0.99 and float(without) < 0.01
    assert tokens == "3" and "👑" in refused
    assert picture.is_file(), done.stderr
    rows = list(read_rows(picture.read_bytes()))
    assert rows[450][450, :3].tolist() == [0, 128, 0]
