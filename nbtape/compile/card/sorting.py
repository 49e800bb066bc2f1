"""Sorts, and the largest elements, along the last axis, on a card.

A block puts a tile of a row in order in memory that its threads share, by a bitonic network. Long rows are
sorted by merging such tiles, each element finding its place in the other run by bisection; of what holds the
few largest each tile keeps as many, until one tile is left. Where an element was breaks ties, so that the
result is the one that there is.
"""

from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card.narrow import KINDS
from nbtape.compile.emission.expression import computed
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.sorting import sorts
from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.core.engine import o
from nbtape.graph.program import Step

PLACE = np.dtype(np.int32)
_EACH = 8  # elements of a tile for each thread

TILES = '''"""Put tiles of rows in order, and keep the first elements of each."""
import numpy as np

from nbtape.compile.device import cuda
from nbtape.kernels.sorting import comes


def kernel({arguments}):
    keys = cuda.shared.array({tile}, np.{dtype})
    places = cuda.shared.array({tile}, np.int32)
    lane, lanes = cuda.threadIdx.x, cuda.blockDim.x
    tiles = (m + {tile} - 1) // {tile}
    for item in range(cuda.blockIdx.x, rows * tiles, cuda.gridDim.x):
        row, first = item // tiles, item % tiles * {tile}
        for k in range(lane, {tile}, lanes):
            place = {place} if first + k < m else n
            places[k] = place
            if place < n:
                keys[k] = x[row * n + place]
        cuda.syncthreads()
        size = 2
        while size <= {tile}:
            half = size // 2
            while half:
                for pair in range(lane, {tile} // 2, lanes):
                    i = 2 * pair - (pair & half - 1)
                    j = i + half
                    later = comes(keys[j], places[j], keys[i], places[i], n, {descending})
                    if later == (i & size == 0):
                        keys[i], keys[j] = keys[j], keys[i]
                        places[i], places[j] = places[j], places[i]
                cuda.syncthreads()
                half //= 2
            size *= 2
        first = item % tiles * keep
        for k in range(lane, min(keep, count - first), lanes):
            place = places[k]
            there = row * count + first + k
            {write}
        cuda.syncthreads()
'''

MERGE = '''"""Merge runs of rows that are in order, two by two."""
from nbtape.compile.device import cuda
from nbtape.kernels.sorting import comes


def kernel({arguments}):
    for item in range(cuda.grid(1), rows * n, cuda.gridsize(1)):
        row, k = item // n, item % n
        place = room[row * n + k]
        key = x[row * n + place]
        first = k // (2 * width) * 2 * width
        middle = min(first + width, n)
        low = middle if k < middle else first
        high = min(low + width, n) if k < middle else middle
        while low < high:
            half = (low + high) // 2
            other = room[row * n + half]
            if comes(x[row * n + other], other, key, place, n, {descending}):
                low = half + 1
            else:
                high = half
        k += low - middle
        if k < count:
            there = row * count + k
            {write}
'''


def is_native(step: Step) -> bool:
    """Whether a step sorts along the last axis, and has a kernel."""
    if not sorts(step, KINDS):
        return False
    (x,) = step.inputs
    return x.dtype.kind != "b" and sizes(x)[-1] < 2**31


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a sort."""
    outputs = zip(step.outputs, ("index",) if step.op is o.argsort else ("y", "index"))
    targets = {name: planner.fresh(y) for y, name in outputs}
    descending = step.op is o.top_k or step.attrs["descending"]
    sort(planner, planner.ordered(step.inputs[0]), sizes(step.outputs[0])[-1], descending, targets)


def sort(planner: Any, x: Layout, count: int, descending: bool, targets: dict[str, Layout]) -> None:
    """Write the first `count` elements of each row, once it is in order, and where they were, to the targets
    "y" and "index".
    """
    _Sort(planner, x, descending).run(count, targets)


class _Sort:
    def __init__(self, planner: Any, x: Layout, descending: bool):
        self.planner, self.x, self.tile = planner, x, _EACH * planner.lanes
        self.rows, self.n = prod(x.shape[:-1]), x.shape[-1]
        self.fields: dict[str, Any] = {"descending": descending, "dtype": computed(x.buffer.dtype)}

    def run(self, count: int, targets: dict[str, Layout]) -> None:
        few = 2 * count <= self.tile
        m, room = self.n, None
        while m > self.tile and (few or room is None):
            kept = -(-m // self.tile) * count if few else m
            after = self._room(kept)
            self._tiles(m, room, count if few else self.tile, kept, {"room": after})
            m, room = kept, after
        if m <= self.tile:
            self._tiles(m, room, count, count, targets)
        else:
            self._merges(room, count, targets)

    def _room(self, count: int) -> Layout:
        return self.planner.scratch((self.rows, count), PLACE)

    def _tiles(self, m: int, room: Layout | None, keep: int, count: int, targets: dict[str, Layout]) -> None:
        """Sort tiles of the m elements of each row that `room` names, or of all, and keep so many of each,
        `count` of a row.
        """
        given = {} if room is None else {"given": room}
        place = "first + k" if room is None else "given[row * m + first + k]"
        told = {"m": m, "keep": keep, "count": count}
        fields = {"tile": self.tile, "place": place}
        self._act(TILES, told, given, targets, fields, self.rows * -(-m // self.tile))

    def _merges(self, room: Layout | None, count: int, targets: dict[str, Layout]) -> None:
        """Merge runs until there is one in each row."""
        width = self.tile
        while width < self.n:
            last = 2 * width >= self.n
            after = targets if last else {"after": self._room(self.n)}
            told = {"width": width, "count": count if last else self.n}
            self._act(MERGE, told, {"room": room}, after, {}, -(-self.rows * self.n // self.planner.lanes))
            room, width = after.get("after"), 2 * width

    def _act(
        self, text: str, told: dict[str, int], given: dict, targets: dict, fields: dict, blocks: int
    ) -> None:
        layouts = {"x": self.x, **given, **targets}
        words = numbers(rows=self.rows, n=self.n, **told)
        words += [address(name, layout) for name, layout in layouts.items()]
        element = "x[row * n + place]"
        write = [f"{name}[there] = {element if name == 'y' else 'place'}" for name in targets]
        kernel = kernel_of(text, words, {**self.fields, **fields, "write": write}, extent=1)
        self.planner.grid(kernel, blocks)
