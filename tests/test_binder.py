"""Binder's image: what repo2docker makes of `binder/`, and that cells find what the build has compiled."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from nbtape.compile.code import objects

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Binder's images are Linux")

ROOT = Path(__file__).parents[1]
CELLS = [
    "%load_ext nbtape\nimport nbtape as tf",
    "%%tape\nx = tf.Variable(tf.ones([2, 8, 8, 3]))\ny = tf.nn.max_pool2d(x, 2, 2, 'VALID')",
    "tape.gradient(y, x)",
    "@tf.function\ndef step(x):\n    return tf.reduce_sum(tf.tanh(x))\n\nstep(x)",
]
FOUND = """
import gc
from numba.core.dispatcher import Dispatcher

kernels = [x.stats for x in gc.get_objects() if isinstance(x, Dispatcher)]
assert sum(len(x.cache_hits) for x in kernels) > 0
assert not any(x.cache_misses for x in kernels), kernels
assert step.traces()[0].cached
"""


def notebook(path, *cells):
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), path)


@pytest.fixture
def image(tmp_path):
    """Runs commands in a repository with one notebook, and a home of its own, where `pip` decides on pip."""
    shutil.copytree(ROOT / "binder", tmp_path / "binder")
    notebook(tmp_path / "notebooks/first.ipynb", *CELLS)
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    path = os.pathsep.join([str(python.parent), str(Path(sys.executable).parent), os.environ["PATH"]])

    def run(*command, pip="true"):
        python.write_text(f'#!/bin/sh\nif [ "$2" = pip ]; then {pip}; else exec {sys.executable} "$@"; fi\n')
        python.chmod(0o755)
        env = {"HOME": str(tmp_path), "PATH": path, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)

    return run


def test_cells_find_what_the_build_compiled(image, tmp_path):
    built = image("binder/postBuild", pip='echo "$@"')
    assert built.returncode == 0, built.stderr
    assert built.stdout.splitlines() == ["-m pip install --no-cache-dir -e .[lab]"]

    notebook(tmp_path / "again.ipynb", *CELLS, FOUND)
    started = image("binder/start", "python", "-m", "jupyter", "execute", "again.ipynb")
    assert started.returncode == 0, started.stderr


def test_a_failed_installation_gives_no_image(image):
    built = image("binder/postBuild", pip="exit 3")
    assert built.returncode == 3 and "Executing notebook" not in built.stderr


def test_repo2docker_takes_the_folder(tmp_path):
    pytest.importorskip("repo2docker", reason="jupyter-repo2docker is not installed")
    shutil.copytree(ROOT / "binder", tmp_path / "repo/binder")
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "repo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    assert "python=3.12" in text
    assert re.search(r"^RUN \./binder/postBuild$", text, re.M)
    assert re.search(r'^ENV R2D_ENTRYPOINT="\$\{REPO_DIR\}/binder/start"$', text, re.M)


def test_functions_are_compiled_for_the_cpu_that_numba_is_told(monkeypatch):
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    monkeypatch.delenv("NUMBA_CPU_FEATURES", raising=False)
    assert objects.target.__wrapped__()[1:] == ("generic", "")

    monkeypatch.setenv("NUMBA_CPU_NAME", "x86-64-v3")
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2")
    assert objects.target.__wrapped__()[1:] == ("x86-64-v3", "+avx2")
