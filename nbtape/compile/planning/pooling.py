"""Pools: steps whose kernels walk windows over images, a few vectors of channels at a time."""

from collections.abc import Collection
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.tiles import tiles_over
from nbtape.compile.planning.windows import (
    Windows,
    address,
    kernel_of,
    numbers,
    sides,
    sizes,
    volume,
    windows_of,
)
from nbtape.core.engine import o
from nbtape.graph.program import Step, Value

NATIVE = frozenset("float32 float64 int32 int64 int16 int8 uint8 uint16".split())
_PACE = 0.15  # nanoseconds for an element, on one core

MAXIMUM = '''"""Find the maximum of each window, {columns} vectors of channels at a time."""
from nbtape.kernels.tile import beats, choose, counted, put, spread


def kernel({arguments}):
    for n in range(begin, end):
        for i in range(out_0):
            front, back = max(i * stride_0 - low_0, 0), min(i * stride_0 - low_0 + size_0, x_0)
            for j in range(out_1):
                top, bottom = max(j * stride_1 - low_1, 0), min(j * stride_1 - low_1 + size_1, x_1)
                for m in range(out_2):
                    left, right = max(m * stride_2 - low_2, 0), min(m * stride_2 - low_2 + size_2, x_2)
                    for block in range(blocks):
                        first = (((n * x_0 + front) * x_1 + top) * x_2 + left) * depth + block * {width}
                        best = spread(x, first, 1, {columns}, {lanes}, {left})
                        {start}
                        for d in range(front, back):
                            for h in range(top, bottom):
                                at = (((n * x_0 + d) * x_1 + h) * x_2 + left) * depth + block * {width}
                                for w in range(left, right):
                                    here = spread(x, at, 1, {columns}, {lanes}, {left})
                                    better = beats(here, best)
                                    best = choose(better, here, best)
                                    {keep}
                                    at += depth
                        to = (((n * out_0 + i) * out_1 + j) * out_2 + m) * depth + block * {width}
                        put(best, y, to, 0, {left})
                        {write}
'''

UNPOOL = '''"""Put numbers where the maxima of windows were that do not overlap, and zeros elsewhere."""
from nbtape.kernels.tile import choose, counted, equals, put, spread, zeros


def kernel({arguments}):
    for n in range(begin, end):
        {clear}
        for i in range(out_0):
            for j in range(out_1):
                for m in range(out_2):
                    for block in range(blocks):
                        of = (((n * out_0 + i) * out_1 + j) * out_2 + m) * depth + block * {width}
                        new = spread(g, of, 1, {columns}, {lanes}, {left})
                        place = spread(index, of, 1, {columns}, {lanes}, {left})
                        nothing = zeros(g, 1, {columns}, {lanes})
                        for a in range(i * size_0, (i + 1) * size_0):
                            for b in range(j * size_1, (j + 1) * size_1):
                                at = (((n * y_0 + a) * y_1 + b) * y_2 + m * size_2) * depth + block * {width}
                                for c in range(size_2):
                                    mine = equals(place, counted(new, index, at))
                                    put(choose(mine, new, nothing), y, at, 0, {left})
                                    at += depth
'''

SCATTER = '''"""Put numbers where the maxima of windows were, and zeros elsewhere."""


def kernel({arguments}):
    for n in range(begin, end):
        for e in range(n * size, (n + 1) * size):
            y[e] = 0
        for e in range(n * count, (n + 1) * count):
            y[index[e]] += g[e]
'''


def is_native(step: Step, native: Collection[str] = NATIVE) -> bool:
    """Whether a step is a pool of these dtypes, or undoes one, and has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op not in _PLANS or not all(v.static and 0 not in (v.shape or ()) for v in values):
        return False
    if str(step.inputs[0].dtype) not in native:
        return False
    return step.op is not o.max_pool or len(step.attrs["ksize"]) <= 3 and _all_inside(step)


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a pool."""
    _PLANS[step.op](planner, step)


def windows_in(step: Step) -> Windows:
    x, ksize = sizes(step.inputs[0]), step.attrs["ksize"]
    return windows_of(step.attrs, x[1:-1], ksize, sizes(step.outputs[0])[1:-1])


