"""Every notebook runs from top to bottom and prints what it shows."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib.font_manager  # noqa: F401 - builds its cache on a new machine, so that no cell has to tell of it
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NBVAL = "-m pytest --nbval --nbval-current-env --nbval-cell-timeout=120 -n 0 -p no:cacheprovider".split()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_prints_what_it_shows(notebook, tmp_path):
    # A process of its own, since the cells share a kernel; a new profile, since a user's may run files.
    command, env = [sys.executable, *NBVAL, notebook], os.environ | {"IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
