"""A real shell for the tests of the notebook's magics and displays, and what its cells showed."""

import atexit

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import nbtape as tf

SETUP = """\
%load_ext nbtape
import nbtape as tf
w = tf.Variable([[1.0], [2.0]], name="weights")
b = tf.Variable(0.5)
x = tf.constant([[3.0, 4.0]])
"""


class Notebook:
    """A shell, and what its cells showed."""

    def __init__(self, shell):
        self.shell = shell
        self.shown = shell.display_pub = CapturingDisplayPublisher()

    def run(self, cell):
        """The value of the cell's last expression; raises what the cell raised."""
        result = self.shell.run_cell(cell, store_history=True)
        result.raise_error()
        return result.result

    def bundles(self, cell):
        """All that the cell showed, which has no value of its own."""
        self.shown.outputs.clear()
        assert self.run(cell) is None
        return [output["data"] for output in self.shown.outputs]

    def show(self, cell):
        """The plain text and the HTML of the one thing that the cell showed."""
        (data,) = self.bundles(cell)
        return data["text/plain"], data["text/html"]

    def formats(self, expression):
        """What the shell's front end gets of a value."""
        return self.shell.display_formatter.format(self.shell.ev(expression))[0]


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A shell without the extension."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    history = {"hist_file": ":memory:", "connection_options": {"check_same_thread": False}}
    config = {"HistoryManager": history, "InteractiveShell": {"colors": "nocolor"}}
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config(config))
    database = shell.history_manager.db
    yield Notebook(shell)
    tf.unload_ipython_extension(shell)
    InteractiveShell.clear_instance()
    shell.atexit_operations()
    atexit.unregister(shell.atexit_operations)
    database.close()


@pytest.fixture
def notebook(fresh):
    fresh.run(SETUP)
    return fresh
