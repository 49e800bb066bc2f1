"""Small systems on a card: Cholesky factors and triangular solutions, a block for each matrix.

Large ones are the host's, whose LAPACK has them sooner than one block has.
"""

from math import prod
from typing import Any

import numpy as np

from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.core.engine import o
from nbtape.graph.program import Step

_MOST = 256  # rows
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

CHOLESKY = '''"""Find the Cholesky factors of matrices, column by column; all nan where there is none."""
import math

import numpy as np

from nbtape.compile.device import cuda


def kernel({arguments}):
    lane, lanes = cuda.threadIdx.x, cuda.blockDim.x
    for item in range(cuda.blockIdx.x, count, cuda.gridDim.x):
        at = item * n * n
        for j in range(n):
            for i in range(j + lane, n, lanes):
                total = x[at + i * n + j]
                for k in range(j):
                    total -= y[at + i * n + k] * y[at + j * n + k]
                y[at + i * n + j] = total
            cuda.syncthreads()
            pivot = y[at + j * n + j]
            root = np.{dtype}(math.sqrt(pivot) if pivot > 0 else math.nan)
            cuda.syncthreads()
            for i in range(lane, n, lanes):
                if i < j:
                    y[at + i * n + j] = 0
                else:
                    y[at + i * n + j] = root if i == j else y[at + i * n + j] / root
            cuda.syncthreads()
        if y[at + n * n - 1] != y[at + n * n - 1]:
            for e in range(lane, n * n, lanes):
                if e % n <= e // n:
                    y[at + e] = math.nan
'''

TRIANGULAR = '''"""Solve triangular systems: an unknown that is alone in its row, then the rows without it."""
from nbtape.compile.device import cuda


def kernel({arguments}):
    lane, lanes = cuda.threadIdx.x, cuda.blockDim.x
    for item in range(cuda.blockIdx.x, count, cuda.gridDim.x):
        at, here, there = item * a_step, item * b_step, item * n * m
        for e in range(lane, n * m, lanes):
            y[there + e] = b[here + e]
        cuda.syncthreads()
        for k in range(n):
            i = first + k * step
            for e in range(lane, m, lanes):
                y[there + i * m + e] /= a[at + i * (n + 1)]
            cuda.syncthreads()
            for e in range(lane, (n - 1 - k) * m, lanes):
                row, column = i + (e // m + 1) * step, e % m
                y[there + row * m + column] -= a[at + row * a_0 + i * a_1] * y[there + i * m + column]
            cuda.syncthreads()
'''


def is_native(step: Step) -> bool:
    """Whether a step solves small systems, and has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op not in (o.cholesky, o.triangular_solve) or not all(
        v.static and v.dtype in _FLOATS for v in values
    ):
        return False
    batches = {prod(sizes(v)[:-2]) for v in values} - {1, prod(sizes(step.outputs[0])[:-2])}
    return not batches and all(prod(sizes(v)) for v in values) and sizes(step.inputs[0])[-1] <= _MOST


def plan(planner: Any, step: Step) -> None:
    """Let `planner` solve systems."""
    y, given = planner.fresh(step.outputs[0]), [planner.ordered(x) for x in step.inputs]
    n, count = y.shape[-2], prod(y.shape[:-2])
    words = numbers(count=count, n=n)
    if step.op is o.cholesky:
        words += [address("x", given[0]), address("y", y)]
        kernel = kernel_of(CHOLESKY, words, {"dtype": y.buffer.dtype}, extent=1)
    else:
        forward = step.attrs["lower"] != step.attrs["adjoint"]
        a_0, a_1 = (1, n) if step.attrs["adjoint"] else (n, 1)
        first, by = (0, 1) if forward else (n - 1, -1)
        a_step, b_step = [prod(x.shape[-2:]) if prod(x.shape[:-2]) > 1 else 0 for x in given]
        words += numbers(m=y.shape[-1], first=first, step=by, a_0=a_0, a_1=a_1, a_step=a_step, b_step=b_step)
        words += [address(name, layout) for name, layout in zip("aby", (*given, y))]
        kernel = kernel_of(TRIANGULAR, words, {}, extent=1)
    planner.grid(kernel, count)
