"""A plan made ready to run on a card, with its kernels loaded.

A call takes the values to the card where they are not there yet, takes memory for what it makes, writes the
addresses of all of these into the words of its kernels, and launches them on the card's one stream, without
waiting. The arena is taken from the pool for the call alone: as calls follow each other on the stream, all
functions share that memory.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from nbtape.compile.card import blas, cards, control
from nbtape.compile.card.actions import Gemm, Launch, Settle
from nbtape.compile.card.control import needed_of, rows_of
from nbtape.compile.card.pool import allocate
from nbtape.compile.card.stretch import Stretch
from nbtape.compile.card.transfer import to_host
from nbtape.compile.planning.actions import Commit, Plan
from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.core.memory import CardArray, alongside, on_card, on_host
from nbtape.state.writes import writing

_BYTE = np.dtype(np.uint8)


class CardHost:
    """Runs a plan on a card: `run(values)` gives CardArrays, and changes the variables.

    `captured` are the last inputs, always the same.
    """

    def __init__(self, plan: Plan, captured: Sequence[Any] = (), card: int = 0):
        self.plan, self.card = plan, cards.card(card)
        self._rows = rows_of(plan)
        self.slots = {buffer: k for k, buffer in enumerate([*plan.buffers, *self._rows])}
        self.arena = len(self.slots)  # the slot of the arena
        self.needed = needed_of(plan)
        self._lock = threading.RLock()  # one call at a time fills in the words, and those inside of it
        self._fixed = [self._constant(b) for b in plan.buffers]
        self._inputs = [k for b, k in self.slots.items() if b.origin == "input"]
        for k, value in zip(self._inputs[len(self._inputs) - len(captured) :], captured):
            self._fixed[k] = self.moved(value)
        del self._inputs[len(self._inputs) - len(captured) :]
        self._outputs = [(k, b) for b, k in self.slots.items() if b.origin == "output"]
        variables = [(k, b.source.deref()) for b, k in self.slots.items() if b.origin == "variable"]
        self._variables = [(k, v, any(v is w for w in plan.written)) for k, v in variables]
        self._results = [self.slots[y.buffer] if self._is_all(y) else y for y in plan.outputs]
        self._writing = writing(plan.written)
        self.phases = self.phases_of(plan.actions)

    def run(self, values: Sequence[Any]) -> list[CardArray]:
        """What the plan gives for these values, CardArrays or arrays of the computer."""
        with self._lock, self._writing:
            self.card.enter()
            arrays = [*self._fixed, *[None] * len(self._rows), None]
            if self.plan.arena:
                arrays[-1] = self.room((self.plan.arena,), _BYTE)
            for k, value in zip(self._inputs, values, strict=True):
                arrays[k] = self.moved(value)
            for k, variable, written in self._variables:
                arrays[k] = self._owned(variable) if written else self.moved(variable._value)
            for k, buffer in self._outputs:
                arrays[k] = self.room(buffer.shape or (), buffer.dtype)
            for phase in self.phases:
                phase(arrays)
            for k, variable, written in self._variables:
                if written and type(variable._value) is not CardArray:
                    variable._value = on_host(arrays[k])
            return [arrays[y] if isinstance(y, int) else self.array(y, arrays) for y in self._results]

    def like(self, plan: Plan) -> "CardHost":
        """A host for a region of this one's plan."""
        return CardHost(plan, (), self.card.number)

    def phases_of(self, actions: Sequence[Any]) -> list[Callable[[list], None]]:
        """What runs, in order: stretches, which end where the host has something to do or to look at."""
        return list(self._phases(actions))

    def _phases(self, actions: Sequence[Any]) -> Iterator[Any]:
        launches: list[Launch] = []
        for action in [*actions, None]:
            if isinstance(action, Launch):
                launches.append(action)
                continue
            if isinstance(action, Settle) and not any(launch.check for launch in launches):
                continue
            if launches:
                yield Stretch(self, launches)
                launches = []
            if action is not None and not isinstance(action, Settle):
                yield PHASES[type(action)](self, action)

    def _constant(self, buffer: Buffer) -> CardArray | None:
        """What a plan knows of a buffer before it runs, of the shape that it has there."""
        if buffer.origin != "constant":
            return None
        return self.moved(buffer.source.reshape(buffer.shape or ()))

    def array(self, layout: Layout, arrays: list) -> CardArray:
        """The value of a layout among the arrays of a call; a copy of what lies in the arena."""
        if not layout.known:
            return arrays[self.slots[layout.buffer]]
        assert layout.contiguous, layout
        k, offset = self.place(layout)
        dtype, held = layout.buffer.dtype, arrays[k]
        if k != self.arena:
            return CardArray(layout.shape, dtype, held.block, held.offset + offset)
        copy = self.room(layout.shape, dtype)
        self.card.copy(address(copy), address(held) + offset, copy.nbytes)
        return copy

    def _is_all(self, layout: Layout) -> bool:
        """Whether a layout is all of an array that a call has, and no view of it."""
        return layout.buffer in self.slots and (
            not layout.known or layout.whole and layout.shape == layout.buffer.shape
        )

    def read(self, layout: Layout, arrays: list) -> np.ndarray:
        """The value of a layout among the arrays of a call, in the computer's memory."""
        k, offset = self.place(layout)
        held = arrays[k]
        return to_host(CardArray(layout.shape, layout.buffer.dtype, held.block, held.offset + offset))

    def place(self, layout: Layout) -> tuple[int, int]:
        """The slot that a layout lies in, and at which byte it begins there."""
        offset = layout.offset * layout.buffer.dtype.itemsize
        if (slot := self.slots.get(layout.buffer)) is not None:
            return slot, offset
        return self.arena, self.plan.places[layout.buffer] + offset

    def moved(self, value: Any) -> Any:
        """A value on the card; texts and objects stay where they are."""
        return value if value.dtype.hasobject else on_card(value, self.card.number)

    def room(self, shape: tuple, dtype: np.dtype) -> CardArray:
        """Memory for an array that is made in this call."""
        array = CardArray(shape, dtype, None)
        array.block = allocate(self.card.number, array.nbytes)
        return array

    def _owned(self, variable: Any) -> CardArray:
        """The value of a variable, to be written in place: a copy where somebody else holds it too, or where
        it is not on the card.
        """
        if type(variable._value) is not CardArray:
            return self.moved(variable._value)
        alone = getrefcount(variable._value) <= _ALONE
        value = self.moved(variable._value)
        if not alone or getrefcount(value.block) > _ALONE:
            copy = self.room(value.shape, value.dtype)
            self.card.copy(address(copy), address(value), value.nbytes)
            value = variable._value = copy
        return value


def address(array: CardArray) -> int:
    """Where an array begins, in its card's memory."""
    return array.block.address + array.offset


def _committing(host: CardHost, action: Commit) -> Callable[[list], None]:
    """Give variables what was computed for them, on the devices where they are."""

    def commit(arrays: list) -> None:
        for reference, layout in action.variables:
            variable = reference.deref()
            variable._value = alongside(host.array(layout, arrays), variable._value)

    return commit


# What the host does for actions that are no launches: (host, action) -> a function of a call's arrays.
PHASES: dict[type, Callable[[CardHost, Any], Callable[[list], None]]] = {
    Commit: _committing,
    Gemm: blas.multiplying,
    **control.PHASES,
}


class _Alone:
    """An object whose attribute is the only holder of a value, to learn how this Python counts that."""

    def __init__(self):
        self.value = CardArray((), _BYTE, None)


_alone = _Alone()
_ALONE = getrefcount(_alone.value)
