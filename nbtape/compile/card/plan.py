"""Programs for NVIDIA's cards: the groups of the CPU's plans as kernels for grids of threads.

What there is so far is right without a card: plans of pointwise rows, reductions, gathers, scatters and
products, which the simulator runs, and their kernels as PTX. Programs with anything else raise NotOnDevice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from nbtape.compile import device
from nbtape.compile.card import sorting
from nbtape.compile.emission import grid
from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.compile.fusion.access import CHECK
from nbtape.compile.fusion.fuse import Group
from nbtape.compile.planning import check, plan, scatter, squares
from nbtape.compile.planning.actions import Plan
from nbtape.compile.planning.divide import folding, part
from nbtape.compile.planning.join import is_join
from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.compile.planning.products import is_product
from nbtape.core.kernel import View
from nbtape.core.shape import Spec
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import unrepeatable

_CHECKED = '''"""Tell whether an index is out of range; each column of indices has a range of its own."""
import numpy as np

from nbtape.compile.device import cuda


def kernel(rows: "int64", columns: "int64", x: "{dtype}*", sizes: "int64*", wrap: "int64", y: "int64*"):
    for i in range(cuda.grid(1), rows * columns, cuda.gridsize(1)):
        index, size = np.int64(x[i]), sizes[i % columns]
        if index < -size * wrap or index >= size:
            y[0] = 1
'''


_KINDS = (sorting,)  # of steps, that have kernels of their own
_FOLDED = 32  # trips that a block folds at least: each leaves a result, which is to be folded again


class NotOnDevice(Exception):
    """A program has a step that there is no kernel for."""


@dataclass(eq=False, slots=True)
class Launch:
    """A kernel that blocks of `lanes` threads run."""

    kernel: Kernel
    words: list[Word]
    blocks: int
    lanes: int
    check: Any = None  # the check of which it leaves the result in its last argument


def plan_of(program: Program, lanes: int = 128, most: int = 1024) -> Plan:
    """The plan of a program for blocks of `lanes` threads, a power of two, and at most `most` blocks."""
    return Planner(program, lanes, most).plan()


class Planner(plan.Planner):
    """Plans a program for a card: the CPU's plan, with a launch for each of its kernels."""

    def __init__(self, program: Program, lanes: int, most: int):
        for step in program.steps:
            if not step.programs and unrepeatable(step):  # type: ignore[arg-type]
                raise NotOnDevice(step.op.name)
        super().__init__(program)
        self.lanes, self.most = lanes, most

    def use(self, threads: int) -> None:
        """Products share no threads with others here."""

    def launch(self, group: Group, layouts: dict[Value, Layout]) -> None:
        kernel, lanes = grid.emit(group, layouts, lambda v, size: self.scratch((size,), v.dtype), self.lanes)
        count = self._blocks(group, kernel, lanes)
        if count == 1:
            self.act(Launch(kernel, kernel.words, 1, lanes))
            return
        own, folds = self.own_places(kernel, count, layouts)
        self.act(Launch(kernel, part(kernel, [0, kernel.extent], own, 0), count, lanes))
        for several, place, y in folds:
            self.launch(folding(kernel, several, y), {several: place, y: layouts[y]})

    def _blocks(self, group: Group, kernel: Kernel, lanes: int) -> int:
        """How many blocks share the outermost loop of a kernel."""
        if group.split == 0 or kernel.extent <= 1:  # later loops need what the first has folded
            return 1
        share = 1  # trips that a block has at least
        if kernel.partial:
            share = max(lanes, _FOLDED)
        elif prod(group.domain) == kernel.extent:  # the one loop
            share = lanes
        return min(self.most, -(-kernel.extent // share))

    def _step(self, step: Step) -> None:
        if step.op is CHECK:
            self._check(step)
        elif is_product(step):
            kernel, tiles, lanes = squares.product(self, step, self.lanes)
            self.act(Launch(kernel, kernel.words, min(self.most, tiles), lanes))
        elif isinstance(step.op.kernel, View) or step.op.name == "read_variable" or is_join(step):
            super()._step(step)
        elif (kind := next((kind for kind in _KINDS if kind.is_native(step)), None)) is not None:
            kind.plan(self, step)
        else:
            self.python(step, None)

    def grid(self, kernel: Kernel, blocks: int) -> None:
        """Run a kernel of which any number of blocks can share the work, and so many have enough of it."""
        self.act(Launch(kernel, kernel.words, max(1, min(self.most, blocks)), self.lanes))

    def python(self, step: Step, action: Any) -> None:
        raise NotOnDevice(step.op.name)

    def _check(self, step: Step) -> None:
        i, sizes = step.inputs
        layout = self.ordered(i)
        self.layouts[step.outputs[0]] = layout
        columns, count = prod(sizes.shape or ()), prod(i.shape or ())
        words = [
            Word("rows", "int64", value=count // max(columns, 1)),
            Word("columns", "int64", value=columns),
            Word("x", f"{i.dtype}*", layout),
            Word("sizes", "int64*", self.layout(sizes)),
            Word("wrap", "int64", value=int(step.attrs["wrap"])),
            Word("y", "int64*", self.cleared(Value(Spec((1,), np.dtype(np.int64))))),
        ]
        kernel = Kernel(_CHECKED.format(dtype=i.dtype), words, 1, [], {}, [], count * i.dtype.itemsize)
        blocks = max(1, min(self.most, -(-count // self.lanes)))
        self.act(Launch(kernel, words, blocks, self.lanes, check.Check(step)))

    def cleared(self, v: Value) -> Layout:
        """A place with zeros."""
        layout = self.scratch(v.shape or (), v.dtype)
        scatter.clear(self, v, layout)
        return layout


def simulated(plan: Plan, values: Sequence[Any]) -> list[np.ndarray]:
    """What a plan gives for these arrays, as the simulator runs it."""
    memory = _Memory(plan, values)
    for action in plan.actions:
        arguments = [memory.argument(word) for word in action.words]
        device.simulate(_function(action.kernel.text), action.blocks, action.lanes, arguments)
        if action.check is not None and arguments[-1][0]:
            indices = memory.array(action.words[2].layout)
            action.check.fail(np.array([0, 0, indices.ctypes.data]))
    return [memory.array(layout) for layout in plan.outputs]


def assembled(plan: Plan, capability: tuple[int, int]) -> list[str]:
    """The kernels of a plan as PTX, the assembly language of cards, for a compute capability."""
    kernels = {action.kernel.text: [word.kind for word in action.words] for action in plan.actions}
    return [device.assembled(_function(text), kinds, capability) for text, kinds in kernels.items()]


def _function(text: str) -> Any:
    """The Python function that a kernel's text defines."""
    names: dict[str, Any] = {"__name__": "nbtape.compile"}
    exec(compile(text, "<kernel>", "exec"), names)
    return names["kernel"]


class _Memory:
    """The arrays that a plan reads and writes."""

    def __init__(self, plan: Plan, values: Sequence[Any]):
        self._plan, self._values = plan, values
        self._arena = np.zeros(plan.arena, np.uint8)
        self._outputs: dict[Buffer, np.ndarray] = {}

    def _flat(self, buffer: Buffer) -> np.ndarray:
        """All elements of a buffer."""
        match buffer.origin:
            case "input":
                return np.ascontiguousarray(self._values[buffer.source]).reshape(-1)
            case "constant":
                return buffer.source.reshape(-1)
            case "variable":
                return np.ascontiguousarray(buffer.source.deref()._value).reshape(-1)
            case "arena":
                start = self._plan.places[buffer]
                return self._arena[start : start + buffer.bytes].view(buffer.dtype)
        return self._outputs.setdefault(buffer, np.empty(buffer.size, buffer.dtype))

    def argument(self, word: Word) -> Any:
        if word.layout is not None:
            return device.Pointer(self._flat(word.layout.buffer), word.layout.offset)
        return int(word.value) if word.kind == "int64" else np.dtype(word.kind).type(word.value)

    def array(self, layout: Layout) -> np.ndarray:
        """The elements of a layout, copied."""
        flat, size = self._flat(layout.buffer), layout.buffer.dtype.itemsize
        strides = [stride * size for stride in layout.strides]
        return np.ndarray(layout.shape, flat.dtype, flat, layout.offset * size, strides).copy()
