"""A Host: a plan made ready to run, with memory for it and its kernels loaded.

A call only says where this call's arrays are, runs the phases, and hands out what they made.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.compile.bind import Memory
from nbtape.compile.layout import Layout
from nbtape.compile.phases import phases_of
from nbtape.compile.plan import Commit, Plan
from nbtape.compile.pool import Pool
from nbtape.state.writes import exclusive, writing


class Host:
    """Runs a plan: `run(arrays)` takes NumPy arrays, gives arrays, and changes the variables."""

    def __init__(self, plan: Plan):
        self.plan, self.memory = plan, Memory(plan)
        self.lock = threading.Lock()  # one call at a time works in this memory
        self.phases = phases_of(self)
        slots = self.memory.slots
        self.constants = [b.source if b.origin == "constant" else None for b in plan.buffers]
        shapes = _shapes(plan)
        self.made = [(slots[b], Pool(shapes[b], b.dtype).take) for b in plan.buffers if b.origin == "output"]
        self.variables = [
            (slots[b], variable := b.source.deref(), any(variable is v for v in plan.written))
            for b in plan.buffers
            if b.origin == "variable"
        ]
        self.results = [self._result(layout) for layout in plan.outputs]

    def like(self, plan: Plan) -> "Host":
        """A host for a region of this one's plan."""
        return Host(plan)

    def run(self, given: Sequence[Any]) -> list[Any] | None:
        """The results for the arrays `given`, one for each input; None while another call runs."""
        if not self.lock.acquire(blocking=False):
            return None
        try:
            arrays = self.constants.copy()
            for k, x in enumerate(given):
                arrays[k] = x if type(x) is not np.ndarray or x.flags.c_contiguous else x.copy()
            for k, take in self.made:
                arrays[k] = take()
            if self.variables:
                self._with_variables(arrays)
            else:
                for phase in self.phases:
                    phase(arrays)
            return [result(arrays) for result in self.results]
        finally:
            self.lock.release()

    def _with_variables(self, arrays: list) -> None:
        with writing(self.plan.written):
            for k, variable, changed in self.variables:
                arrays[k] = exclusive(variable) if changed else _read(variable)
            for phase in self.phases:
                phase(arrays)

    def _result(self, layout: Layout) -> Any:
        """What picks one of the results out of a call's arrays."""
        slot = self.memory.slots.get(layout.buffer)
        if slot is None:
            start = self.memory.plan.places[layout.buffer]
            flat = self.memory.arena[start : start + layout.buffer.bytes].view(layout.buffer.dtype)
            return lambda arrays: flat[0]
        if layout.whole or not layout.known:
            return lambda arrays: arrays[slot]
        return lambda arrays: self.memory.array(layout, arrays)


def _shapes(plan: Plan) -> dict[Any, tuple]:
    """The shapes of the arrays that are made for results and for variables."""
    given = [layout for a in plan.actions if isinstance(a, Commit) for _, layout in a.variables]
    return {layout.buffer: layout.shape for layout in [*given, *plan.outputs]}


def _read(variable: Any) -> Any:
    value = variable._value
    return value if type(value) is not np.ndarray or value.flags.c_contiguous else value.copy()
