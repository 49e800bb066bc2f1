"""The phases of a run: stretches that the machine runs in one go, and what runs in Python between them."""

from typing import Any

import numpy as np

from nbtape.compile.code.native import addresses
from nbtape.compile.planning import control
from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.compile.planning.plan import Call, Commit, Launch
from nbtape.compile.running import machine
from nbtape.compile.running.bind import NATIVE, Memory, Scope
from nbtape.core import source
from nbtape.core.crew import crew
from nbtape.core.engine import EagerTensor, apply
from nbtape.core.shape import Spec
from nbtape.graph.loops import stacked_arrays
from nbtape.ops.shape import ranked

_ROOM = 64  # rows that a loop first gets, when nobody knows how many it will make


def phases_of(host: Any) -> list[Any]:
    """What a host does in a run, in order."""
    phases: list[Any] = []
    stretch: list[Any] = []
    for action in [*host.plan.actions, None]:
        if type(action) in NATIVE and (type(action) is not Launch or len(action.parts) == 1):
            stretch.append(action)
            continue
        if stretch:
            phases.append(Stretch(host.memory, stretch))
            stretch = []
        if action is not None:
            phases.append(_PHASES[type(action)](host, action))
    return phases


class _Told:
    """Something that is told where the arrays of a call are."""

    def heed(self, memory: Memory, scope: Scope) -> None:
        """Note which arrays the words of `scope` point to."""
        self.slots = sorted({patch[0] for patch in scope.patches})
        self._ids = memory.ids

    def tell(self, arrays: list) -> None:
        """Say which objects these arrays are now."""
        ids = self._ids
        for k in self.slots:
            ids[k] = id(arrays[k])


class Stretch(_Told):
    """Kernels that run one after another, in one call of the machine."""

    def __init__(self, memory: Memory, actions: list[Any]):
        self.actions = actions
        self.scope = scope = Scope()
        self.steps = memory.steps(actions, scope)
        assert not scope.rows
        patching = [memory.patching(scope)] if scope.patches else []
        self.machine = machine.Program([*patching, *self.steps])
        self.heed(memory, scope)

    def __call__(self, arrays: list) -> None:
        self.tell(arrays)
        self.run()

    def run(self) -> None:
        """Run, or go on after a stop; where a check stopped it, raise what is wrong."""
        self.stopped(self.machine.enter(self.machine.place))

    def stopped(self, stop: int) -> None:
        """What is left to do where the machine did not come to its end."""
        stop = self.machine.resumed(stop)
        if stop in self.scope.checks:
            check, table = self.scope.checks[stop]
            try:
                check.fail(table)
            except Exception:
                self.machine.reset()
                raise


class _Shared(_Told):
    """A kernel in parts, which threads take one after another."""

    def __init__(self, host: Any, launch: Launch):
        memory, self.actions = host.memory, [launch]
        (entry,) = addresses([launch.kernel.text])
        scope = Scope()
        self.words = [memory.bound(words, scope) for words in launch.parts]
        self.parts = np.array([(entry, words.ctypes.data) for words in self.words])
        self.native = machine.shared()
        self.patch = machine.Program([memory.patching(scope)])
        self.heed(memory, scope)

    def __call__(self, arrays: list) -> None:
        self.tell(arrays)
        self.patch.run()
        crew().share(self.native, self.parts)


class _Growth:
    """A loop whose rows are counted as it runs: where they fill their room, they get twice as much."""

    def __init__(self, host: Any, action: control.Growing):
        memory: Memory = host.memory
        self.memory, self.action, self.actions = memory, action, [action]
        self.stretch = Stretch(memory, [action.action])
        (self.step,) = self.stretch.steps
        self.table = memory.tables[-1] if self.stretch.scope.patches else None
        self.rows = [(memory.slots[b], b, shape) for b, shape in action.rows]
        self.length = None if action.length is None else memory.slots[action.length]
        self.room = _ROOM

    def __call__(self, arrays: list) -> None:
        trips = None if self.length is None else len(arrays[self.length])
        room = self.room if trips is None else trips
        for slot, buffer, shape in self.rows:
            arrays[slot] = np.empty((room, *shape), buffer.dtype)
        self._begin(trips, room)
        self._set_out(trips)
        self.stretch(arrays)
        while trips is None and self._stopped():
            room = self._grow(arrays, room)
            self.stretch.run()
        if trips is None:
            self.room = max(_ROOM, self._done())
            for slot, _, _ in self.rows:
                arrays[slot] = arrays[slot][: self._done()]

    @property
    def _words(self) -> np.ndarray:
        return self.step.words if isinstance(self.step, machine.Step) else self.step[1]

    def _begin(self, trips: int | None, room: int) -> None:
        """Say how often the loop may run."""
        if isinstance(self.step, machine.Loop):
            self._words[2], self._words[3] = (-1, room) if trips is None else (trips, -1)
            return
        names = [word.name for word in self.action.action.kernel.words]
        self._words[names.index("n" if trips is not None else "room")] = room
        if self.action.count is not None:
            start = self.memory.plan.places[self.action.count.buffer]
            self.memory.arena[start : start + 8] = 0

    def _set_out(self, trips: int | None) -> None:
        """Let rows that are read from the end begin there."""
        for patch, stride in self.stretch.scope.backwards:
            k = next(i for i, p in enumerate(self.stretch.scope.patches) if p is patch)
            assert self.table is not None and trips is not None
            self.table[4 * k + 3] = patch[3] + max(trips - 1, 0) * stride

    def _stopped(self) -> bool:
        if isinstance(self.step, machine.Loop):
            return self._words[0] != 0
        return self.stretch.machine.words[0] != 0

    def _done(self) -> int:
        if isinstance(self.step, machine.Loop):
            return self.step.trips
        return int(self.memory.array(self.action.count, []))  # type: ignore[arg-type]

    def _grow(self, arrays: list, room: int) -> int:
        for slot, buffer, shape in self.rows:
            old = arrays[slot]
            new = arrays[slot] = np.empty((2 * room, *shape), buffer.dtype)
            new[:room] = old
            moved = new.ctypes.data - old.ctypes.data
            for table, k in self.stretch.scope.grown.get(buffer, ()):
                table[k] += moved
        self._begin_again(2 * room)
        return 2 * room

    def _begin_again(self, room: int) -> None:
        if isinstance(self.step, machine.Loop):
            self._words[3] = room
        else:
            names = [word.name for word in self.action.action.kernel.words]
            self._words[names.index("room")] = room


