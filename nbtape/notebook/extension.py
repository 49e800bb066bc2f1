"""What the notebook gives to those who do not import IPython: `%load_ext nbtape`, and the cell that runs."""

import sys

from nbtape.core.cells import Run, running
from nbtape.core.kernel import late

load_ipython_extension = late("nbtape.notebook.magics:load_ipython_extension")
unload_ipython_extension = late("nbtape.notebook.magics:unload_ipython_extension")
doctor = late("nbtape.notebook.doctor:doctor")
show = late("nbtape.notebook.graphs.show:show")
_runs_of = late("nbtape.notebook.cells:runs_of")


def _running() -> Run | None:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return None if shell is None else _runs_of(shell).last


running[0] = _running
