"""The state of the running thread: open recorders (tapes), the open trace, the name scope, the device.

Each thread has its own, as in TensorFlow: a tape records what its own thread does.
"""

import threading
from contextlib import contextmanager


class _Local(threading.local):
    recorders: tuple = ()  # open tapes, accumulators and traps, outermost first; each has `record(...)`
    graph = None  # the graph that a trace is building; None when ops run at once
    busy: bool = False  # whether there are recorders or a trace: all that the hot path has to look at
    scope: str = ""  # name scope prefix, "" or "a/b/"
    device: str = ""  # as given to `device(...)`, "" for the default


local = _Local()

# Tapes open in any thread. Kept beside the thread's own so that an op in the wrong thread can be explained.
open_tapes: dict[int, object] = {}


def _set(recorders: tuple, graph) -> None:
    local.recorders, local.graph = recorders, graph
    local.busy = bool(recorders) or graph is not None


def push(recorder) -> None:
    _set((*local.recorders, recorder), local.graph)


def pop(recorder) -> None:
    _set(tuple(r for r in local.recorders if r is not recorder), local.graph)


@contextmanager
def recording(recorders: tuple, graph=None):
    """Let only `recorders` and `graph` see the ops of this block."""
    saved = local.recorders, local.graph
    _set(recorders, graph)
    try:
        yield
    finally:
        _set(*saved)


def paused():
    """Nobody records in this block."""
    return recording(())
