"""A plan: the units of a program in order, where each value lies, and which kernel or call each unit is.

Everything here follows from the program and its sizes; nothing is allocated and nothing compiled yet. Values
that no later unit reads never get a place. What is read from a variable lies in the variable, and what is
assigned to it is written there where no one needs the old value any more.
"""

from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.emission.emit import Kernel, emit
from nbtape.compile.fusion.access import CHECK, is_scatter
from nbtape.compile.fusion.fuse import NATIVE, Group, Unit, units_of
from nbtape.compile.planning import (
    averages,
    check,
    control,
    convolution,
    draw,
    join,
    pooling,
    products,
    scan,
    scatter,
    sorting,
    variables,
    whole,
)
from nbtape.compile.planning.actions import Call as Call, Commit as Commit, Launch as Launch, Plan as Plan
from nbtape.compile.planning.arena import placed
from nbtape.compile.planning.divide import folding, part, parts_of
from nbtape.compile.planning.layout import Buffer, Layout, dense, laid, viewed
from nbtape.compile.planning.region import NotNative
from nbtape.core.engine import o
from nbtape.core.kernel import View
from nbtape.core.shape import Spec
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts
from nbtape.ops.blas import thread_count
from nbtape.ops.sampler import OpStream

_KINDS = (convolution, pooling, averages, scan, sorting, draw)  # of steps, that have kernels of their own


def plan_of(program: Program) -> Plan:
    """The plan of a program."""
    return Planner(program).plan()


