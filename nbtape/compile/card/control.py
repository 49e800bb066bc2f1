"""Loops and branches of a plan on a card, which the host steers.

Of a loop whose test is worked out on the card the host looks at the verdict after each trip, or, where its
kernels can see themselves that it is over, now and then. Rows that a loop goes through or stacks are views of
the arrays that they belong to, another one in each trip.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nbtape.compile.card import calls
from nbtape.compile.card.actions import Gemm, Guarded, Late, Launch
from nbtape.compile.card.calls import given
from nbtape.compile.planning import control
from nbtape.compile.planning.actions import Commit, Plan
from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.core.memory import CardArray, on_host
from nbtape.core.shape import Spec
from nbtape.graph.loops import stacked_arrays

_TRIPS = 32  # of a loop, at most, between two looks at its test
_ROOM = 64  # rows that a loop first gets, when nobody knows how many it will make


def walk(actions: Sequence[Any]) -> Iterator[Any]:
    """Actions, and those inside of them that the same host runs."""
    for action in actions:
        yield action
        match action:
            case control.Growing():
                yield from walk([action.action])
            case control.Loop():
                yield from walk([*(action.test or ()), *action.body])
            case control.Branch():
                yield from walk([a for program in action.programs for a in program])


def launches(plan: Plan) -> Iterator[Launch]:
    """The launches of a plan and of those that it runs as its regions."""
    for action in walk(plan.actions):
        match action:
            case Launch():
                yield action
            case control.Repeat():
                yield from launches(action.body)
                yield from launches(action.test) if action.test else ()
            case control.Choose():
                for branch in action.plans:
                    yield from launches(branch)


def rows_of(plan: Plan) -> list[Buffer]:
    """The rows that loops of a plan move on, each of which has a slot."""
    return [row for action in walk(plan.actions) if isinstance(action, control.Loop) for row in action.rows]


# Loops


class _Loop:
    """A loop: a number of trips, or as many as its test holds, but no more than there is room for."""

    def __init__(self, host: Any, action: control.Loop):
        self.host, self.limit, self.verdict = host, action.limit, action.verdict
        self.body, self.test = host.phases_of(action.body), host.phases_of(action.test or ())
        self.rows = []
        for row in action.rows:
            slot, offset = host.place(row.source.layout)
            stride = row.source.layout.strides[0] * row.dtype.itemsize
            self.rows.append((host.slots[row], slot, offset, stride, row.source.reverse))

    def __call__(self, arrays: list) -> None:
        self.run(arrays, 0, self.limit)

    def run(self, arrays: list, first: int, limit: int) -> tuple[int, bool]:
        """Do trips from `first` on while there are more; how many are done then, and whether it is over."""
        trip = first
        while trip != limit:
            if not self._holds(arrays):
                return trip, True
            for slot, of, offset, stride, reverse in self.rows:
                k = limit - 1 - trip if reverse else trip
                whole = arrays[of]
                arrays[slot] = CardArray((), whole.dtype, whole.block, whole.offset + offset + k * stride)
            for phase in self.body:
                phase(arrays)
            trip += 1
        return trip, False

    def _holds(self, arrays: list) -> bool:
        if self.verdict is None:
            return True
        for phase in self.test:
            phase(arrays)
        return bool(self.host.read(self.verdict, arrays))


class _Guarded(_Loop):
    """A loop of which the host asks for more and more trips at once."""

    def __call__(self, arrays: list) -> None:
        goes, trips = self._holds(arrays), 1
        while goes:
            for _ in range(trips):
                for phase in self.body:
                    phase(arrays)
            goes, trips = bool(self.host.read(self.verdict, arrays)), min(2 * trips, _TRIPS)


class _Growth:
    """A loop whose rows are counted as it runs: where they fill their room, they get twice as much."""

    def __init__(self, host: Any, action: control.Growing):
        self.host, self.loop = host, _Loop(host, action.action)
        self.rows = [(host.slots[b], b, shape) for b, shape in action.rows]
        self.length = None if action.length is None else host.slots[action.length]
        self.room = _ROOM

    def __call__(self, arrays: list) -> None:
        trips = None if self.length is None else len(arrays[self.length])
        room = self.room if trips is None else trips
        for slot, buffer, shape in self.rows:
            arrays[slot] = self.host.room((room, *shape), buffer.dtype)
        done, over = self.loop.run(arrays, 0, room)
        while trips is None and not over:
            room *= 2
            for slot, buffer, shape in self.rows:
                arrays[slot] = self._grown(arrays[slot], (room, *shape), buffer.dtype)
            done, over = self.loop.run(arrays, done, room)
        self.room = max(_ROOM, done)
        for slot, buffer, shape in self.rows:
            arrays[slot] = CardArray((done, *shape), buffer.dtype, arrays[slot].block)

    def _grown(self, old: CardArray, shape: tuple, dtype: np.dtype) -> CardArray:
        new = self.host.room(shape, dtype)
        self.host.card.copy(new.block.address, old.block.address, old.nbytes)
        return new


class _Branch:
    """One of several lists of actions, which a truth on the card chooses."""

    def __init__(self, host: Any, action: control.Branch):
        self.host, self.choice = host, action.choice
        self.branches = [host.phases_of(program) for program in action.programs]

    def __call__(self, arrays: list) -> None:
        for phase in self.branches[bool(self.host.read(self.choice, arrays))]:
            phase(arrays)


# Regions that run as plans of their own, since their sizes come out only then, or the host does steps of them


class _Repeated:
    def __init__(self, host: Any, action: control.Repeat):
        self.host, self.action = host, action
        self.body = host.like(action.body)
        self.test = action.test and host.like(action.test)
        self.slots = [host.slots[b] for b in action.outputs]

    def __call__(self, arrays: list) -> None:
        attrs = self.action.step.attrs
        first, last = attrs["carries"], attrs["carries"] + attrs["scanned"]
        values = [given(self.host, x, arrays) for x in self.action.inputs]
        carry, streams, captured = values[:first], values[first:last], values[last:]
        trips = attrs.get("trips")
        if trips is None and streams:
            trips = len(streams[0])
        rows: list[list] = []
        while self._more(trips, len(rows), [*carry, *captured]):
            k = ~len(rows) if attrs["reverse"] else len(rows)
            found = self.body.run([*carry, *[_row(x, k) for x in streams], *captured])
            carry = found[:first]
            rows.append(found[first:])
        if attrs["reverse"]:
            rows.reverse()
        for i, y in enumerate(self.action.step.outputs[first:]):
            spec = Spec((y.shape or ())[1:], y.dtype)
            carry.append(_stacked(self.host, [row[i] for row in rows], spec, i >= attrs["regular"]))
        for slot, value in zip(self.slots, carry):
            arrays[slot] = self.host.moved(value)

    def _more(self, trips: int | None, done: int, values: list) -> bool:
        return done < trips if trips is not None else bool(self.test.run(values)[0])


def _row(x: Any, k: int) -> Any:
    """Row k of a value, of the last ones where k is negative."""
    if type(x) is not CardArray:
        return x[k]
    row = CardArray(x.shape[1:], x.dtype, x.block)
    row.offset = x.offset + (k % x.shape[0]) * row.nbytes
    return row


def _stacked(host: Any, rows: list, spec: Spec, ragged: bool) -> Any:
    """Rows as one array, on the card where they have one shape."""
    if not rows or any(type(row) is not CardArray or row.shape != rows[0].shape for row in rows):
        return stacked_arrays([on_host(row) for row in rows], spec, ragged)
    whole = host.room((len(rows), *rows[0].shape), rows[0].dtype)
    for k, row in enumerate(rows):
        here = _row(whole, k)
        host.card.copy(here.block.address + here.offset, row.block.address + row.offset, row.nbytes)
    return whole


class _Chosen:
    def __init__(self, host: Any, action: control.Choose):
        self.host, self.action = host, action
        self.branches = [host.like(plan) for plan in action.plans]
        self.slots = [host.slots[b] for b in action.outputs]

    def __call__(self, arrays: list) -> None:
        choice, *values = [given(self.host, x, arrays) for x in self.action.inputs]
        for slot, value in zip(self.slots, self.branches[bool(choice)].run(values)):
            arrays[slot] = value


def needed_of(plan: Plan) -> set[Buffer]:
    """The buffers that a plan needs on the card: all but those that only steps of the host read."""
    found = {y.buffer for y in plan.outputs}
    for action in walk(plan.actions):
        match action:
            case Launch():
                found |= {word.layout.buffer for word in action.words if word.layout is not None}
            case Gemm():
                found |= {x.buffer for x in (action.a, action.b, action.y)}
            case control.Repeat() | control.Choose() | Late():
                found |= {x.buffer for x in action.inputs if isinstance(x, Layout)}
            case Commit():
                found |= {layout.buffer for _, layout in action.variables}
            case control.Growing():
                found |= {action.length} if action.length else set()
            case control.Branch():
                found.add(action.choice.buffer)
    return found


PHASES: dict[type, Callable[[Any, Any], Callable[[list], None]]] = {
    control.Loop: _Loop,
    Guarded: _Guarded,
    control.Growing: _Growth,
    control.Branch: _Branch,
    control.Repeat: _Repeated,
    control.Choose: _Chosen,
    **calls.PHASES,
}
