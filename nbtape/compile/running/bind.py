"""A plan's actions bound to memory: tables of words for the machine.

Addresses in the arena are written once. Those of arrays that come with a call are written by the machine
itself, at the start of each stretch, from the ids of the NumPy objects; those of rows move from trip to trip.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbtape.compile.code.native import addresses
from nbtape.compile.emission.emit import Word
from nbtape.compile.planning import control
from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.compile.planning.plan import Launch, Plan
from nbtape.compile.running import machine
from nbtape.kernels.cpu.arrays import DATA
from nbtape.ops.shape import ranked

# Write this call's addresses into the words of the kernels. For each: which object, whether it is a scalar,
# which word, and the byte in the array.
PATCH = f'''"""Tell kernels where the arrays of this call are."""
from nbtape.kernels.machine import at


def kernel(count: "int64", table: "int64*", objects: "int64*"):
    for k in range(count):
        data = objects[table[4 * k]] + {DATA}
        if table[4 * k + 1] == 0:
            data = at(data)[0]
        at(table[4 * k + 2])[0] = data + table[4 * k + 3]
'''


@dataclass(eq=False, slots=True)
class Scope:
    """Words that cannot be filled in once and for all."""

    patches: list[list] = field(default_factory=list)  # slot, whether a scalar, address of the word, offset
    rows: dict[Buffer, list[tuple]] = field(default_factory=dict)  # table, word, offset: for each row buffer
    grown: dict[Buffer, list[tuple]] = field(default_factory=dict)  # table, word: in buffers that grow
    checks: dict[int, tuple] = field(default_factory=dict)  # check and table, by the table's address
    backwards: list[tuple[list, int]] = field(
        default_factory=list
    )  # patches of rows from the end, and strides


class Memory:
    """The memory that a plan works in: an arena of its own, and slots for the arrays of each call."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.slots = {buffer: k for k, buffer in enumerate(plan.buffers)}
        self.objects = np.zeros(max(len(self.slots), 1), np.int64)
        self.ids = memoryview(self.objects)  # pyright: ignore[reportArgumentType] an array has a buffer
        self.arena = _aligned(plan.arena)
        self.tables: list[np.ndarray] = []  # which the machine reads, and which live as long

    def steps(self, actions: Sequence[Any], scope: Scope) -> list[Any]:
        """Actions as steps of the machine."""
        return [NATIVE[type(action)](self, action, scope) for action in actions]

    def bound(self, words: list[Word], scope: Scope) -> np.ndarray:
        """The table of a kernel's arguments."""
        table = machine.words(*[0] * len(words))
        for k, word in enumerate(words):
            if word.layout is None:
                table[k : k + 1].view(word.kind)[0] = word.value
            else:
                self.locate(word.layout, table, k, scope)
        return table

    def locate(self, layout: Layout, table: np.ndarray, k: int, scope: Scope, extra: int = 0) -> None:
        """Let word k of a table be the address of a layout: now, in each call, or in each trip of a loop."""
        buffer = layout.buffer
        offset = layout.offset * buffer.dtype.itemsize + extra
        if buffer.origin == "row":
            scope.rows.setdefault(buffer, []).append((table, k, offset))
            return
        slot = self.slots.get(buffer)
        if slot is None:
            table[k] = self.address(layout) + extra
            return
        scope.patches.append([slot, buffer.scalar, table.ctypes.data + 8 * k, offset])
        if buffer.origin == "rows":
            scope.grown.setdefault(buffer, []).append((table, k))

    def address(self, layout: Layout) -> int:
        """Where in the arena a layout begins."""
        start = self.plan.places[layout.buffer] + layout.offset * layout.buffer.dtype.itemsize
        return self.arena.ctypes.data + start

    def patching(self, scope: Scope) -> tuple[int, np.ndarray]:
        """The step that writes the addresses of a call's arrays where kernels look for them."""
        table = np.array(scope.patches, np.int64).reshape(-1)
        self.tables.append(table)
        (entry,) = addresses([PATCH])
        return entry, machine.words(len(scope.patches), table.ctypes.data, self.objects.ctypes.data)

    def array(self, layout: Layout, arrays: list) -> Any:
        """The NumPy array of a layout (a scalar for rank 0) among the arrays of a call."""
        slot = self.slots.get(layout.buffer)
        if slot is not None:
            return self.view(layout, arrays[slot])
        start = self.plan.places[layout.buffer]
        flat = self.arena[start : start + layout.buffer.bytes].view(layout.buffer.dtype)
        return self.view(layout, flat)

    def view(self, layout: Layout, array: Any) -> Any:
        """The same, of the array that its buffer is."""
        if not layout.known or array.dtype != layout.buffer.dtype:  # rows of several shapes are objects
            return array
        if layout.shape and layout.whole and array.shape == layout.shape:
            return array
        flat = array.reshape(-1)
        if not layout.shape:
            return ranked(flat[layout.offset : layout.offset + 1].reshape(()))
        if layout.whole:
            return flat.reshape(layout.shape)
        strides = [s * layout.buffer.dtype.itemsize for s in layout.strides]
        return np.lib.stride_tricks.as_strided(flat[layout.offset :], layout.shape, strides)


def _aligned(size: int) -> np.ndarray:
    """`size` bytes that begin a cache line."""
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]


def _launched(memory: Memory, launch: Launch, scope: Scope) -> tuple[int, np.ndarray]:
    (entry,) = addresses([launch.kernel.text])
    table = memory.bound(launch.parts[0], scope)
    if launch.check is not None:
        scope.checks[table.ctypes.data] = launch.check, table
    return entry, table


def _looped(memory: Memory, action: control.Loop, scope: Scope) -> machine.Loop:
    body = machine.Program(memory.steps(action.body, scope))
    test = None if action.test is None else machine.Program(memory.steps(action.test, scope))
    moves, starts = [], []
    for buffer in action.rows:
        rows = buffer.source
        stride = rows.layout.strides[0] * rows.layout.buffer.dtype.itemsize
        for table, k, offset in scope.rows.pop(buffer, ()):
            moves.append((table, k, -stride if rows.reverse else stride, 0))
            starts.append((rows, stride, offset))
    verdict = 0 if action.verdict is None else memory.address(action.verdict)
    loop = machine.Loop(body, test, verdict, action.limit, moves=moves)
    for j, (rows, stride, offset) in enumerate(starts):
        last = rows.reverse and action.limit > 0
        extra = offset + (action.limit - 1) * stride * last
        memory.locate(rows.layout, loop.words, loop.start(j), scope, extra)
        if rows.reverse and action.limit < 0:
            scope.backwards.append((scope.patches[-1], stride))
        if rows.layout.buffer.origin == "rows":
            scope.grown[rows.layout.buffer].append(moves[j][:2])
    return loop


def _branched(memory: Memory, action: control.Branch, scope: Scope) -> machine.Branch:
    branch = machine.Branch(0, [machine.Program(memory.steps(p, scope)) for p in action.programs])
    memory.locate(action.choice, branch.words, 1, scope)
    return branch


NATIVE: dict[type, Any] = {Launch: _launched, control.Loop: _looped, control.Branch: _branched}
