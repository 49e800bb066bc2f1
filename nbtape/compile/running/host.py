"""A Host: a plan made ready to run, with memory for it and its kernels loaded.

What a call does is written as a Python function of its own, a statement for each thing: take the arrays,
tell the machine where they are, run each stretch, hand out what was made. A call takes a microsecond or two
so, and whoever wants to know what it does can read it.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.compile.planning.plan import Plan
from nbtape.compile.running.bind import Memory
from nbtape.compile.running.phases import Stretch, phases_of
from nbtape.compile.running.pool import Pool
from nbtape.core.engine import EagerTensor
from nbtape.state.writes import exclusive, writing


class Host:
    """Runs a plan: `run(tensors)` gives Tensors, and changes the variables; None while another call runs.

    Of a region (`bare`) it takes and gives NumPy arrays. `captured` are the last inputs, always the same.
    """

    def __init__(self, plan: Plan, captured: Sequence[Any] = (), bare: bool = False):
        self.plan, self.memory = plan, Memory(plan)
        self.phases = phases_of(self)
        writer = _Writer(self, captured, bare)
        self.source = writer.source()
        exec(self.source, writer.names)
        self.run: Callable[[Sequence[Any]], list[Any] | None] = writer.names["run"]

    def like(self, plan: Plan) -> "Host":
        """A host for a region of this one's plan."""
        return Host(plan, bare=True)


class _Writer:
    """Writes the function that runs a host."""

    def __init__(self, host: Host, captured: Sequence[Any], bare: bool):
        self.host, self.plan, self.memory, self.bare = host, host.plan, host.memory, bare
        self.captured = captured
        self.listed = any(type(phase) is not Stretch for phase in host.phases)
        self.names: dict[str, Any] = {
            "Tensor": EagerTensor,
            "ids": self.memory.ids,
            "lock": threading.Lock(),  # one call at a time works in this memory
            "exclusive": exclusive,
            "ndarray": np.ndarray,
            "memory": self.memory,  # lives as long as what works in it
            "written": writing(self.plan.written),
            "contiguous": np.ascontiguousarray,
        }

    def source(self) -> str:
        lines = ["def run(given):", "    if not lock.acquire(False):", "        return None", "    try:"]
        body = [*self._inputs(), *self._made(), *self._fixed()]
        phases = [line for k, _ in enumerate(self.host.phases) for line in self._phase(k)]
        work = [*self._variables(), *phases]
        if self.plan.written:
            work = ["with written:", *["    " + line for line in work]]
        body += [*work, f"return [{', '.join(self._result(y) for y in self.plan.outputs)}]"]
        lines += ["        " + line for line in body]
        return "\n".join([*lines, "    finally:", "        lock.release()", ""])

    def _name(self, buffer: Buffer) -> str:
        k = self.memory.slots[buffer]
        return f"arrays[{k}]" if self.listed else f"a{k}"

    def _with(self, name: str, value: Any) -> str:
        self.names[name] = value
        return name

    def _of(self, *origins: str) -> list[Buffer]:
        return [b for b in self.plan.buffers if b.origin in origins]

    def _inputs(self) -> list[str]:
        lines = ["arrays = [None] * " + str(len(self.plan.buffers))] if self.listed else []
        inputs = self._of("input")
        count = len(inputs) - len(self.captured)
        names = [f"x{k}" for k in range(count)]
        if names:
            lines.append(f"{', '.join(names)}{',' if count == 1 else ''} = given")
        for name, buffer in zip(names, inputs):
            lines.append(f"{self._name(buffer)} = {name}{'' if self.bare else '._value'}")
            lines += self._number(self._name(buffer)) if buffer.scalar else self._in_order(self._name(buffer))
        for buffer, value in zip(inputs[count:], self.captured):
            array = value if type(value) is not np.ndarray else np.ascontiguousarray(value)
            lines.append(f"{self._name(buffer)} = {self._with(f'c{self.memory.slots[buffer]}', array)}")
        return lines

    def _number(self, name: str) -> list[str]:
        """Kernels find the number of a NumPy scalar in the object; an array of rank 0 has it elsewhere."""
        return [f"if type({name}) is ndarray:", f"    {name} = {name}[()]"]

    def _in_order(self, name: str) -> list[str]:
        return [f"if not {name}.flags.c_contiguous:", f"    {name} = contiguous({name})"]

    def _fixed(self) -> list[str]:
        constants = [(b, self._with(f"c{self.memory.slots[b]}", b.source)) for b in self._of("constant")]
        return [f"{self._name(b)} = {name}" for b, name in constants]

    def _made(self) -> list[str]:
        lines = []
        for buffer in self._of("output"):
            take = self._with(f"new{self.memory.slots[buffer]}", Pool(buffer.shape or (), buffer.dtype).take)
            lines.append(f"{self._name(buffer)} = {take}()")
        return lines

    def _variables(self) -> list[str]:
        lines = []
        for buffer in self._of("variable"):
            variable, name = buffer.source.deref(), self._name(buffer)
            held = self._with(f"v{self.memory.slots[buffer]}", variable)
            if any(variable is v for v in self.plan.written):
                lines.append(f"{name} = exclusive({held})")
                continue
            lines.append(f"{name} = {held}._value")
            if not buffer.scalar:
                lines += self._in_order(name)
        return lines

    def _phase(self, k: int) -> list[str]:
        phase = self.host.phases[k]
        if type(phase) is not Stretch:
            return [f"{self._with(f'phase{k}', phase)}(arrays)"]
        buffers = [self.plan.buffers[slot] for slot in phase.slots]
        told = [f"ids[{slot}] = id({self._name(b)})" for slot, b in zip(phase.slots, buffers)]
        enter, place = self._with(f"run{k}", phase.machine.enter), self._with(f"at{k}", phase.machine.place)
        stopped = self._with(f"stopped{k}", phase.stopped)
        return [*told, f"if stop := {enter}({place}):", f"    {stopped}(stop)"]

    def _result(self, layout: Layout) -> str:
        wrap = "{}" if self.bare else "Tensor({})"
        if layout.buffer not in self.memory.slots:
            start = self.plan.places[layout.buffer]
            flat = self.memory.arena[start : start + layout.buffer.bytes].view(layout.buffer.dtype)
            return wrap.format(f"{self._with(f's{start}', flat)}[{layout.offset}]")
        name = self._name(layout.buffer)
        same = layout.whole and layout.shape == layout.buffer.shape and (layout.shape or layout.buffer.scalar)
        if same or not layout.known:
            return wrap.format(name)
        k = len(self.names)
        array = f"{self._with(f'array{k}', self.memory.view)}({self._with(f'layout{k}', layout)}, {name})"
        return wrap.format(array)
