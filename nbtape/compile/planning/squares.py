"""Products of matrices for grids of threads, in square tiles.

A block makes one tile of the result at a time, a thread one number of it. The tiles of the operands that it
needs are read once, into memory that its threads share.
"""

from math import prod
from typing import Any

from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.multiply import apart
from nbtape.compile.planning.products import matrix, upright
from nbtape.graph.program import Step

_TEXT = '''"""Products of matrices in tiles of {side} by {side}, of which each thread makes one number."""
import numpy as np

from nbtape.compile.device import cuda


def kernel(
    m: "int64", n: "int64", k: "int64", count: "int64",
    a: "{dtype}*", a_0: "int64", a_1: "int64", a_step: "int64",
    b: "{dtype}*", b_0: "int64", b_1: "int64", b_step: "int64",
    y: "{dtype}*", y_0: "int64", y_1: "int64", y_step: "int64",
):
    left = cuda.shared.array({lanes}, np.{dtype})
    right = cuda.shared.array({lanes}, np.{dtype})
    lane = cuda.threadIdx.x
    row, column = lane // {side}, lane % {side}
    down, across = (m + {side} - 1) // {side}, (n + {side} - 1) // {side}
    for tile in range(cuda.blockIdx.x, count * down * across, cuda.gridDim.x):
        item = tile // (down * across)
        i, j = tile // across % down * {side} + row, tile % across * {side} + column
        total = np.{dtype}(0)
        for first in range(0, k, {side}):
            u, v = first + column, first + row
            left[lane] = a[item * a_step + i * a_0 + u * a_1] if i < m and u < k else np.{dtype}(0)
            right[lane] = b[item * b_step + v * b_0 + j * b_1] if v < k and j < n else np.{dtype}(0)
            cuda.syncthreads()
            for e in range({side}):
                total += left[row * {side} + e] * right[e * {side} + column]
            cuda.syncthreads()
        if i < m and j < n:
            y[item * y_step + i * y_0 + j * y_1] = total
'''


def product(planner: Any, step: Step, lanes: int) -> tuple[Kernel, int, int]:
    """The kernel of a product, for about so many threads a block; how many tiles it makes, and how many
    threads make one.
    """
    operands = [x if matrix(x) else planner.copied(v) for v in step.inputs for x in [planner.layout(v)]]
    a, b = upright(step, *operands)
    y: Layout = planner.fresh(step.outputs[0])
    (m, n), k, count = y.shape[-2:], a.shape[-1], prod(y.shape[:-2])
    words = [Word(name, "int64", value=value) for name, value in zip("mnk", (m, n, k))]
    words.append(Word("count", "int64", value=count))
    dtype, side = str(y.buffer.dtype), 1 << lanes.bit_length() // 2
    for name, x in zip("aby", (a, b, y)):
        strides = {"0": x.strides[-2], "1": x.strides[-1], "step": apart(x)}
        words.append(Word(name, f"{dtype}*", x))
        words += [Word(f"{name}_{along}", "int64", value=stride) for along, stride in strides.items()]
    moved = (prod(a.shape) + prod(b.shape) + prod(y.shape)) * y.buffer.dtype.itemsize
    text = _TEXT.format(dtype=dtype, side=side, lanes=side * side)
    kernel = Kernel(text, words, 1, [], {}, [], moved, 2 * m * n * k * count)
    return kernel, count * -(-m // side) * -(-n // side), side * side
