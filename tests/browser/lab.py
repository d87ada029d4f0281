"""A JupyterLab of our own: served from a folder, driven through its window."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory
from typing import Any, Literal

import nbformat
from browser.pages import open_page, start_browser
from nbformat import NotebookNode
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from playwright.sync_api import Locator, Page

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
BIN = Path(sys.executable).parent
PATIENCE = 900_000
"""Milliseconds that a whole notebook may take; half a minute where nothing else runs."""
TRACKER = "@jupyterlab/notebook-extension:tracker"
QUIET = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: where it answers, what it shows, what it runs in."""

    url: str
    token: str
    folder: Path
    environment: dict[str, str]

    def trust(self, name: str) -> None:
        """Sign a notebook as its reader would."""
        command = [BIN / "jupyter", "trust", self.folder / name]
        subprocess.run(command, env=self.environment, check=True, capture_output=True)


def copy_notebooks(folder: Path, **parameters: object) -> Path:
    """The notebooks where saving does no harm, with other parameters if any are given."""
    copytree(NOTEBOOKS, folder, ignore=ignore_patterns("kernel-ipc-*", ".*"))
    for path in folder.glob("*.ipynb") if parameters else ():
        changed = parameterize_notebook(load_notebook_node(str(path)), parameters)
        nbformat.write(changed, path)
    return folder


@contextmanager
def serve_lab(folder: Path, home: Path, **settings: dict[str, Any]) -> Iterator[Lab]:
    """JupyterLab on a folder, on the loopback, without this user's settings and signatures.

    Args:
        folder: What it shows.
        home: An empty directory, for its settings, signatures, logs.
        settings: What differs from JupyterLab's own settings, by plugin.
    """
    environment = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HELPERS_MODEL": "mini",
        "OMP_NUM_THREADS": "1",  # threads that wait for one another leave the browser no core
        "JUPYTER_TOKEN": secrets.token_hex(),
    }
    for variable in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[variable] = str(home / variable.lower())
    overrides = home / "jupyter_config_dir" / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True)
    overrides.write_text(json.dumps(QUIET | settings))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += ["--port=0", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with (home / "server.log").open("w") as log:
        # A session of its own: Ctrl-C is for pytest, which then ends it.
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = _wait_for(server, home)
            yield Lab(url, environment["JUPYTER_TOKEN"], folder, environment)
        finally:
            server.terminate()  # it ends its kernels
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()  # they notice
                server.wait()


def _wait_for(server: subprocess.Popen, home: Path) -> str:
    written = home / "jupyter_runtime_dir" / f"jpserver-{server.pid}.json"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            url = json.loads(written.read_text())["url"]
            urllib.request.urlopen(f"{url}api", timeout=10).close()
            return url
        except (FileNotFoundError, json.JSONDecodeError, urllib.error.URLError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'server.log').read_text()}")


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook in a workspace without history, its kernel ready."""
    page.goto(f"{lab.url}lab/workspaces/test/tree/{name}?reset&token={lab.token}")
    page.wait_for_function(
        """name => {
            const widget = window.jupyterapp?.shell.currentWidget;
            return widget?.context?.path === name && widget.context.isReady
                && widget.sessionContext.session?.kernel?.status === 'idle'
        }""",
        arg=name,
    )


def run_all(page: Page) -> None:
    """Run all cells, until the last is done or one fails."""
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.wait_for_function(
        """() => {
            const { content, sessionContext } = jupyterapp.shell.currentWidget;
            const cells = content.widgets.map(cell => cell.model)
                .filter(cell => cell.type === 'code' && cell.sharedModel.source.trim());
            const failed = cells.some(cell =>
                cell.outputs.toJSON().some(output => output.output_type === 'error'));
            return sessionContext.session.kernel.status === 'idle'
                && (failed || cells.every(cell => cell.executionCount !== null
                    && cell.executionState === 'idle'))
        }""",
        timeout=PATIENCE,
    )


def read_notebook(page: Page) -> NotebookNode:
    """The notebook as the window has it, with what its cells have put out."""
    model = "jupyterapp.shell.currentWidget.context.model.toJSON()"
    return nbformat.from_dict(json.loads(page.evaluate(f"() => JSON.stringify({model})")))


def is_trusted(page: Page) -> bool:
    """What JupyterLab's status bar says of the open notebook."""
    said = page.wait_for_function(
        """() => document.querySelector('.jp-StatusItem-trust')?.title
            .match(/^Notebook (not trusted|trusted):/)?.[1]"""
    )
    return said.json_value() == "trusted"


def show_cell(page: Page, place: int) -> Locator:
    """Scroll to a cell: JupyterLab may draw it only now, or have taken it out of the document."""
    page.evaluate("i => jupyterapp.shell.currentWidget.content.scrollToItem(i, 'center')", place)
    cell = page.locator(f".jp-Notebook [data-windowed-list-index='{place}']")
    cell.scroll_into_view_if_needed()
    return cell


def save(page: Page) -> None:
    """Save the open notebook."""
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")


def end_kernel(page: Page) -> None:
    """End the kernel of the open notebook."""
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def screenshot_lab(
    notebook: str,
    theme: Literal["Light", "Dark"],
    path: Path,
    *,
    show: str | None = None,
    width: int = 1400,
    height: int | None = None,
) -> None:
    """Run a notebook on mini in a JupyterLab of its own and take its picture.

    Args:
        notebook: Its file name.
        theme: Which of JupyterLab's own themes.
        path: Where the PNG goes.
        show: CSS selector of what stands at the top; otherwise the first cell.
        width: Of the window, in pixels.
        height: Of the window; without it the window is as tall as the notebook.
    """
    settings = {
        "@jupyterlab/apputils-extension:themes": {"theme": f"JupyterLab {theme}"},
        TRACKER: {"scrollPastEnd": height is not None},
    }
    with (
        TemporaryDirectory() as home,
        serve_lab(copy_notebooks(Path(home) / "notebooks"), Path(home), **settings) as lab,
        start_browser() as browser,
        open_page(browser, viewport={"width": width, "height": height or 1000}) as (page, _),
    ):
        open_notebook(page, lab, notebook)
        page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
        run_all(page)
        for place in range(len(read_notebook(page).cells)):
            show_cell(page, place)
        page.wait_for_function(
            """() => document.querySelectorAll('.jp-RenderedPlotly:not(:has(.svg-container)), '
                + '[data-view]:not([data-live=yes])').length === 0"""
        )
        if height is None:
            tall = page.locator(".jp-WindowedPanel-outer").evaluate("panel => panel.scrollHeight")
            page.set_viewport_size({"width": width, "height": tall + 120})
        top = page.locator(show or ".jp-Cell").first
        top.evaluate("element => element.scrollIntoView({ block: 'start' })")
        page.screenshot(path=path, animations="disabled")