class Planner:
    """Plans one program; `parent` plans the program whose loop or branch it is, if it is one."""

    native = NATIVE  # the dtypes of what kernels read and write

    stops = True  # whether a kernel can stop its program

    def __init__(self, program: Program, parent: "Planner | None" = None):
        self.program, self.parent = program, parent
        self.root: Planner = parent.root if parent else self
        self.units = units_of(program, self.native)
        self.layouts: dict[Value, Layout] = {}
        self.made = Plan(program)
        self.now = 0
        self.arena: list[Buffer] = []
        self.own: set[Buffer] = set()  # the same, to look up
        self.blocks: list[tuple[Buffer, dict[Buffer, int]]] = []  # the arenas of regions
        self.variables: dict[int, Buffer] = {}  # by serial number
        self.states: dict[OpStream, Layout] = {}  # of streams of random numbers
        self.current: dict[int, Value] = {}  # what each variable holds, once it was assigned
        self.pending: dict[int, tuple[Any, Layout]] = {}  # assignments that are still to be committed
        self.goals: dict[Value, Layout] = {}  # where values belong, if what is there now may go
        self.placed: dict[Value, Layout] = {}  # where values belong
        self.parts = join.parts_of(self.units, self.native)  # what is made in its place in another value
        self.readers = self._readers()
        self.returned = set(program.outputs)
        self.kept = {s.inputs[0] for s in program.steps if s.op is o.assign_variable}  # what variables get
        self.usual = thread_count()
        self.threads = 1 if parent else self.usual  # how many products run on at this point of the plan

    def _readers(self) -> dict[Value, list[int]]:
        """The units that read each value."""
        found: dict[Value, list[int]] = {}
        for i, unit in enumerate(self.units):
            for x in _reads(unit):
                found.setdefault(x, []).append(i)
        return found

    def plan(self) -> Plan:
        for i, x in enumerate(self.program.inputs):
            self.layouts[x] = laid(self.buffer(x, "input", i), x)
        self.walk()
        self.made.outputs = [self._result(y) for y in self.program.outputs]
        self.use(self.usual)
        variables.commit(self)
        self.place()
        return self.made

    def walk(self) -> None:
        for i, unit in enumerate(self.units):
            self.now = i
            if isinstance(unit, Group):
                self._group(unit)
            else:
                self._step(unit)
        self.now = len(self.units)

    # Buffers and layouts

    def buffer(self, v: Value, origin: str, source: Any = None) -> Buffer:
        """Memory that is not the arena's."""
        scalar = v.shape == () and v.dtype != object and origin in ("input", "variable", "result")
        size = prod(v.shape or ()) if v.static else 0
        buffer = Buffer(size, v.dtype, origin, source, scalar, self.now, self.now, v.shape)
        self.root.made.buffers.append(buffer)
        return buffer

    def scratch(self, shape: tuple, dtype: np.dtype) -> Layout:
        """A place in the arena."""
        buffer = Buffer(prod(shape), dtype, first=self.now, last=self.now)
        self.arena.append(buffer)
        self.own.add(buffer)
        return dense(buffer, shape)

    def layout(self, v: Value) -> Layout:
        """Where a value lies that is read now."""
        if v not in self.layouts:
            assert v.constant is not None, v
            array = np.ascontiguousarray(v.constant)
            self.layouts[v] = dense(self.buffer(v, "constant", array), v.shape or ())
        layout = self.layouts[v]
        if layout.buffer.origin != "arena" or layout.buffer in self.own:
            layout.buffer.last = max(layout.buffer.last, self.now)
        return layout

    def fresh(self, v: Value) -> Layout:
        """A place for a value that is made now; the arena is no place for what the caller gets or what
        lives on.
        """
        if v in self.placed:
            found = self.placed[v]
        elif not self.parent and (v in self.returned and v.shape or v in self.kept):
            found = dense(self.buffer(v, "output"), v.shape or ())
        else:
            found = v in self.parts and join.place(self, v) or self.scratch(v.shape or (), v.dtype)
        self.layouts[v] = found
        return found

    def wanted(self, y: Value, unit: Unit | None = None) -> bool:
        """Whether anybody beside `unit` reads `y`."""
        end = len(self.units)  # where the outputs of a region are read
        readers = self.readers.get(y, ())
        return y in self.returned or any(i == end or self.units[i] is not unit for i in readers)

    def place(self) -> None:
        """Give each buffer of the arena its bytes."""
        self.made.places, self.made.arena = placed(self.arena)
        for block, places in self.blocks:
            self.made.places.update({b: self.made.places[block] + start for b, start in places.items()})

    # Kernels

    def _group(self, group: Group) -> None:
        layouts = {x: self.layout(x) for x in group.read if not splat(x) or x in group.sources}
        for step in group.steps:
            y = step.outputs[0]
            if is_scatter(step) and (target := scatter.target(self, step, group)):
                layouts[y] = target
            elif not is_scatter(step) and self.wanted(y, group):
                layouts[y] = self.layouts[y] = variables.in_place(self, y, group) or self.fresh(y)
        if group.made & layouts.keys():
            self.launch(group, layouts)

    def launch(self, group: Group, layouts: dict[Value, Layout]) -> None:
        """Run the kernel of a group."""
        self.run(emit(group, layouts, lambda v, size: self.scratch((size,), v.dtype)), layouts)

    def run(self, kernel: Kernel, layouts: dict[Value, Layout]) -> None:
        """Run a kernel, in parts if it is long; `layouts` says where what it folds lies."""
        count = 1 if self.parent else parts_of(kernel, kernel.extent)
        if count == 1:
            self.act(Launch(kernel, [kernel.words]))
        else:
            self._divide(kernel, count, layouts)

    def _divide(self, kernel: Kernel, count: int, layouts: dict[Value, Layout]) -> None:
        """Launch a kernel in parts, and fold what each of them folded."""
        own, folds = self.own_places(kernel, count, layouts)
        bounds = [kernel.extent * i // count for i in range(count + 1)]
        self.act(Launch(kernel, [part(kernel, bounds[i : i + 2], own, i) for i in range(count)]))
        for several, place, y in folds:
            self.launch(folding(kernel.folds[y], several, y), {several: place, y: layouts[y]})

    def own_places(self, kernel: Kernel, count: int, layouts: dict[Value, Layout]) -> tuple[dict, list]:
        """Places of their own for parts of a kernel, by the id of a buffer that they cannot share; and what
        is folded in parts, with all its parts and their place.
        """
        own: dict[int, Layout] = {}
        for layout in kernel.scratch:
            own[id(layout.buffer)] = self.scratch((count, *layout.shape), layout.buffer.dtype)
        folds = []
        for y in kernel.partial:
            several = Value(Spec((count, *(y.shape or ())), y.dtype))
            own[id(layouts[y].buffer)] = place = self.scratch(several.shape or (), y.dtype)
            folds.append((several, place, y))
        return own, folds

    def act(self, action: Any) -> None:
        self.made.actions.append(action)

    def copy(self, x: Value, target: Layout) -> None:
        """Write `x` to `target`."""
        y = Value(x.spec)
        layouts = {y: target} if splat(x) else {x: self.layout(x), y: target}
        self.launch(_copying(x, y), layouts)

    def ordered(self, x: Value) -> Layout:
        """Where the elements of `x` lie in order."""
        layout = self.layout(x)
        return layout if layout.contiguous else self.copied(x)

    def copied(self, x: Value, origin: str = "arena") -> Layout:
        """`x` once more, in order."""
        if origin == "arena":
            target = self.scratch(x.shape or (), x.dtype)
        else:
            target = dense(self.buffer(Value(x.spec), origin), x.shape or ())
        self.copy(x, target)
        return target

    # Single steps

    def _step(self, step: Step) -> None:
        name = step.op.name
        if name == "read_variable":
            variables.read(self, step)
        elif name == "assign_variable":
            variables.assign(self, step)
        elif isinstance(step.op.kernel, View) and self._view(step):
            return
        elif step.op is CHECK:
            check.plan(self, step)
        elif join.is_join(step, self.native):
            join.plan(self, step)
        elif products.is_product(step):
            products.plan(self, step)
        elif (kind := next((kind for kind in _KINDS if kind.is_native(step)), None)) is not None:
            kind.plan(self, step)
        elif name == "while_" and whole.is_scalar(step):
            control.plan_whole(self, step)
        elif name == "while_":
            control.plan_loop(self, step)
        elif name == "cond":
            control.plan_branch(self, step)
        else:
            self.python(step, lambda inputs, outputs: Call(step, inputs, outputs))

    def _view(self, step: Step) -> bool:
        x, y = step.inputs[0], step.outputs[0]
        if not x.static:
            return False
        source = self.layout(x)
        found = viewed(step, source)
        if found is None and not source.contiguous:
            found = viewed(step, self.copied(x))
        if found is None:
            return False
        self.layouts[y] = found
        return True

    def use(self, threads: int) -> None:
        """Let the products that follow run on so many threads."""
        if threads != self.threads and (kernel := products.told(threads)) is not None:
            self.threads = threads
            self.act(Launch(kernel, [kernel.words]))

    def launched(self, kernel: Kernel, check: Any = None) -> Launch:
        return Launch(kernel, [kernel.words], check)

    def python(self, step: Step, action: Callable[[list, list], Any]) -> None:
        """A step that runs in Python, on arrays."""
        if self.parent:
            raise NotNative
        if acts(step):  # type: ignore[arg-type]
            variables.commit(self)
        self.use(self.usual)
        inputs = [x.constant if x.constant is not None else self.layout(x) for x in step.inputs]
        self.act(action(inputs, [self.result(y) for y in step.outputs]))

    def result(self, y: Value, origin: str = "result") -> Buffer:
        """The buffer of a value whose array is there only when it has been made."""
        buffer = self.buffer(y, origin)
        self.layouts[y] = laid(buffer, y)
        return buffer

    def _result(self, y: Value) -> Layout:
        """Where a result of the whole lies: in an array of its own, or in one that never changes."""
        layout = self.layout(y)
        if layout.buffer in self.own and not layout.shape:
            return layout
        if not layout.known or layout.buffer.origin in ("input", "output", "result", "rows", "constant"):
            return layout
        return self.copied(y, "output")

    def inner(self, program: Program) -> "Planner":
        """A planner of what runs as a part of this plan."""
        return Planner(program, self)

    def apart(self, program: Program) -> Plan:
        """The plan of a region that Python runs."""
        return plan_of(program)


def _reads(unit: Unit) -> Iterable[Value]:
    return [*unit.read, *unit.targets] if isinstance(unit, Group) else unit.inputs


def splat(x: Value) -> bool:
    """Whether a constant is one number over and over, which stands in a kernel as that number."""
    if x.constant is None:
        return False
    flat = np.asarray(x.constant).reshape(-1)
    return flat.size > 0 and bool((flat == flat[0]).all() or flat.size == 1)


def _copying(x: Value, y: Value) -> Group:
    axes = tuple(range(len(x.shape or ())))
    group = Group(list(x.shape or ()))
    group.steps, group.axes, group.made = [Step(o.identity, (x,), {}, (y,))], {x: axes, y: axes}, {y}
    return group
