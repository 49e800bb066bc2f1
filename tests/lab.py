"""A JupyterLab of its own in Debian's chromium, for tests that see what a reader sees."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


class Lab:
    """A server in a folder, and a browser that looks at it."""

    def __init__(self, folder, url, browser):
        self.folder, self.url, self._browser = Path(folder), url, browser
        self.page = None

    def open(self, name, cells=(), width=1400, height=1000, dark=False):
        """Open a notebook with these cells in a page of its own, when its kernel is idle."""
        path = self.folder / name
        if cells:
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
            notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
            nbformat.write(notebook, path)
        if self.page is not None:
            self.page.close()
        self.page = self._browser.new_page(viewport={"width": width, "height": height})
        self.page.goto(f"{self.url}/lab/tree/{name}?reset")
        self.page.wait_for_function(_IDLE, timeout=60_000)
        if dark:
            self.theme("JupyterLab Dark")
        return self.page

    def theme(self, name):
        self.command("apputils:change-theme", {"theme": name})
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeName === {json.dumps(name)}")

    def command(self, name, args=None):
        """Start a command; a promise would be waited for, until the cell has run."""
        self.page.evaluate(
            f"() => {{ window.jupyterapp.commands.execute({json.dumps(name)}, {json.dumps(args or {})}); }}"
        )

    def run_all(self):
        self.command("notebook:run-all-cells")

    def wait_idle(self, timeout=60_000):
        self.page.wait_for_function(_IDLE, timeout=timeout)

    def saved(self, name):
        """The notebook as it is on disk after saving it."""
        before = (self.folder / name).stat().st_mtime_ns
        self.command("docmanager:save")
        end = time.monotonic() + 20
        while (self.folder / name).stat().st_mtime_ns == before and time.monotonic() < end:
            self.page.wait_for_timeout(100)
        return nbformat.read(self.folder / name, 4)


@contextmanager
def lab():
    """A running Lab; all of it is gone afterwards."""
    sync_playwright = importlib.import_module("playwright.sync_api").sync_playwright
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder, "notebooks")
        root.mkdir()
        dirs = {f"JUPYTER_{kind}_DIR": str(Path(folder, kind)) for kind in ("CONFIG", "DATA", "RUNTIME")}
        dirs["IPYTHONDIR"] = str(Path(folder, "ipython"))
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"),
            *(
                "--ServerApp.ip=127.0.0.1",
                "--ServerApp.port=0",
                "--IdentityProvider.token=",
                f"--ServerApp.root_dir={root}",
            ),
            *("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
        ]
        log = Path(folder, "log")
        with log.open("wb") as file:
            server = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | dirs, cwd=root)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield Lab(root, _url(server, log), browser)
        finally:
            browser.close()
            server.terminate()
            server.wait(20)


def _url(server, log):
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/lab", log.read_text(errors="replace"))
        if found:
            return f"http://127.0.0.1:{found[1]}"
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}")
