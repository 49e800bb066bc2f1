"""Text of kernels for a grid of threads: the loops of `emit.py`, shared out.

Blocks of threads share the outermost loop, and the threads of a block the innermost; a single loop they share
together. So threads that are neighbours read neighbours in memory. Where the inner loops are short a thread
does them alone. What each thread folded a block brings together in memory that its threads share, in the same
order at each run; what blocks folded lies in a place for each of them, for another kernel to fold.
"""

from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import Any

from nbtape.compile.emission.emit import Emitter
from nbtape.compile.emission.expression import combined
from nbtape.compile.emission.kernel import BLOCK, Kernel, Word
from nbtape.compile.fusion.group import Group
from nbtape.compile.planning.layout import Layout
from nbtape.graph.program import Step, Value

_INDENT = "    "
_WARP = 32  # threads that do the same at the same time
_SHORT = 16  # trips that a thread does alone rather than wait for others
_FEW = 256  # blocks; fewer do not keep a card busy
_IMPORT = "from nbtape.compile.device import cuda"
_PLACE = "lane, block, blocks = cuda.threadIdx.x, cuda.blockIdx.x, cuda.gridDim.x"


class Grid(Emitter):
    """Writes one kernel for blocks of `lanes` threads, a power of two."""

    alone = False
    crowded = True
    most_again = 16  # steps; to keep a row takes memory further away than the row itself

    def __init__(
        self, group: Group, layouts: dict[Value, Layout], spill: Callable[[Value, int], Layout], lanes: int
    ):
        super().__init__(group, layouts, spill)
        self.lanes = lanes if self.sizes else 1
        self.shared = len(self.nest) - 1
        self.rooms: list[str] = []  # the lines that ask for memory that threads share

    def share(self, lanes: int, d: int) -> None:
        """Let so many threads share loop d."""
        self.lanes, self.shared = lanes, d

    @property
    def separable(self) -> bool:
        """Whether threads may share the outermost loop: no results of one are folded by several in memory."""
        for y, axes in self.group.folded.items():
            loops = [k for k, run in enumerate(self.nest) if axes & set(run)]
            if 0 in loops and loops != list(range(self.depth(self.maker[y].inputs[0]))):
                return False
        return True

    def is_cheap(self, step: Step) -> bool:
        return True

    # Loops

    def trips(self, d: int) -> str:
        first, last = ("begin", "end") if d == 0 else ("0", f"n{d}")
        lane, lanes = self._lanes(d)
        if d == 0:
            return f"range({_sum(first, f'block * {lanes}', lane)}, {last}, blocks * {lanes})"
        return f"range({_sum(first, lane)}, {last}, {lanes})"

    def _lanes(self, d: int) -> tuple[str, int]:
        """Where a thread of a block begins in loop d, and how many of them share it."""
        return ("lane", self.lanes) if d == self.shared else ("", 1)

    def _loop(self, stage: int, d: int, inner: list[str]) -> list[str]:
        """Loop d, of which each thread does its share; in pieces, where something is done for each."""
        before, after = [self.lines.get((stage, d + 0.5, late), []) for late in (False, True)]
        inner = [_INDENT + line for line in inner]
        if not before and not after:
            return [f"for i{d} in {self.trips(d)}:", *inner]
        lane, lanes = self._lanes(d)
        first, last, step = "0", f"n{d}", str(BLOCK)
        if d == 0:
            first, last, step = f"begin + block * {BLOCK}", "end", f"blocks * {BLOCK}"
        trips = f"range({_sum(f'b{d}', lane)}, min(b{d} + {BLOCK}, {last}), {lanes})"
        piece = [*before, f"for i{d} in {trips}:", *inner, *after]
        return [f"for b{d} in range({first}, {last}, {step}):", *[_INDENT + line for line in piece]]

    def gather(self, total: str, step: str, dtype: Any, stage: int, first: int, depth: int) -> None:
        if self.lanes == 1 or not first <= self.shared < depth:  # then all threads have folded the same
            return
        room = self.new("r")
        self.rooms.append(f"{room} = cuda.shared.array({self.lanes}, np.{_spelled(dtype)})")
        text, called = combined(step, dtype, acc=f"{room}[lane]", x=f"{room}[lane + width]")
        self.imports |= called
        for line in (
            f"{room}[lane] = {total}",
            "cuda.syncthreads()",
            f"width = {self.lanes // 2}",
            "while width:",
            f"{_INDENT}if lane < width:",
            f"{_INDENT * 2}{room}[lane] = {text}",
            f"{_INDENT}cuda.syncthreads()",
            f"{_INDENT}width //= 2",
            f"{total} = {room}[0]",
            "cuda.syncthreads()",
        ):
            self.put(line, stage, first, after=True)

    def once(self, lines: list[str], depth: int) -> list[str]:
        if self.shared < depth:  # each thread has elements of its own
            return lines
        return ["if lane == 0:", *[_INDENT + line for line in lines]]

    # Arrays

    def element(self, v: Value, depth: int, *more: str) -> str:
        """An element of an array; of what each block has for itself, of this block's."""
        layout: Layout = self.layouts[v]
        if self.sizes and (v in self.partial or any(layout.buffer is own.buffer for own in self.scratch)):
            name = self.argument("y" if v in self.maker else "x", layout, self.strides[v])
            more = (f"block * {self.stride(name, 'own', prod(layout.shape))}", *more)
        return super().element(v, depth, *more)

    # The text

    def _text(self, body: list[str], words: list[Word]) -> str:
        signature = ", ".join(f'{w.name}: "{w.kind}"' for w in words)
        head = [f'"""{self._title()}"""', "import math", "", "import numpy as np", "", _IMPORT]
        head += [*(self._imports() if self.imports else ()), "", "", f"def kernel({signature}):"]
        inner = [*([_PLACE] if self.sizes else ()), *self.rooms, *(body or ["pass"])]
        return "\n".join([*head, *[_INDENT + line for line in inner]]) + "\n"


def emit(
    group: Group, layouts: dict[Value, Layout], spill: Callable[[Value, int], Layout], lanes: int
) -> tuple[Kernel, int, bool]:
    """The kernel of a group, how many threads a block of it has, and whether they share the outermost loop.
    What it scatters is combined as threads come.
    """
    grid = Grid(group, layouts, spill, lanes)
    if grid.lanes > 1 and len(grid.sizes) > 1:
        outer, inner, last = grid.sizes[0], prod(grid.sizes[1:]), grid.sizes[-1]
        if inner <= _SHORT and outer >= lanes and grid.separable:
            alone = Grid(group, layouts, _refused, lanes)
            alone.share(lanes, 0)
            with suppress(_Spilled):
                return alone.kernel(), lanes, True
        grid.share(_width(outer, last, lanes), grid.shared)
    return grid.kernel(), grid.lanes, grid.shared == 0


class _Spilled(Exception):
    """A thread would need memory of its own."""


def _refused(v: Value, size: int) -> Layout:
    raise _Spilled


def _width(rows: int, n: int, lanes: int) -> int:
    """How many threads share a loop of n trips in each of the rows: as many as it has trips, of a warp at
    least; and more than usual, where there are too few rows for many blocks.
    """
    most = 8 * lanes if rows < _FEW and n >= 64 * lanes else lanes
    return min(most, max(1 << (n - 1).bit_length(), min(_WARP, lanes)))


def _sum(*terms: str) -> str:
    return " + ".join([term for term in terms if term not in ("", "0")]) or "0"


def _spelled(dtype: Any) -> str:
    return "bool_" if str(dtype) == "bool" else str(dtype)
