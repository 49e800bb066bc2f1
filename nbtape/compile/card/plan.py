"""Programs for NVIDIA's cards: the groups of the CPU's plans as kernels for grids of threads.

Where a step has no kernel the host does it, on copies; loops and branches the host steers, but for loops of
numbers, which are a kernel.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card import (
    cards,
    convolution,
    draw,
    pooling,
    products,
    scan,
    scattering,
    search,
    select,
    solve,
    sorting,
)
from nbtape.compile.card.actions import Check, HostCall, Late, Launch, Settle, Trap, guarded
from nbtape.compile.card.control import launches
from nbtape.compile.card.narrow import NARROW, widened
from nbtape.compile.card.programs import ptx
from nbtape.compile.emission import grid
from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.compile.fusion import access
from nbtape.compile.fusion.access import CHECK
from nbtape.compile.fusion.fuse import NATIVE, Group
from nbtape.compile.planning import control, join, plan, scatter, variables, whole
from nbtape.compile.planning.actions import Plan
from nbtape.compile.planning.check import wrong
from nbtape.compile.planning.divide import folding, part
from nbtape.compile.planning.layout import Buffer, Layout, dense
from nbtape.compile.settings import Settings
from nbtape.core.engine import Op
from nbtape.core.kernel import View
from nbtape.core.shape import Spec
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import EFFECTS, UNREPEATABLE

_CHECKED = '''"""Tell whether a number is wrong, and put another there; columns have ranges of their own."""
import numpy as np

from nbtape.compile.device import cuda


def kernel(
    rows: "int64", columns: "int64", x: "{dtype}*", sizes: "int64*", wrap: "int64",
    y: "{dtype}*", flag: "int64*",
):
    for i in range(cuda.grid(1), rows * columns, cuda.gridsize(1)):
        index, size = np.int64(x[i]), sizes[i % columns]
        if {wrong}:
            flag[0], index = 1, np.int64({other})
        y[i] = index
'''


# Of steps, with kernels by hand.
_KINDS = (products, convolution, pooling, sorting, scan, draw, search, select, solve)
LANES = 8 if cards.SIMULATED else 128  # a simulated thread is one of Python's
_OF_HOST = EFFECTS | UNREPEATABLE  # rows that cards know nothing of
_FOLDED = 32  # trips that a block folds at least: each leaves a result, which is to be folded again


class NotOnDevice(Exception):
    """A program has a step that neither a kernel nor the host can do for a card."""


class OnHost(Op):
    """An op that the user put on the host."""

    __slots__ = ()


def plan_of(program: Program, lanes: int = LANES, most: int = 1024) -> Plan:
    """The plan of a program for blocks of `lanes` threads, a power of two, and at most `most` blocks."""
    return Planner(program, None, lanes, most).plan()


class Planner(plan.Planner):
    """Plans a program for a card: the CPU's plan, with a launch for each of its kernels."""

    stops = False
    native = NATIVE | NARROW

    def __init__(self, program: Program, parent: "Planner | None", lanes: int, most: int):
        super().__init__(widened(program), parent)
        self.lanes, self.most = lanes, most
        self.settled = 0  # how many writes to variables are planned so far
        self.checked = False  # whether kernels have checked what the host has not looked at

    def inner(self, program: Program) -> "Planner":
        return Planner(program, self, self.lanes, self.most)

    def apart(self, program: Program) -> Plan:
        return plan_of(program, self.lanes, self.most)

    def act(self, action: Any) -> None:
        written = len(self.made.written)
        if self.checked and written > self.settled:  # it writes to a variable: only if nothing is wrong
            super().act(Settle())
            self.checked = False
        self.settled = written
        self.checked |= isinstance(action, Launch) and action.check is not None
        super().act(guarded(action) if isinstance(action, control.Loop) else action)

    def use(self, threads: int) -> None:
        """Products share no threads with others here."""

    # Places

    def fresh(self, v: Value) -> Layout:
        if self.parent or v.shape or v not in self.returned or v in self.placed:
            return super().fresh(v)
        found = self.layouts[v] = dense(self.buffer(v, "output"), ())
        return found

    def _result(self, y: Value) -> Layout:
        """Where a result of the whole lies: in order, in a buffer that outlives the call."""
        layout = self.layout(y)
        if not layout.known or layout.contiguous and layout.buffer.origin not in ("arena", "variable"):
            return layout
        return self.copied(y, "output")

    def cleared(self, v: Value) -> Layout:
        """A place with zeros."""
        layout = self.scratch(v.shape or (), v.dtype)
        scatter.clear(self, v, layout)
        return layout

    # Kernels

    def _group(self, group: Group) -> None:
        small = any(step.outputs[0].dtype.itemsize < 4 for step in group.scatters)  # than what is atomic
        if small or group.scatters and Settings.deterministic:
            scattering.plan(self, group)
        else:
            super()._group(group)

    def launch(self, group: Group, layouts: dict[Value, Layout]) -> None:
        def room(v: Value, size: int) -> Layout:
            return self.scratch((size,), v.dtype)

        kernel, lanes, together = grid.emit(group, layouts, room, self.lanes)
        count = self._blocks(group, kernel, lanes if together else 1)
        if count == 1:
            self.act(Launch(kernel, kernel.words, 1, lanes))
            return
        own, folds = self.own_places(kernel, count, layouts)
        self.act(Launch(kernel, part(kernel, [0, kernel.extent], own, 0), count, lanes))
        for several, place, y in folds:
            self.launch(folding(kernel.folds[y], several, y), {several: place, y: layouts[y]})

    def _blocks(self, group: Group, kernel: Kernel, lanes: int) -> int:
        """How many blocks share the outermost loop of a kernel, of which threads of a block share trips."""
        if group.split == 0 or kernel.extent <= 1:  # later loops need what the first has folded
            return 1
        share = max(lanes, _FOLDED if kernel.partial else 1)  # trips that a block has at least
        return min(self.most, -(-kernel.extent // share))

    def grid(self, kernel: Kernel, blocks: int, check: Any = None, lanes: int | None = None) -> None:
        """Run a kernel of which any number of blocks can share the work, and so many have enough of it."""
        self.act(Launch(kernel, kernel.words, max(1, min(self.most, blocks)), lanes or self.lanes, check))

    def launched(self, kernel: Kernel, check: Any = None) -> Launch:
        """A kernel that one thread runs."""
        trap = Trap(check.steps, kernel.words[check.word].layout) if check else None
        return Launch(kernel, kernel.words, 1, 1, trap)

    # Single steps

    def _step(self, step: Step) -> None:
        name = step.op.name
        if step.op is CHECK:
            self._check(step)
        elif name == "read_variable":
            variables.read(self, step)
        elif name == "assign_variable":
            variables.assign(self, step)
        elif isinstance(step.op.kernel, View) and self._view(step):
            return
        elif join.is_join(step, self.native):
            join.plan(self, step)
        elif (kind := next((kind for kind in _KINDS if kind.is_native(step)), None)) is not None:
            kind.plan(self, step)
        elif name == "while_" and whole.is_scalar(step) and all(v.static for v in _streams(step)):
            control.plan_whole(self, step)
        elif name == "while_":
            control.plan_loop(self, step)
        elif name == "cond":
            control.plan_branch(self, step)
        elif step.op in (access.DRAW, access.NORMAL, access.SCATTER):  # which only kernels can do
            raise NotOnDevice(name)
        else:
            self.python(step, lambda inputs, outputs: _called(step, inputs, outputs))

    def python(self, step: Step, action: Callable[[list, list], Any]) -> None:
        """A step that the host does, or that it steers: what it takes lies in order."""
        for x in step.inputs:
            if x.static and x.constant is None:
                self.layouts[x] = self.ordered(x)
        super().python(step, action)

    def _check(self, step: Step) -> None:
        i, sizes = step.inputs
        layout, flag = self.ordered(i), self.cleared(Value(Spec((1,), np.dtype(np.int64))))
        safe = self.layouts[step.outputs[0]] = self.scratch(i.shape or (), i.dtype)
        for seen in {layout.buffer, flag.buffer} & self.own:  # by the host, and that may be at the end
            seen.last = len(self.units)
        columns, count = prod(sizes.shape or ()), prod(i.shape or ())
        words = [
            Word("rows", "int64", value=count // max(columns, 1)),
            Word("columns", "int64", value=columns),
            Word("x", f"{i.dtype}*", layout),
            Word("sizes", "int64*", self.layout(sizes)),
            Word("wrap", "int64", value=int(step.attrs["wrap"])),
            Word("y", f"{i.dtype}*", safe),
            Word("flag", "int64*", flag),
        ]
        text = _CHECKED.format(dtype=i.dtype, wrong=wrong(step), other=int("test" in step.attrs))
        kernel = Kernel(text, words, 1, [], {}, [], 2 * count * i.dtype.itemsize)
        self.grid(kernel, -(-count // self.lanes), Check(step, flag, layout))


def _called(step: Step, inputs: list[Any], outputs: list[Buffer]) -> HostCall | Late:
    """What does a step that has no kernel here."""
    values, here = (*step.inputs, *step.outputs), isinstance(step.op, OnHost)
    numbers = not any(v.dtype.hasobject for v in values)
    if numbers and not here and not all(x.static for x in step.inputs) and step.op.name not in _OF_HOST:
        return Late(step, inputs, outputs)
    return HostCall(step, inputs, outputs, told=not here)


def _streams(step: Step) -> list[Value]:
    """The rows that a loop goes through and those that it stacks."""
    carries = step.attrs["carries"]
    return [*step.inputs[carries : carries + step.attrs["scanned"]], *step.outputs[carries:]]


def assembled(plan: Plan, capability: tuple[int, int]) -> list[bytes]:
    """The kernels of a plan as PTX, the assembly language of cards, for a compute capability."""
    return [ptx(text, capability) for text in dict.fromkeys(x.kernel.text for x in launches(plan))]
