"""Every notebook runs from top to bottom and prints what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.font_manager  # noqa: F401 - builds its cache on a new machine, so that no cell has to tell of it
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# nbformat imports jsonschema, which spends 2 s on a grammar that no notebook needs, if it finds the parser.
START = "import sys; sys.modules['rfc3987_syntax'] = None; import pytest; sys.exit(pytest.console_main())"
NBVAL = "--nbval --nbval-current-env --nbval-cell-timeout=120 -n 0 -p no:cacheprovider".split()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_prints_what_it_shows(notebook, tmp_path):
    done = checked(notebook, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_error_or_another_output_is_noticed(tmp_path):
    cell, stream = nbformat.v4.new_code_cell, nbformat.v4.new_output("stream", text="1\n")
    cells = [
        cell("print(1)", outputs=[stream], execution_count=1),
        cell("1 / 0"),
        cell("print(2)", outputs=[stream], execution_count=2),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "planted.ipynb")

    done = checked(tmp_path / "planted.ipynb", tmp_path)
    assert re.findall(r"^FAILED .*::(Cell \d)", done.stdout, re.M) == ["Cell 1", "Cell 2"]


def checked(notebook, folder):
    """What nbval says of a notebook, in a process of its own, since the cells share a kernel."""
    # A new profile, since a user's may run files. Headless, since what a panel shows before a browser answers
    # depends on the clock.
    env = os.environ | {"IPYTHONDIR": str(folder), "NBTAPE_HEADLESS": "1"}
    command = [sys.executable, "-c", START, *NBVAL, notebook]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
