"""Pools on a card, and their gradients: a thread for each number, of what a window gives or a place gets.

A gradient looks up the windows that a place is in, in order, rather than have them add to it as they come.
"""

from math import prod
from typing import Any

from nbtape.compile.emission.expression import computed
from nbtape.compile.emission.kernel import Word
from nbtape.compile.planning import averages, pooling
from nbtape.compile.planning.pooling import windows_in
from nbtape.compile.planning.windows import (
    Windows,
    address,
    kernel_of,
    lift,
    numbers,
    sides,
    sizes,
    windows_of,
)
from nbtape.core.engine import o
from nbtape.graph.program import Step, Value

_FLOATS = frozenset("float16 bfloat16 float32 float64".split())
_NATIVE = pooling.NATIVE | _FLOATS

WINDOWS = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda


def kernel({arguments}):
    for e in range(cuda.grid(1), count * depth, cuda.gridsize(1)):
        c, i = e % depth, e // depth
        first_2 = i % out_2 * stride_2 - low_2
        first_1 = i // out_2 % out_1 * stride_1 - low_1
        first_0 = i // (out_2 * out_1) % out_0 * stride_0 - low_0
        n = i // (out_2 * out_1 * out_0)
        front, back = max(first_0, 0), min(first_0 + size_0, x_0)
        top, bottom = max(first_1, 0), min(first_1 + size_1, x_1)
        left, right = max(first_2, 0), min(first_2 + size_2, x_2)
        {start}
        for a in range(front, back):
            for b in range(top, bottom):
                for d in range(left, right):
                    at = (((n * x_0 + a) * x_1 + b) * x_2 + d) * depth + c
                    {each}
        {end}
'''

PLACES = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda


def kernel({arguments}):
    for e in range(cuda.grid(1), count * depth, cuda.gridsize(1)):
        c, i = e % depth, e // depth
        last_2 = i % x_2 + low_2
        last_1 = i // x_2 % x_1 + low_1
        last_0 = i // (x_2 * x_1) % x_0 + low_0
        n = i // (x_2 * x_1 * x_0)
        front, back = max(last_0 - size_0 + stride_0, 0) // stride_0, min(last_0 // stride_0 + 1, out_0)
        top, bottom = max(last_1 - size_1 + stride_1, 0) // stride_1, min(last_1 // stride_1 + 1, out_1)
        left, right = max(last_2 - size_2 + stride_2, 0) // stride_2, min(last_2 // stride_2 + 1, out_2)
        total = np.{number}(0)
        for a in range(front, back):
            for b in range(top, bottom):
                for d in range(left, right):
                    of = (((n * out_0 + a) * out_1 + b) * out_2 + d) * depth + c
                    {each}
        y[e] = total
'''

CHANNELS = '''"""Add numbers where the maxima of windows were to zeros: each channel of an image by itself."""
from nbtape.compile.device import cuda


def kernel({arguments}):
    for e in range(cuda.grid(1), batch * depth, cuda.gridsize(1)):
        n, c = e // depth, e % depth
        for place in range(n * places, (n + 1) * places):
            y[place * depth + c] = 0
        for window in range(n * windows, (n + 1) * windows):
            y[index[window * depth + c]] += g[window * depth + c]
'''

TAKE = '''"""Take the elements at some places."""
from nbtape.compile.device import cuda


def kernel({arguments}):
    for e in range(cuda.grid(1), count, cuda.gridsize(1)):
        y[e] = x[index[e]]
'''

_MAXIMUM = {
    "title": "Find the maximum of each window.",
    "start": [
        "place = (((n * x_0 + front) * x_1 + top) * x_2 + left) * depth + c",
        "best = x[place]",
    ],
    "each": [
        "here = x[at]",
        "if here > best or (here != here and best == best):",
        "    best, place = here, at",
    ],
    "end": ["y[e] = best"],
}
_MEAN = {
    "title": "Average each window.",
    "start": ["total = np.{number}(0)"],
    "each": ["total += x[at]"],
    "end": ["y[e] = total / np.{number}(max((back - front) * (bottom - top) * (right - left), 1))"],
}
_INSIDE = "(min({0} * stride_{1} - low_{1} + size_{1}, x_{1}) - max({0} * stride_{1} - low_{1}, 0))"
_SHARE = {
    "title": "Share numbers among the elements of their windows.",
    "each": [
        f"inside = {' * '.join([_INSIDE.format(letter, d) for d, letter in enumerate('abd')])}",
        "total += g[of] / np.{number}(inside)",
    ],
}
_UNPOOL = {
    "title": "Put numbers where the maxima of windows were, and zeros elsewhere.",
    "each": ["if index[of] == e:", "    total += g[of]"],
}


