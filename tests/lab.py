"""JupyterLabs of their own in Debian's chromium, for tests that see what a reader sees."""

import importlib
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from environments import Unavailable, environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
INSTALLED = "installed"  # the version that this environment has
NEWEST, OLDEST = (INSTALLED, INSTALLED), ("4.4", "6.31")  # of JupyterLab and of ipykernel
MATRIX = list(itertools.product((INSTALLED, "4.4"), (INSTALLED, "7.3", "6.31")))
_FLAGS = [
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # there is no other machine
    "--disable-features=LocalNetworkAccessChecks",  # a page whose headers were altered may ask this one too
]
_TREE = str(Path(__file__).parents[1])
_CURRENT = "window.jupyterapp?.shell.currentWidget"
_IDLE = f"() => {_CURRENT}?.sessionContext?.session?.kernel?.status === 'idle'"
_LOADED = f"name => {_CURRENT}?.context?.path === name && {_CURRENT}.context.isReady"
_READY = f"() => {_CURRENT}.sessionContext.isReady"
_OPEN = """([path, kernel]) => {
    const { commands, shell } = window.jupyterapp;
    for (const old of [...shell.widgets('main')]) old.dispose();
    commands.execute('docmanager:open', { path, factory: 'Notebook', kernel });
}"""


class Server:
    """A running JupyterLab, in folders of its own, with kernels of several versions."""

    def __init__(self, folder: Path, url: str):
        self.root, self.url, self._kernels = folder / "notebooks", url, folder / "DATA" / "kernels"

    def add_kernel(self, version: str) -> str:
        """The name of a kernel spec for a version of ipykernel."""
        folder = self._kernels / f"ipykernel-{version}"
        if not folder.exists():
            argv = [_python("ipykernel", version), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            spec = {"argv": argv, "display_name": folder.name, "language": "python"}
            folder.mkdir(parents=True)
            (folder / "kernel.json").write_text(json.dumps(spec | {"env": {"PYTHONPATH": _TREE}}))
        return folder.name


class Lab:
    """A page of a browser that shows a server's notebooks, one after the other, with one kernel."""

    def __init__(self, server, browser, kernel, policy=None):
        self.folder, self.kernel, self._kernel = server.root, kernel, server.add_kernel(kernel)
        self._url, self._again = f"{server.url}/lab", partial(Lab, server, browser, kernel)
        self._id = None
        self.elsewhere = []  # what the page asked other machines for
        self.page = browser.new_page(viewport={"width": 1400, "height": 1000})
        self.page.on("request", self._note)
        if policy:
            self.page.route(f"{self._url}*", lambda route: _under(policy, route))
        self._load("?reset")

    def open(self, name, cells=(), width=1400, height=1000, theme="JupyterLab Light", fresh=False):
        """Open a notebook with these cells, and wait for its kernel.

        That is the kernel of the notebook before, unless it is still busy or a fresh one is wanted.
        """
        if cells:
            code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
            metadata = {"kernelspec": {"name": self._kernel, "display_name": self._kernel}}
            made = [{**code, "id": f"cell-{i}", "source": text} for i, text in enumerate(cells)]
            notebook = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
            (self.folder / name).write_text(json.dumps(notebook))
        self.page.set_viewport_size({"width": width, "height": height})
        again = self._id is not None and not fresh and self.page.evaluate(_IDLE)
        if not again:
            self.shut_down()
        self.page.evaluate(_OPEN, [name, {"id": self._id} if again else {"name": self._kernel}])
        self.page.wait_for_function(_LOADED, arg=name)
        self.page.wait_for_function(_READY)
        self.wait_idle()
        self._id = self.page.evaluate(f"() => {_CURRENT}.sessionContext.session.kernel.id")
        self.theme(theme)
        return self.page

    def load_again(self, name):
        """Load the page of a notebook anew, while its kernel goes on."""
        self._load(f"/tree/{name}?reset")

    @contextmanager
    def beside(self, policy):
        """A page beside this one, to which the server gives a Content-Security-Policy."""
        other = self._again(policy)
        try:
            yield other
        finally:
            other.page.close()

    def shut_down(self):
        """End all kernels."""
        self.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")

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
        while time.monotonic() < end:
            self.page.wait_for_timeout(100)
            if (self.folder / name).stat().st_mtime_ns != before:
                with suppress(json.JSONDecodeError):  # half of it is written
                    return json.loads((self.folder / name).read_text())
        raise RuntimeError(f"{name} was not saved")

    def _load(self, rest):
        self.page.goto(self._url + rest)
        self.page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)", timeout=60_000)

    def _note(self, request):
        url = urlsplit(request.url)
        if url.scheme in ("http", "https") and url.hostname != "127.0.0.1":
            self.elsewhere.append(request.url)