def _all_inside(step: Step) -> bool:
    """Whether each window has a place inside the image."""
    windows, inner = windows_in(step), sizes(step.inputs[0])[1:-1]
    dims = zip(windows.low, windows.size, windows.out, windows.stride, (1,) * (3 - len(inner)) + inner)
    return all(low < size and (out - 1) * stride - low < n for low, size, out, stride, n in dims)


def _maximum(planner: Any, step: Step) -> None:
    (x,), (y, index) = step.inputs, step.outputs
    windows, tiles = windows_in(step), tiles_over(1, sizes(x)[-1], x.dtype)
    image, target = volume(planner.ordered(x)), planner.fresh(y)
    words = [*numbers(begin=0, end=image.shape[0]), address("x", image), address("y", target)]
    words += numbers(depth=tiles.depth, blocks=tiles.blocks)
    fields: dict[str, Any] = {**tiles.told, "start": [], "keep": [], "write": []}
    if planner.wanted(index):
        words.append(address("index", _kept(planner, index, prod(image.shape))))
        fields["start"] = ["place = counted(best, index, first)"]
        fields["keep"] = ["place = choose(better, counted(best, index, at), place)"]
        fields["write"] = [f"put(place, index, to, 0, {tiles.told['left']})"]
    words += [
        *sides("x", *image.shape[1:4]),
        *sides("size", *windows.size),
        *sides("stride", *windows.stride),
    ]
    words += [*sides("low", *windows.low), *sides("out", *windows.out)]
    taps = prod(windows.size) * prod(sizes(y))
    planner.run(kernel_of(MAXIMUM, words, fields, **_told(image, target, taps)), {})


def _kept(planner: Any, index: Value, size: int) -> Layout:
    """Where places among `size` numbers go: half as many bytes do where no one else sees them."""
    readers = [planner.units[i] for i in planner.readers.get(index, ())]
    if index in planner.returned or size > 1 << 31 or any(not _undoes(unit) for unit in readers):
        return planner.fresh(index)
    planner.layouts[index] = planner.scratch(sizes(index), np.dtype(np.int32))
    return planner.layouts[index]


def _undoes(unit: Any) -> bool:
    return isinstance(unit, Step) and unit.op is o.unpool and is_native(unit)


def _unpool(planner: Any, step: Step) -> None:
    """The gradient of a maximum."""
    (g, index), (y,) = step.inputs[:2], step.outputs
    gradient, places = planner.ordered(g), planner.ordered(index)
    target = volume(planner.fresh(y))
    words = [*numbers(begin=0, end=target.shape[0]), address("g", gradient), address("index", places)]
    words.append(address("y", target))
    told = _told(gradient, target, prod(target.shape))
    pool = next((s for s in planner.program.steps if index in s.outputs and s.op is o.max_pool), None)
    if pool is None or not _apart(windows := windows_in(pool), target.shape[1:4]):
        words += numbers(count=prod(sizes(g)[1:]), size=prod(target.shape[1:]))
        planner.run(kernel_of(SCATTER, words, {}, **told), {})
        return
    words += [*sides("y", *target.shape[1:4]), *sides("size", *windows.size), *sides("out", *windows.out)]
    clear: list[str] = []
    if any(k * n < inner for k, n, inner in zip(windows.size, windows.out, target.shape[1:4])):
        words += numbers(total=prod(target.shape[1:]))
        clear = ["for e in range(n * total, (n + 1) * total):", "    y[e] = 0"]
    tiles = tiles_over(1, target.shape[4], g.dtype)
    words += numbers(depth=tiles.depth, blocks=tiles.blocks)
    planner.run(kernel_of(UNPOOL, words, {**tiles.told, "clear": clear}, **told), {})


def _apart(windows: Windows, inner: tuple) -> bool:
    """Whether windows lie side by side, and inside."""
    inside = all(k * n <= whole for k, n, whole in zip(windows.size, windows.out, inner))
    return windows.stride == windows.size and inside and not any(windows.low)


def _told(x: Layout, y: Layout, count: int) -> dict[str, Any]:
    moved = sum(prod(z.shape) * z.buffer.dtype.itemsize for z in (x, y))
    return {"extent": x.shape[0], "bytes": moved, "flops": count, "pace": _PACE}


_PLANS = {o.max_pool: _maximum, o.unpool: _unpool}
