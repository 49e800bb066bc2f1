"""The state of the running thread: open recorders (tapes), the open trace, the name scope, the device.

Each thread has its own, as in TensorFlow: a tape records what its own thread does.
"""

import threading
from typing import Any


class Recorder:
    """What looks on while operations run, once it is pushed: each kind of event is a method, empty unless
    overridden.
    """

    each_op = True  # whether it has to see each operation, also those of a function that runs as one

    def watches(self, xs) -> bool:
        """Whether what is computed from these tensors is of interest."""
        return False

    def record(self, op, xs: tuple, attrs: dict, ys: tuple, place) -> None:
        """An op ran."""

    def read(self, variable, read) -> None:
        """A variable was read; the program goes on with the tensor `read`."""

    def assigned(self, variable, value) -> None:
        """A variable was given the value of a tensor."""

    def left(self, tensor) -> None:
        """A tensor's value left for NumPy or Python."""

    def pulled(self, op, gx, g, xs: tuple, place) -> None:
        """The gradient rule of `op`, which ran at `place`, turned the cotangent `g` into `gx`."""


class _Local(threading.local):
    def __init__(self):
        self.recorders: tuple = ()  # open tapes, accumulators and traps, outermost first
        self.graph: Any = None  # the graph that a trace is building; None when ops run at once
        self.seat: Any = None  # what runs ops on a card when they run at once; None when they run here
        self.taker: Any = None  # the graph, or else the seat: what ops are given to
        self.watch: tuple | None = None  # (taker, recorders) if there are any: what the hot path looks at
        self.pulling = False  # whether a gradient rule runs, as Tensors
        self.scope = ""  # name scope prefix, "" or "a/b/"
        self.device: tuple = ()  # what says where operations are put, outermost first
        self.creators: tuple = ()  # what is asked for each variable that is made, outermost first
        self.session: Any = None  # the session that `eval` and `run` use where they are given none


local = _Local()

# Tapes open in any thread. Kept beside the thread's own so that an op in the wrong thread can be explained.
open_tapes: dict[int, object] = {}


def _set(recorders: tuple, graph) -> None:
    taker = local.seat if graph is None else graph
    local.recorders, local.graph, local.taker = recorders, graph, taker
    local.watch = (taker, recorders) if recorders or taker is not None else None


def sit(seat) -> None:
    """Let ops that run at once run where `seat` runs them; None: here."""
    local.seat = seat
    _set(local.recorders, local.graph)


def push(recorder) -> None:
    here = local.__dict__  # one look-up of what is this thread's own, each of which takes its time
    here["recorders"] = recorders = here["recorders"] + (recorder,)
    here["watch"] = here["taker"], recorders


def pop(recorder) -> None:
    here = local.__dict__
    taker, recorders = here["taker"], here["recorders"]
    if recorders and recorders[-1] is recorder:
        recorders = recorders[:-1]
    else:
        recorders = tuple([r for r in recorders if r is not recorder])
    here["recorders"] = recorders
    here["watch"] = (taker, recorders) if recorders or taker is not None else None


class recording:
    """Let only `recorders` and `graph` see the ops of this block."""

    __slots__ = ("_shown", "_saved")  # a class, which is entered much faster than a generator

    def __init__(self, recorders: tuple, graph=None):
        self._shown = recorders, graph

    def __enter__(self) -> None:
        self._saved = local.recorders, local.graph
        _set(*self._shown)

    def __exit__(self, *exc: object) -> None:
        _set(*self._saved)


def paused() -> recording:
    """Nobody records in this block."""
    return recording(())


class at_home(recording):
    """Nobody records in this block, and what runs at once runs on the computer's own processor."""

    __slots__ = ("_seat",)

    def __init__(self):
        super().__init__(())

    def __enter__(self) -> None:
        self._seat, local.seat = local.seat, None
        super().__enter__()

    def __exit__(self, *exc: object) -> None:
        local.seat = self._seat
        super().__exit__(*exc)
