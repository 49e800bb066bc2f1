"""A plan: the units of a program in order, where each value lies, and which kernel or call each unit is.

Everything here follows from the program and its sizes; nothing is allocated and nothing compiled yet. Values
that no later unit reads never get a place. What is read from a variable lies in the variable, and what is
assigned to it is written there where no one needs the old value any more.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.emission.emit import Kernel, Word, emit
from nbtape.compile.fusion.access import CHECK, is_scatter
from nbtape.compile.fusion.fuse import Group, Unit, units_of
from nbtape.compile.planning import (
    check,
    control,
    convolution,
    join,
    pooling,
    scatter,
    whole,
)
from nbtape.compile.planning.divide import folding, part, parts_of
from nbtape.compile.planning.layout import Buffer, Layout, dense, laid, viewed
from nbtape.compile.planning.products import is_product, matrix, product, shares, told
from nbtape.core.engine import o
from nbtape.core.kernel import View
from nbtape.core.shape import Spec
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts
from nbtape.ops.blas import thread_count

_ROWS = 32  # of a product, at least, in each of its parts
ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass(eq=False, slots=True)
class Launch:
    """A kernel that runs: once, or, where there is much to do, in parts that threads share, each with its
    own arguments.
    """

    kernel: Kernel
    parts: list[list[Word]]
    check: Any = None  # where it may stop its program: `check.fail(words)` says why


@dataclass(eq=False, slots=True)
class Call:
    """A step that runs as its row does, on arrays: `inputs` are layouts and constants, `outputs` buffers."""

    step: Step
    inputs: list[Any]
    outputs: list[Buffer]


@dataclass(eq=False, slots=True)
class Commit:
    """Variables are given new arrays, each with the layout of its new value."""

    variables: list[tuple[Any, Layout]]


@dataclass(slots=True)
class Plan:
    """What runs, in order, and what the arena of intermediate values needs."""

    program: Program
    actions: list[Any] = field(default_factory=list)
    outputs: list[Layout] = field(default_factory=list)
    written: list[Any] = field(default_factory=list)  # the variables that are changed in place
    buffers: list[Buffer] = field(default_factory=list)  # those that are not in the arena
    places: dict[Buffer, int] = field(
        default_factory=dict
    )  # the byte in the arena at which each other begins
    arena: int = 0


def plan_of(program: Program) -> Plan:
    """The plan of a program."""
    return Planner(program).plan()


class Planner:
    """Plans one program; `parent` plans the program whose loop or branch it is, if it is one."""

    def __init__(self, program: Program, parent: "Planner | None" = None):
        self.program, self.parent = program, parent
        self.root: Planner = parent.root if parent else self
        self.units = units_of(program)
        self.layouts: dict[Value, Layout] = {}
        self.made = Plan(program)
        self.now = 0
        self.arena: list[Buffer] = []
        self.own: set[Buffer] = set()  # the same, to look up
        self.blocks: list[tuple[Buffer, dict[Buffer, int]]] = []  # the arenas of regions
        self.variables: dict[int, Buffer] = {}  # by serial number
        self.current: dict[int, Value] = {}  # what each variable holds, once it was assigned
        self.pending: dict[int, tuple[Any, Layout]] = {}  # assignments that are still to be committed
        self.goals: dict[Value, Layout] = {}  # where values belong, if what is there now may go
        self.placed: dict[Value, Layout] = {}  # where values belong
        self.parts = join.parts_of(self.units)  # what is made in its place in another value
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
            self.layouts[x] = laid(self._buffer(x, "input", i), x)
        self._walk()
        self.made.outputs = [self._result(y) for y in self.program.outputs]
        self._use(self.usual)
        self._commit()
        self._place()
        return self.made

    def _walk(self) -> None:
        for i, unit in enumerate(self.units):
            self.now = i
            if isinstance(unit, Group):
                self._group(unit)
            else:
                self._step(unit)
        self.now = len(self.units)

    # Buffers and layouts

    def _buffer(self, v: Value, origin: str, source: Any = None) -> Buffer:
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
            self.layouts[v] = dense(self._buffer(v, "constant", array), v.shape or ())
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
            found = dense(self._buffer(v, "output"), v.shape or ())
        else:
            found = v in self.parts and join.place(self, v) or self.scratch(v.shape or (), v.dtype)
        self.layouts[v] = found
        return found

    def wanted(self, y: Value, unit: Unit | None = None) -> bool:
        """Whether anybody beside `unit` reads `y`."""
        end = len(self.units)  # where the outputs of a region are read
        readers = self.readers.get(y, ())
        return y in self.returned or any(i == end or self.units[i] is not unit for i in readers)

    def _place(self) -> None:
        """Give each buffer of the arena its bytes: the first that are free while it is in use."""
        taken = np.zeros((len(self.arena), 4), np.int64)  # the first and last unit of each, begin and end
        for k, buffer in enumerate(sorted(self.arena, key=lambda b: (-b.bytes, b.first))):
            others = taken[:k][(taken[:k, 0] <= buffer.last) & (taken[:k, 1] >= buffer.first)]
            begins, ends = others[np.argsort(others[:, 2]), 2:].T
            starts = np.maximum.accumulate(np.append(0, ends))  # after each that begins earlier
            gaps = np.flatnonzero(begins - starts[:-1] >= buffer.bytes)
            start = int(starts[gaps[0] if len(gaps) else -1])
            end = start + -(-max(buffer.bytes, 1) // ALIGNMENT) * ALIGNMENT
            taken[k] = buffer.first, buffer.last, start, end
            self.made.places[buffer] = start
            self.made.arena = max(self.made.arena, end)
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
                layouts[y] = self.layouts[y] = self._in_place(y, group) or self.fresh(y)
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
        own: dict[int, Layout] = {}  # by the id of a buffer that parts cannot share
        for layout in kernel.scratch:
            own[id(layout.buffer)] = self.scratch((count, *layout.shape), layout.buffer.dtype)
        folds = []
        for y in kernel.partial:
            several = Value(Spec((count, *(y.shape or ())), y.dtype))
            own[id(layouts[y].buffer)] = place = self.scratch(several.shape or (), y.dtype)
            folds.append((several, place, y))
        bounds = [kernel.extent * i // count for i in range(count + 1)]
        self.act(Launch(kernel, [part(kernel, bounds[i : i + 2], own, i) for i in range(count)]))
        for several, place, y in folds:
            self.launch(folding(kernel, several, y), {several: place, y: layouts[y]})

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
            target = dense(self._buffer(Value(x.spec), origin), x.shape or ())
        self.copy(x, target)
        return target

    def _in_place(self, y: Value, group: Group) -> Layout | None:
        """Where `y` belongs, a variable or a carry, if nobody reads what is there now any more, or elsewhere
        than at the element that is written.
        """
        place = self.goal(y)
        if place is None or y in group.folded or group.axes[y] != tuple(range(len(group.domain))):
            return None
        for x, layout in self.layouts.items():
            if layout.buffer is not place.buffer:
                continue
            if any(i > self.now for i in self.readers.get(x, ())) or x in self.returned:
                return None
            if x in group.axes and (layout != place or group.axes[x] != group.axes[y]):
                return None
            if x in group.sources or x in group.targets:
                return None
        if place.buffer.origin == "variable":
            self.made.written.append(place.buffer.source.deref())
        return place

    def goal(self, y: Value) -> Layout | None:
        """Where `y` belongs, if what is there now may go."""
        return self.goals.get(y) or self._home(y)

    def _home(self, y: Value) -> Layout | None:
        """The variable that `y` is assigned to and that holds its old value until then."""
        if y not in self.kept or y in self.returned or not y.shape:
            return None
        steps = [s for s in self.program.steps if s.op is o.assign_variable or s.op is o.read_variable]
        assigned = [s for s in steps if s.op is o.assign_variable and s.inputs[0] is y]
        if len(assigned) != 1:
            return None
        reference = assigned[0].attrs["variable"]
        others = [
            s
            for s in steps
            if s is not assigned[0]
            and (s.op is o.assign_variable or s.outputs[0] not in self.layouts)
            and s.attrs["variable"].deref() is reference.deref()
        ]
        return None if others else dense(self.variable(reference, y), y.shape)

    def variable(self, reference: Any, v: Value) -> Buffer:
        serial = reference.deref()._serial
        if serial not in self.variables:
            self.variables[serial] = self._buffer(v, "variable", reference)
        return self.variables[serial]

    # Single steps

    def _step(self, step: Step) -> None:
        name = step.op.name
        if name == "read_variable":
            self._read(step)
        elif name == "assign_variable":
            self._assign(step)
        elif isinstance(step.op.kernel, View) and self._view(step):
            return
        elif step.op is CHECK:
            check.plan(self, step)
        elif join.is_join(step):
            join.plan(self, step)
        elif is_product(step):
            self._product(step)
        elif convolution.is_native(step):
            convolution.plan(self, step)
        elif pooling.is_native(step):
            pooling.plan(self, step)
        elif name == "while_" and whole.is_scalar(step):
            control.plan_whole(self, step)
        elif name == "while_":
            control.plan_loop(self, step)
        elif name == "cond":
            control.plan_branch(self, step)
        else:
            self.python(step, lambda inputs, outputs: Call(step, inputs, outputs))

    def _read(self, step: Step) -> None:
        y, reference = step.outputs[0], step.attrs["variable"]
        serial = reference.deref()._serial
        if serial in self.current:
            self.layouts[y] = self.layout(self.current[serial])
        else:
            self.layouts[y] = laid(self.variable(reference, y), y)

    def _assign(self, step: Step) -> None:
        (x,), reference = step.inputs, step.attrs["variable"]
        serial = reference.deref()._serial
        layout = self.layout(x)
        self.current[serial] = x
        if layout.buffer is self.variables.get(serial) and layout.whole:
            return  # written in place
        shared = (
            x in self.returned
            and bool(x.shape)
            or any(y.buffer is layout.buffer for _, y in self.pending.values())
        )
        if layout.known and (layout.buffer.origin not in ("output", "result") or not layout.whole or shared):
            layout = self.copied(x, "output")
        self.pending[serial] = reference, layout

    def _commit(self) -> None:
        if self.pending:
            self.act(Commit(list(self.pending.values())))
            self.pending = {}

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

    def _product(self, step: Step) -> None:
        a, b = [x if matrix(x) else self.copied(v) for v in step.inputs for x in [self.layout(v)]]
        y = self.fresh(step.outputs[0])
        kernel = product(step, a, b, y)
        self._use(1)
        rows, *columns = y.shape
        alone = self.parent or len(columns) > 1
        count = 1 if alone else parts_of(kernel, rows // _ROWS)
        self.act(Launch(kernel, [kernel.words] if count == 1 else shares(step, a, b, y, count)))

    def _use(self, threads: int) -> None:
        """Let the products that follow run on so many threads."""
        if threads != self.threads and (kernel := told(threads)) is not None:
            self.threads = threads
            self.act(Launch(kernel, [kernel.words]))

    def launched(self, kernel: Kernel, check: Any = None) -> Launch:
        return Launch(kernel, [kernel.words], check)

    def python(self, step: Step, action: Callable[[list, list], Any]) -> None:
        """A step that runs in Python, on arrays."""
        if self.parent:
            raise control.NotNative
        if acts(step):  # type: ignore[arg-type]
            self._commit()
        self._use(self.usual)
        inputs = [x.constant if x.constant is not None else self.layout(x) for x in step.inputs]
        self.act(action(inputs, [self.result(y) for y in step.outputs]))

    def result(self, y: Value, origin: str = "result") -> Buffer:
        """The buffer of a value whose array is there only when it has been made."""
        buffer = self._buffer(y, origin)
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

    # Regions

    def apart(self, program: Program) -> Plan:
        """The plan of a region that Python runs."""
        return plan_of(program)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What is planned in this block is forgotten if it raises."""
        made, root = self.made, self.root.made
        before = len(made.actions), len(self.arena), len(self.blocks), len(root.buffers)
        layouts, threads = dict(self.layouts), self.threads
        try:
            yield
        except control.NotNative:
            del made.actions[before[0] :], self.arena[before[1] :], self.blocks[before[2] :]
            del root.buffers[before[3] :]
            self.layouts, self.threads = layouts, threads
            raise

    def region(
        self,
        program: Program,
        given: Sequence[Layout],
        targets: Sequence[Layout | None],
        states: Sequence[Layout],
    ) -> list[Any]:
        """The actions of a loop's body or a branch, whose inputs lie in `given` and whose outputs go to
        `targets`, of which the first are `states`, in which its first inputs lie too.
        """
        inner = Planner(program, self)
        inner.layouts = dict(zip(program.inputs, given))
        goals = list(zip(program.outputs, targets))
        for y, target in goals[len(states) :]:
            if target is not None and y not in program.inputs and y.constant is None:
                inner.placed.setdefault(y, target)
        for y, target in goals[: len(states)]:
            if y not in inner.placed and y not in inner.goals:
                inner.goals[y] = target  # type: ignore[assignment]
        inner.returned = set()
        inner._read_at_the_end()
        self._use(1)  # once, and not in each trip
        inner._walk()
        inner._use(1)
        inner._deliver(goals)
        inner._place()
        block = self.scratch((inner.made.arena,), np.dtype(np.uint8))
        self.blocks.append((block.buffer, inner.made.places))
        return inner.made.actions

    def _read_at_the_end(self) -> None:
        """The outputs of a region are read when it is done."""
        for y in self.program.outputs:
            self.readers.setdefault(y, []).append(len(self.units))

    def _deliver(self, goals: list[tuple[Value, Layout | None]]) -> None:
        """Bring the outputs of a region to where they belong, as if all at once."""
        late = [(y, t) for y, t in goals if t is not None and self.layouts.get(y) != t]
        written = {id(t.buffer) for _, t in late}
        moved = []
        for y, target in late:
            if y.constant is None and id(self.layout(y).buffer) in written:
                spare = Value(y.spec)
                self.layouts[spare] = self.copied(y)
                y = spare
            moved.append((y, target))
        for y, target in moved:
            self.copy(y, target)


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
