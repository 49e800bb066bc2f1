"""A plan made ready to run: memory for it, its kernels loaded, and the few Python steps around them.

What was planned is bound to memory once. A call only tells the machine where this call's arrays are, runs
each stretch of kernels in one go, and wraps what came out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbtape.compile import control, machine
from nbtape.compile.crew import crew
from nbtape.compile.emit import Word
from nbtape.compile.layout import Buffer, Layout
from nbtape.compile.machine import words as table_of
from nbtape.compile.native import addresses
from nbtape.compile.plan import Call, Commit, Launch, Plan
from nbtape.core import source
from nbtape.core.engine import EagerTensor, apply
from nbtape.core.errors import invalid
from nbtape.core.shape import bracket
from nbtape.graph.program import Value
from nbtape.state.writes import exclusive, writing

_DATA = object.__basicsize__  # where a NumPy array keeps its address, and a NumPy scalar its number

# Write this call's addresses into the words of the kernels. For each: which object, whether it is a scalar,
# which word, and the byte in the array.
PATCH = f'''"""Tell kernels where the arrays of this call are."""
from nbtape.kernels.machine import at


def kernel(count: "int64", table: "int64*", objects: "int64*"):
    for k in range(count):
        data = objects[table[4 * k]] + {_DATA}
        if table[4 * k + 1] == 0:
            data = at(data)[0]
        at(table[4 * k + 2])[0] = data + table[4 * k + 3]
'''


class Host:
    """Runs a plan: `run(arrays)` takes NumPy arrays, gives arrays, and changes the variables."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.slots = {buffer: k for k, buffer in enumerate(plan.buffers)}
        self.objects = np.zeros(max(len(self.slots), 1), np.int64)
        self.ids = memoryview(self.objects)  # pyright: ignore[reportArgumentType] an array has a buffer
        self.arena = _aligned(plan.arena)
        self.tables: list[np.ndarray] = []  # which the machine reads, and which live as long
        self.phases = self._phases()
        self.made = [(k, b) for b, k in self.slots.items() if b.origin == "output"]
        self.variables = [
            (k, variable := b.source.deref(), any(variable is v for v in plan.written))
            for b, k in self.slots.items()
            if b.origin == "variable"
        ]
        self.constants = [(k, b.source) for b, k in self.slots.items() if b.origin == "constant"]
        self.shapes = self._shapes()

    def _shapes(self) -> dict[int, tuple]:
        shapes = {}
        for layout in [*self.plan.outputs, *_committed(self.plan)]:
            if layout.buffer.origin == "output":
                shapes[self.slots[layout.buffer]] = layout.shape
        return shapes

    def _phases(self) -> list[Any]:
        """Stretches of kernels, and what runs in Python between them."""
        phases: list[Any] = []
        stretch: list[Any] = []
        for action in [*self.plan.actions, None]:
            if type(action) in _STEPS and (type(action) is not Launch or len(action.parts) == 1):
                stretch.append(action)
                continue
            if stretch:
                phases.append(_Stretch(self, stretch))
                stretch = []
            if action is not None:
                phases.append(_PHASES[type(action)](self, action))
        return phases

    def bound(self, words: list[Word], scope: "Scope") -> np.ndarray:
        """The table of a kernel's arguments."""
        table = table_of(*[0] * len(words))
        for k, word in enumerate(words):
            if word.layout is None:
                table[k : k + 1].view(word.kind)[0] = word.value
            else:
                self.locate(word.layout, table, k, scope)
        return table

    def locate(self, layout: Layout, table: np.ndarray, k: int, scope: "Scope", extra: int = 0) -> None:
        """Let word k of a table be the address of a layout: now, in each call, or in each trip of a loop."""
        buffer = layout.buffer
        offset = layout.offset * buffer.dtype.itemsize + extra
        if buffer.origin == "row":
            scope.rows.setdefault(buffer, []).append((table, k, offset))
        elif (slot := self.slots.get(buffer)) is None:
            table[k] = self.arena.ctypes.data + self.plan.places[buffer] + offset
        else:
            scope.patches.append((slot, buffer.scalar, table.ctypes.data + 8 * k, offset))

    def steps(self, actions: Sequence[Any], scope: "Scope") -> list[Any]:
        """Actions as steps of the machine."""
        return [_STEPS[type(action)](self, action, scope) for action in actions]

    def patching(self, patches: list[tuple]) -> tuple[int, np.ndarray]:
        """The step that writes the addresses of a call's arrays where kernels look for them."""
        table = np.array(patches, np.int64).reshape(-1)
        self.tables.append(table)
        (entry,) = addresses([PATCH])
        return entry, table_of(len(patches), table.ctypes.data, self.objects.ctypes.data)

    def run(self, given: Sequence[Any]) -> list[Any]:
        """The results for the arrays `given`, one for each input."""
        arrays: list[Any] = [None] * len(self.slots)
        for k, x in enumerate(given):
            arrays[k] = x if type(x) is not np.ndarray or x.flags.c_contiguous else np.ascontiguousarray(x)
        for k, array in self.constants:
            arrays[k] = array
        for k, buffer in self.made:
            arrays[k] = np.empty(buffer.size, buffer.dtype)
        with writing(self.plan.written):
            for k, variable, changed in self.variables:
                arrays[k] = exclusive(variable) if changed else _read(variable)
            for phase in self.phases:
                phase(arrays)
        return [self._result(layout, arrays) for layout in self.plan.outputs]

    def _result(self, layout: Layout, arrays: list) -> Any:
        return self.array(layout, arrays)

    def array(self, layout: Layout, arrays: list) -> Any:
        """The NumPy array of a layout (a scalar for rank 0)."""
        slot = self.slots.get(layout.buffer)
        if not layout.known:
            return arrays[slot]  # type: ignore[index]
        if slot is None:
            start = self.plan.places[layout.buffer]
            flat = self.arena[start : start + layout.buffer.bytes].view(layout.buffer.dtype)
        else:
            flat = arrays[slot]
            if layout.buffer.origin in ("input", "result", "variable", "constant") and (
                type(flat) is not np.ndarray or flat.shape == layout.shape or flat.dtype == object
            ):
                return flat
            flat = flat.reshape(-1)
        if not layout.shape:
            return flat[layout.offset]
        if layout.whole:
            return flat.reshape(layout.shape)
        size = layout.buffer.dtype.itemsize
        strides = [s * size for s in layout.strides]
        return np.lib.stride_tricks.as_strided(flat[layout.offset :], layout.shape, strides)