class _Python:
    """A step that runs as its row does."""

    def __init__(self, host: Any, action: Call):
        self.memory, self.step, self.inputs = host.memory, action.step, action.inputs
        self.actions = [action]
        self.slots = [self.memory.slots[b] for b in action.outputs]
        self.eager, self.attrs = action.step.op.eager, action.step.attrs

    def __call__(self, arrays: list) -> None:
        values = given(self.memory, self.inputs, arrays)
        try:
            found = self.eager(*values, **self.attrs)
        except Exception:
            found = self._explained(values)
        for slot, value in zip(self.slots, found if self.step.op.many else (found,)):
            if type(value) is np.ndarray and (value.base is not None or not value.flags.c_contiguous):
                value = value.copy()
            arrays[slot] = ranked(value)

    def _explained(self, values: list) -> Any:
        """The step once more, as a user's op at the line where he wrote it, which says what is wrong."""
        outer, source.told.place = source.told.place, self.step.place
        try:
            found = apply(self.step.op, *map(EagerTensor, values), **self.attrs)
        finally:
            source.told.place = outer
        return tuple([y._value for y in found]) if self.step.op.many else found._value


def given(memory: Memory, inputs: list, arrays: list) -> list:
    """The arrays of layouts, and constants as they are."""
    return [memory.array(x, arrays) if isinstance(x, Layout) else x for x in inputs]


class _Committing:
    """Give variables what was computed for them."""

    def __init__(self, host: Any, action: Commit):
        self.memory, self.variables, self.actions = host.memory, action.variables, [action]

    def __call__(self, arrays: list) -> None:
        for reference, layout in self.variables:
            reference.deref()._value = self.memory.array(layout, arrays)


class _Repeated:
    """A loop of Python, over hosts of its own."""

    def __init__(self, host: Any, action: control.Repeat):
        self.memory, self.action, self.actions = host.memory, action, [action]
        self.body = host.like(action.body)
        self.test = action.test and host.like(action.test)
        self.slots = [self.memory.slots[b] for b in action.outputs]

    def __call__(self, arrays: list) -> None:
        attrs = self.action.step.attrs
        first, last = attrs["carries"], attrs["carries"] + attrs["scanned"]
        values = given(self.memory, self.action.inputs, arrays)
        carry, streams, captured = values[:first], values[first:last], values[last:]
        trips = attrs.get("trips")
        if trips is None and streams:
            trips = len(streams[0])
        rows: list[list] = []
        while self._more(trips, len(rows), [*carry, *captured]):
            k = ~len(rows) if attrs["reverse"] else len(rows)
            found = self.body.run([*carry, *[x[k] for x in streams], *captured])
            carry = found[:first]
            rows.append(found[first:])
        if attrs["reverse"]:
            rows.reverse()
        stacks = self.action.step.outputs[first:]
        specs = [Spec((y.shape or ())[1:], y.dtype) for y in stacks]
        made = [
            stacked_arrays([row[i] for row in rows], s, i >= attrs["regular"]) for i, s in enumerate(specs)
        ]
        for slot, value in zip(self.slots, [*carry, *made]):
            arrays[slot] = value

    def _more(self, trips: int | None, done: int, values: list) -> bool:
        return done < trips if trips is not None else bool(self.test.run(values)[0])


class _Chosen:
    """A branch of Python, over hosts of its own."""

    def __init__(self, host: Any, action: control.Choose):
        self.memory, self.action, self.actions = host.memory, action, [action]
        self.branches = [host.like(plan) for plan in action.plans]
        self.slots = [self.memory.slots[b] for b in action.outputs]

    def __call__(self, arrays: list) -> None:
        choice, *values = given(self.memory, self.action.inputs, arrays)
        for slot, value in zip(self.slots, self.branches[bool(choice)].run(values)):
            arrays[slot] = value


_PHASES: dict[type, Any] = {
    Launch: _Shared,
    Call: _Python,
    Commit: _Committing,
    control.Growing: _Growth,
    control.Repeat: _Repeated,
    control.Choose: _Chosen,
}
