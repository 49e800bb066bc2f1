import gc
import os
import tempfile

import numpy as np
import pytest
from hypothesis import settings
from lab import here as here, servers as servers

import nbtape as tf
from nbtape.autodiff import explain
from nbtape.compile.executable import Executable
from nbtape.compile.settings import Settings

# Kernels compile on their first call, so no example has a time limit. CI tries the same examples every time.
settings.register_profile("nbtape", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("nbtape")

# Worker processes inherit this. Where each has BLAS threads that spin on the cores of the other, both crawl.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure(config):
    """Keep kernels out of the user's cache, and from one run of the tests to the next if it may."""
    cache = getattr(config, "cache", None)
    if cache is None:
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
    os.environ.setdefault("NBTAPE_CACHE_DIR", str(cache.mkdir("kernels")) if cache else folder.name)
    Settings.mode = "off"  # workers would compile what no test waits for; tests that mean to compile say so


# Modules of tests that take many seconds each, most in processes of their own.
LONG = {"test_bench", "test_binder", "test_cuda", "test_notebooks", "test_style"}


def pytest_collection_modifyitems(items):
    """Begin with what takes long: whoever began it last would run alone in the end."""
    items.sort(key=lambda item: item.path.stem not in LONG)


# Modules whose tests hold of functions that are interpreted, and of functions that are compiled.
BOTH_WAYS = {"test_convert", "test_function", "test_function_tape", "test_graph"}


def pytest_generate_tests(metafunc):
    if metafunc.module.__name__ in BOTH_WAYS:
        metafunc.parametrize("compilation", ["interpreted", "compiled"], indirect=True)


@pytest.fixture(autouse=True, scope="module")
def frozen():
    """Spare the garbage collector, which each reset of a shell runs, what stays anyway: what was imported."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def compilation(request, monkeypatch):
    """Functions are interpreted, or compiled at their first call without any failing."""
    explain._told.clear()  # what is told once is told anew
    monkeypatch.setattr(Settings, "mode", Settings.mode)  # what a docstring's example sets ends with it
    if getattr(request, "param", "") == "compiled":
        monkeypatch.setattr(Settings, "mode", "synchronous")
        monkeypatch.setenv("NBTAPE_COMPILE_ERRORS", "1")


@pytest.fixture
def compiled(monkeypatch):
    """Compile functions at their first call; where that fails, so does the test."""
    run = Executable.run

    def checked(self, tensors):
        ys = run(self, tensors)
        assert ys is not None, "a function was interpreted"
        return ys

    monkeypatch.setattr(Settings, "mode", "synchronous")
    monkeypatch.setenv("NBTAPE_COMPILE_ERRORS", "1")
    monkeypatch.setattr(Executable, "run", checked)


@pytest.fixture(autouse=True)
def seeded():
    """Start every test from the same random state, whatever ran before it and in whichever process."""
    np.random.seed(0)
    tf.random.set_seed(0)