def _aligned(size: int) -> np.ndarray:
    """`size` bytes that begin a cache line."""
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]


def _committed(plan: Plan) -> list[Layout]:
    return [layout for a in plan.actions if isinstance(a, Commit) for _, layout in a.variables]


def _read(variable: Any) -> Any:
    value = variable._value
    return value if type(value) is not np.ndarray or value.flags.c_contiguous else np.ascontiguousarray(value)


@dataclass(eq=False, slots=True)
class Scope:
    """Words that cannot be filled in once and for all."""

    patches: list[tuple] = field(default_factory=list)  # slot, whether a scalar, address of the word, offset
    rows: dict[Buffer, list[tuple]] = field(default_factory=dict)  # table, word, offset: for each row buffer


def _launched(host: Host, launch: Launch, scope: Scope) -> tuple[int, np.ndarray]:
    (entry,) = addresses([launch.kernel.text])
    return entry, host.bound(launch.parts[0], scope)


def _looped(host: Host, action: control.Loop, scope: Scope) -> machine.Loop:
    body = machine.Program(host.steps(action.body, scope))
    test = None if action.test is None else machine.Program(host.steps(action.test, scope))
    moves, starts = [], []
    for buffer in action.rows:
        layout, reverse = buffer.source.layout, buffer.source.reverse
        stride = layout.strides[0] * layout.buffer.dtype.itemsize
        for table, k, offset in scope.rows.pop(buffer, ()):
            moves.append((table, k, -stride if reverse else stride, 0))
            starts.append((layout, offset + (action.limit - 1) * stride * reverse))
    verdict = 0
    if action.verdict is not None:
        verdict = host.arena.ctypes.data + host.plan.places[action.verdict.buffer]
    loop = machine.Loop(body, test, verdict, action.limit, moves=moves)
    for j, (layout, extra) in enumerate(starts):
        host.locate(layout, loop.words, loop.start(j), scope, extra)
    return loop


def _branched(host: Host, action: control.Branch, scope: Scope) -> machine.Branch:
    branch = machine.Branch(0, [machine.Program(host.steps(p, scope)) for p in action.programs])
    host.locate(action.choice, branch.words, 1, scope)
    return branch


_STEPS: dict[type, Any] = {Launch: _launched, control.Loop: _looped, control.Branch: _branched}


class _Stretch:
    """Kernels that run one after another, in one call of the machine."""

    def __init__(self, host: Host, actions: list[Any]):
        scope = Scope()
        steps = host.steps(actions, scope)
        assert not scope.rows
        self.machine = machine.Program([host.patching(scope.patches), *steps])
        self.slots = sorted({patch[0] for patch in scope.patches})
        self.ids = host.ids

    def __call__(self, arrays: list) -> None:
        ids = self.ids
        for k in self.slots:
            ids[k] = id(arrays[k])
        self.machine.run()