def is_native(step: Step) -> bool:
    """Whether a step is a pool, or undoes one, and has a kernel."""
    if step.op is o.unpool_take:
        known = all(v.static and prod(sizes(v)) for v in (*step.inputs, *step.outputs))
        return known and str(step.inputs[0].dtype) in _NATIVE
    return pooling.is_native(step, _NATIVE) or averages.is_native(step, _FLOATS)


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a pool."""
    _PLANS[step.op](planner, step)


def _maximum(planner: Any, step: Step) -> None:
    (x,), (y, index) = step.inputs, step.outputs
    words, end = [_source(planner, "x", x), address("y", planner.fresh(y))], _MAXIMUM["end"]
    if planner.wanted(index):
        words.append(address("index", planner.fresh(index)))
        end = [*end, "index[e] = place"]
    _walk(planner, WINDOWS, words, {**_MAXIMUM, "end": end}, windows_in(step), x, y)


def _mean(planner: Any, step: Step) -> None:
    (x,), (y,) = step.inputs, step.outputs
    words = [_source(planner, "x", x), address("y", planner.fresh(y))]
    _walk(planner, WINDOWS, words, _MEAN, windows_in(step), x, y)


def _share(planner: Any, step: Step) -> None:
    g, (y,) = step.inputs[0], step.outputs
    windows = windows_of(step.attrs, sizes(y)[1:-1], step.attrs["ksize"], sizes(g)[1:-1])
    words = [_source(planner, "g", g), address("y", planner.fresh(y))]
    _walk(planner, PLACES, words, _SHARE, windows, y, y)


def _unpool(planner: Any, step: Step) -> None:
    """The gradient of a maximum; where its pool is not known, its windows are not."""
    (g, index), (y,) = step.inputs[:2], step.outputs
    words = [_source(planner, name, v) for name, v in (("g", g), ("index", index))]
    words.append(address("y", planner.fresh(y)))
    pool = next((s for s in planner.program.steps if index in s.outputs and s.op is o.max_pool), None)
    if pool is not None:
        _walk(planner, PLACES, words, _UNPOOL, windows_in(pool), y, y)
        return
    batch, *inner, depth = sizes(y)
    words += numbers(batch=batch, depth=depth, places=prod(inner), windows=prod(sizes(g)[1:-1]))
    _run(planner, CHANNELS, words, {}, batch * depth)


def _take(planner: Any, step: Step) -> None:
    (x, index), (y,) = step.inputs, step.outputs
    words = [_source(planner, name, v) for name, v in (("x", x), ("index", index))]
    words += [address("y", planner.fresh(y)), *numbers(count=prod(sizes(y)))]
    _run(planner, TAKE, words, {}, prod(sizes(y)))


def _source(planner: Any, name: str, v: Value) -> Word:
    return address(name, planner.ordered(v))


def _walk(
    planner: Any, text: str, words: list[Word], fields: dict, windows: Windows, image: Value, y: Value
) -> None:
    """Run a kernel with a thread for each number of `y`, by windows over images."""
    batch, *inner, depth = sizes(image)
    words += numbers(count=prod(sizes(y)[:-1]), depth=depth)
    told = {"x": lift(inner), "size": windows.size, "stride": windows.stride, "low": windows.low}
    for name, values in {**told, "out": windows.out}.items():
        words += sides(name, *values)
    _run(planner, text, words, {"number": computed(y.dtype), **fields}, prod(sizes(y)))


def _run(planner: Any, text: str, words: list[Word], fields: dict, count: int) -> None:
    moved = sum([w.layout.buffer.bytes for w in words if w.layout])
    planner.grid(kernel_of(text, words, fields, extent=1, bytes=moved), -(-count // planner.lanes))


_PLANS = {
    o.max_pool: _maximum,
    o.avg_pool: _mean,
    o.avg_pool_grad: _share,
    o.unpool: _unpool,
    o.unpool_take: _take,
}
