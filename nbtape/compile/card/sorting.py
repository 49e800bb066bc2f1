"""Sorts, and the largest elements, along an axis, on a card.

A block puts a tile of a row in order in memory that its threads share, by a bitonic network. Long rows are
sorted by merging such tiles, each element finding its place in the other run by bisection; of what holds the
few largest each tile keeps as many, until one tile is left. Where an element was breaks ties, so that the
result is the one that there is.
"""

from math import prod
from typing import Any

import numpy as np

from nbtape.compile.fusion.group import NATIVE
from nbtape.compile.planning.layout import Layout
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
        outer, e = row // inner, row % inner
        for k in range(lane, {tile}, lanes):
            place = {place} if first + k < m else n
            places[k] = place
            if place < n:
                keys[k] = x[(outer * n + place) * inner + e]
        cuda.syncthreads()
        size = 2
        while size <= {tile}:
            half = size // 2
            while half:
                for pair in range(lane, {tile} // 2, lanes):
                    i = 2 * pair - pair % half
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
            there = (outer * count + first + k) * inner + e
            {write}
        cuda.syncthreads()
'''

MERGE = '''"""Merge runs of rows that are in order, two by two."""
from nbtape.compile.device import cuda
from nbtape.kernels.sorting import comes


def kernel({arguments}):
    for item in range(cuda.grid(1), rows * n, cuda.gridsize(1)):
        row, k = item // n, item % n
        outer, e = row // inner, row % inner
        place = room[(outer * n + k) * inner + e]
        key = x[(outer * n + place) * inner + e]
        first = k // (2 * width) * 2 * width
        middle = min(first + width, n)
        low = middle if k < middle else first
        high = min(low + width, n) if k < middle else middle
        while low < high:
            half = (low + high) // 2
            other = room[(outer * n + half) * inner + e]
            if comes(x[(outer * n + other) * inner + e], other, key, place, n, {descending}):
                low = half + 1
            else:
                high = half
        k += low - middle
        if k < count:
            there = (outer * count + k) * inner + e
            {write}
'''


def is_native(step: Step) -> bool:
    """Whether a step sorts, and has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op not in (o.sort, o.argsort, o.top_k) or not all(v.static and v.dtype in NATIVE for v in values):
        return False
    x = step.inputs[0]
    return all(prod(sizes(v)) for v in values) and x.dtype.kind != "b" and max(sizes(x)) < 2**31


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a sort."""
    x, axis = step.inputs[0], step.attrs.get("axis", -1)
    outputs = zip(step.outputs, ("index",) if step.op is o.argsort else ("y", "index"))
    targets = {name: planner.fresh(y) for y, name in outputs}
    descending = step.op is o.top_k or step.attrs["descending"]
    sort(planner, planner.ordered(x), axis, sizes(step.outputs[0])[axis], descending, targets)


def sort(
    planner: Any, x: Layout, axis: int, count: int, descending: bool, targets: dict[str, Layout]
) -> None:
    """Write the first `count` elements along an axis of `x`, once it is in order, and where they were, to the
    targets "y" and "index".
    """
    _Sort(planner, x, axis, descending).run(count, targets)


class _Sort:
    def __init__(self, planner: Any, x: Layout, axis: int, descending: bool):
        self.planner, self.x, self.tile = planner, x, _EACH * planner.lanes
        axis %= len(x.shape)
        self.outer, self.n, self.inner = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
        self.fields: dict[str, Any] = {"descending": descending, "dtype": x.buffer.dtype}

    def run(self, count: int, targets: dict[str, Layout]) -> None:
        few = 2 * count <= self.tile
        m, room = self.n, None
        while m > self.tile and (few or room is None):
            tiles = -(-m // self.tile)
            kept = tiles * count if few else m
            after = self._room(kept)
            self._tiles(m, room, count if few else self.tile, kept, {"room": after})
            m, room = kept, after
        if few or m <= self.tile:
            self._tiles(m, room, count, count, targets)
        else:
            self._merges(room, count, targets)

    def _room(self, count: int) -> Layout:
        return self.planner.scratch((self.outer, count, self.inner), PLACE)

    def _tiles(self, m: int, room: Layout | None, keep: int, count: int, targets: dict[str, Layout]) -> None:
        """Sort tiles of m elements that `room` names, of the whole row without it."""
        given = {} if room is None else {"given": room}
        place = "first + k" if room is None else "given[(outer * m + first + k) * inner + e]"
        fields = {"tile": self.tile, "place": place}
        numbers = {"m": m, "keep": keep, "count": count}
        self._act(TILES, numbers, given, targets, fields, self.outer * self.inner * -(-m // self.tile))

    def _merges(self, room: Layout | None, count: int, targets: dict[str, Layout]) -> None:
        """Merge runs until there is one in each row."""
        width, items = self.tile, self.outer * self.n * self.inner
        while width < self.n:
            last = 2 * width >= self.n
            after = targets if last else {"after": self._room(self.n)}
            told = {"width": width, "count": count if last else self.n}
            self._act(MERGE, told, {"room": room}, after, {}, -(-items // self.planner.lanes))
            room, width = after.get("after"), 2 * width

    def _act(
        self, text: str, told: dict[str, int], given: dict, targets: dict, fields: dict, blocks: int
    ) -> None:
        words = numbers(rows=self.outer * self.inner, n=self.n, inner=self.inner, **told)
        layouts = {"x": self.x, **given, **targets}
        words += [address(name, layout) for name, layout in layouts.items()]
        element = "x[(outer * n + place) * inner + e]"
        write = [f"{name}[there] = {element if name == 'y' else 'place'}" for name in targets]
        kernel = kernel_of(text, words, {**self.fields, **fields, "write": write}, extent=1)
        self.planner.grid(kernel, blocks)