class _Shared:
    """A kernel in parts, which threads take one after another."""

    def __init__(self, host: Host, launch: Launch):
        (entry,) = addresses([launch.kernel.text])
        scope = Scope()
        self.parts = [machine.Program([(entry, host.bound(words, scope))]) for words in launch.parts]
        self.patch = machine.Program([host.patching(scope.patches)])
        self.slots = sorted({patch[0] for patch in scope.patches})
        self.ids = host.ids

    def __call__(self, arrays: list) -> None:
        ids = self.ids
        for k in self.slots:
            ids[k] = id(arrays[k])
        self.patch.run()
        crew().run([part.run for part in self.parts])


class _Python:
    """A step that runs as its row does."""

    def __init__(self, host: Host, action: Call):
        self.host, self.step, self.inputs = host, action.step, action.inputs
        self.slots = [host.slots[b] for b in action.outputs]
        self.eager, self.attrs = action.step.op.eager, action.step.attrs

    def __call__(self, arrays: list) -> None:
        host = self.host
        values = [host.array(x, arrays) if isinstance(x, Layout) else x for x in self.inputs]
        try:
            found = self.eager(*values, **self.attrs)
        except Exception:
            found = self._explained(values)
        for slot, value in zip(self.slots, found if self.step.op.many else (found,)):
            if type(value) is np.ndarray and (value.base is not None or not value.flags.c_contiguous):
                value = value.copy()
            arrays[slot] = value[()] if type(value) is np.ndarray and not value.ndim else value

    def _explained(self, values: list) -> Any:
        """The step once more, as a user's op at the line where he wrote it, which says what is wrong."""
        outer, source.told.place = source.told.place, self.step.place
        try:
            found = apply(self.step.op, *map(EagerTensor, values), **self.attrs)
        finally:
            source.told.place = outer
        return tuple([y._value for y in found]) if self.step.op.many else found._value


class _Committing:
    """Give variables what was computed for them."""

    def __init__(self, host: Host, action: Commit):
        self.host, self.variables = host, action.variables

    def __call__(self, arrays: list) -> None:
        for reference, layout in self.variables:
            reference.deref()._value = self.host.array(layout, arrays)


class _Repeated:
    """A loop of Python, over hosts of its own."""

    def __init__(self, host: Host, action: control.Repeat):
        self.host, self.action = host, action
        self.body = Host(action.body)
        self.test = action.test and Host(action.test)
        self.slots = [host.slots[b] for b in action.outputs]

    def __call__(self, arrays: list) -> None:
        attrs = self.action.step.attrs
        carries, scanned, reverse = attrs["carries"], attrs["scanned"], attrs["reverse"]
        given = [self.host.array(x, arrays) if isinstance(x, Layout) else x for x in self.action.inputs]
        carry, streams, captured = (
            given[:carries],
            given[carries : carries + scanned],
            given[carries + scanned :],
        )
        trips = attrs.get("trips") if attrs.get("trips") is not None or not scanned else len(streams[0])
        rows: list[list] = []
        while self._more(trips, len(rows), [*carry, *captured]):
            k = ~len(rows) if reverse else len(rows)
            found = self.body.run([*carry, *[x[k] for x in streams], *captured])
            carry = found[:carries]
            rows.append(found[carries:])
        outputs = self.action.step.outputs
        stacked = [
            _stacked([row[i] for row in (rows[::-1] if reverse else rows)], y, i < attrs["regular"])
            for i, y in enumerate(outputs[carries:])
        ]
        for slot, value in zip(self.slots, [*carry, *stacked]):
            arrays[slot] = value

    def _more(self, trips: int | None, done: int, given: list) -> bool:
        if trips is not None:
            return done < trips
        return bool(self.test.run(given)[0])


def _stacked(rows: list, y: Value, regular: bool) -> Any:
    """Rows as one array; those that only a gradient asks for may be of several shapes."""
    shapes = {np.shape(row): None for row in rows}
    if len(shapes) == 1:
        return np.stack(rows)
    if not rows:
        return np.zeros((0, *[n or 0 for n in (y.shape or ())[1:]]), y.dtype)
    if regular:
        first, second = [bracket(shape) for shape in shapes][:2]
        raise invalid(f"PartialTensorShape: Incompatible shapes during merge: {first} vs. {second}")
    ragged = np.empty(len(rows), object)
    ragged[:] = rows
    return ragged


class _Chosen:
    """A branch of Python, over hosts of its own."""

    def __init__(self, host: Host, action: control.Choose):
        self.host, self.action = host, action
        self.branches = [Host(plan) for plan in action.plans]
        self.slots = [host.slots[b] for b in action.outputs]

    def __call__(self, arrays: list) -> None:
        choice, *given = [
            self.host.array(x, arrays) if isinstance(x, Layout) else x for x in self.action.inputs
        ]
        for slot, value in zip(self.slots, self.branches[bool(choice)].run(given)):
            arrays[slot] = value


_PHASES: dict[type, Any] = {
    Launch: _Shared,
    Call: _Python,
    Commit: _Committing,
    control.Repeat: _Repeated,
    control.Choose: _Chosen,
}