def _under(policy, route):
    response = route.fetch()
    route.fulfill(response=response, headers=response.headers | {"content-security-policy": policy})


@contextmanager
def serving(version=INSTALLED):
    """A server of one version of JupyterLab; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "notebooks")
        root.mkdir()
        dirs = {f"JUPYTER_{kind}_DIR": str(Path(folder, kind)) for kind in ("CONFIG", "DATA", "RUNTIME")}
        dirs["IPYTHONDIR"] = str(Path(folder, "ipython"))
        dirs["JUPYTER_PATH"] = str(Path(sys.prefix, "share", "jupyter"))  # the widgets' part in the browser
        dirs["JUPYTERLAB_SETTINGS_DIR"] = str(_without_questions(Path(folder, "settings")))
        command = [
            *(_python("jupyterlab", version), "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--expose-app-in-browser", f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1"),
            *("--ServerApp.port=0", "--IdentityProvider.token=", "--LabApp.news_url=None"),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        log = Path(folder, "log")
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | dirs, cwd=root)
        try:
            yield Server(Path(folder), _url(process, log))
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def looking(server, kernel=INSTALLED):
    """A browser's page that looks at a server, with kernels of one version."""
    sync_playwright = importlib.import_module("playwright.sync_api").sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            found = Lab(server, browser, kernel)
            yield found
            found.shut_down()
        finally:
            browser.close()


@contextmanager
def lab():
    """What is installed, in a page of its own."""
    with serving() as server, looking(server) as found:
        yield found


def versions(*always):
    """Run a test with these versions, and with all others where `pytest -m matrix` asks for them."""
    marks = {pair: () if pair in always else pytest.mark.matrix for pair in MATRIX}
    params = [pytest.param(pair, marks=marks[pair], id="-".join(pair)) for pair in MATRIX]
    return pytest.mark.parametrize("here", params, indirect=True)


@pytest.fixture(scope="session")
def servers():
    """A function that gives the server of a version, which is started once."""
    with ExitStack() as stack:
        started = {}

        def server(version):
            if version not in started:
                started[version] = stack.enter_context(serving(version))
            return started[version]

        yield server


@pytest.fixture(scope="module")
def here(request, servers):
    """A page of the installed JupyterLab, or of the versions (JupyterLab, ipykernel) in the parameter."""
    missing = [name for name in ("playwright", "jupyterlab") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if CHROMIUM is None:
        pytest.skip("no chromium; on Debian: apt-get install chromium")
    version, kernel = getattr(request, "param", NEWEST)
    try:
        # Not for longer than a module: while Playwright looks, asyncio has a loop that runs.
        with looking(servers(version), kernel) as found:
            yield found
            assert found.elsewhere == []
    except Unavailable as error:
        pytest.skip(str(error))


def _python(package, version):
    return sys.executable if version == INSTALLED else str(environment(f"{package}=={version}.*"))


def _without_questions(settings):
    """Settings in which a page does not ask its reader about news, on top of what there is to see."""
    folder = settings / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True)
    (folder / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    return settings


def _url(process, log):
    end = time.monotonic() + 180
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/lab", log.read_text(errors="replace"))
        if found:
            return f"http://127.0.0.1:{found[1]}"
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}")
