"""Average pools and their gradients: kernels that walk windows over images, all channels at once."""

from collections.abc import Collection
from math import prod
from typing import Any

from nbtape.compile.planning.windows import address, kernel_of, numbers, sides, sizes, volume, windows_of
from nbtape.core.engine import o
from nbtape.graph.program import Step

_PACE = 0.15  # nanoseconds for an element of a window, on one core

TEXT = '''"""{title}"""
import numpy as np


def kernel({arguments}):
    for n in range(begin, end):
        {clear}
        for i in range(out_0):
            front, back = max(i * stride_0 - low_0, 0), min(i * stride_0 - low_0 + size_0, image_0)
            for j in range(out_1):
                top, bottom = max(j * stride_1 - low_1, 0), min(j * stride_1 - low_1 + size_1, image_1)
                for m in range(out_2):
                    left, right = max(m * stride_2 - low_2, 0), min(m * stride_2 - low_2 + size_2, image_2)
                    inside = max(back - front, 0) * max(bottom - top, 0) * max(right - left, 0)
                    share = np.{dtype}(1) / np.{dtype}(max(inside, 1))
                    window = (((n * out_0 + i) * out_1 + j) * out_2 + m) * depth
                    {begin}
                    for d in range(front, back):
                        for h in range(top, bottom):
                            for w in range(left, right):
                                at = (((n * image_0 + d) * image_1 + h) * image_2 + w) * depth
                                for c in range(depth):
                                    {each}
                    {end}
'''

_AVERAGE = {
    "title": "Average each window.",
    "clear": [],
    "begin": ["for c in range(depth):", "    y[window + c] = 0"],
    "each": ["y[window + c] += x[at + c]"],
    "end": ["for c in range(depth):", "    y[window + c] *= share"],
}
_SHARE = {
    "title": "Share numbers among the elements of their windows.",
    "clear": ["for e in range(n * count, (n + 1) * count):", "    y[e] = 0"],
    "begin": [],
    "each": ["y[at + c] += x[window + c] * share"],
    "end": [],
}


def is_native(step: Step, native: Collection[str] = ("float32", "float64")) -> bool:
    """Whether a step averages windows of these dtypes, or undoes that, and has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op not in (o.avg_pool, o.avg_pool_grad) or not all(v.static and prod(sizes(v)) for v in values):
        return False
    return str(step.outputs[0].dtype) in native and len(step.attrs["ksize"]) <= 3


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run an average pool, or its gradient."""
    x, (y,), average = step.inputs[0], step.outputs, step.op is o.avg_pool
    image, pooled = (x, y) if average else (y, x)
    windows = windows_of(step.attrs, sizes(image)[1:-1], step.attrs["ksize"], sizes(pooled)[1:-1])
    source, target = planner.ordered(x), planner.fresh(y)
    inner = volume(source if average else target).shape
    words = [*numbers(begin=0, end=inner[0], depth=inner[4]), address("x", source), address("y", target)]
    words += [] if average else numbers(count=prod(inner[1:]))
    words += [*sides("image", *inner[1:4]), *sides("size", *windows.size), *sides("stride", *windows.stride)]
    words += [*sides("low", *windows.low), *sides("out", *windows.out)]
    fields: dict[str, Any] = {"dtype": y.dtype, **(_AVERAGE if average else _SHARE)}
    moved = sum(prod(sizes(v)) for v in (x, y)) * y.dtype.itemsize
    work = prod(windows.size) * prod(sizes(pooled))
    planner.run(kernel_of(TEXT, words, fields, extent=inner[0], bytes=moved, flops=work, pace=_PACE), {})
