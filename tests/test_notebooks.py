"""Every notebook runs from top to bottom and prints what it shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NBVAL = "-m pytest --nbval --nbval-current-env --nbval-cell-timeout=120 -n 0 -p no:cacheprovider".split()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_prints_what_it_shows(notebook, tmp_path):
    # A process of its own, since the cells share one kernel; a new profile, since a user's may run files of theirs.
    new = os.environ | {"IPYTHONDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, *NBVAL, notebook], cwd=ROOT, env=new, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
