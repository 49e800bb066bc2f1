"""What `import nbtape` leaves alone."""

import subprocess
import sys

HEAVY = set("numba llvmlite scipy IPython ipywidgets anywidget matplotlib jax torch tensorflow".split())


def test_importing_nbtape_imports_nothing_heavy():
    # A fresh interpreter: this one has already imported whatever other tests wanted.
    program = f"import sys, nbtape; print(*sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")
