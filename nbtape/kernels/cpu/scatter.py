"""Scatters and segment reductions: rows of one array combined into chosen rows of another.

Rows are combined in the order they come. An index outside the target, negative ones included, is dropped.
"""

from math import prod

import numpy as np
from numba import njit

from nbtape.kernels.cpu.arrays import Array, dense, update_in_place, widened
from nbtape.kernels.cpu.window import Ints

ADD, SUB, MUL, DIV, MAX, MIN, UPDATE = range(7)
CODES = {"add": ADD, "sub": SUB, "mul": MUL, "div": DIV, "max": MAX, "min": MIN, "update": UPDATE}
UFUNCS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
SEGMENTS = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


@widened
def scatter_add(indices: Array, updates: Array, *, rows: int) -> Array:
    """Add each row of `updates` to the row of zeros that `indices` names, one of `rows`."""
    target = np.zeros((rows, *updates.shape[indices.ndim :]), updates.dtype)
    scatter_rows(target, indices, updates, "add")
    return target


@widened
def segment_reduce(data: Array, ids: Array, *, rows: int, kind: str) -> Array:
    """Reduce the rows of `data` that share an id; `kind` is sum, prod, max or min, ids need no order.

    An empty segment gets 0, 1, or the lowest or highest finite value of its dtype, as in TensorFlow.
    """
    target = np.full((rows, *data.shape[ids.ndim :]), neutral(kind, data.dtype), data.dtype)
    scatter_rows(target, ids, data, SEGMENTS[kind])
    return target


def scatter_rows(target: Array, indices: Array, updates: Array, kind: str) -> None:
    """Combine each row of `updates` into the row of `target` that `indices` names, in place.

    `kind` is add, sub, mul, div, max, min or update.
    """
    flat, rows = indices.reshape(-1), updates.reshape(indices.size, *target.shape[1:])
    if target.dtype.kind in "fiu":
        update_in_place(combine_rows, (target,), dense(flat.astype(np.int64, copy=False)), dense(rows), kind)
        return
    keep = (flat >= 0) & (flat < len(target))
    if kind == "update":
        target[flat[keep]] = rows[keep]
    else:
        UFUNCS[kind].at(target, flat[keep], rows[keep])


def combine_rows(target: Array, indices: Array, updates: Array, kind: str) -> None:
    """Call the kernel on rows flattened to one dim."""
    width = prod(target.shape[1:])
    combine(target.reshape(-1, width), indices, updates.reshape(len(indices), width), CODES[kind])


def neutral(kind: str, dtype: np.dtype) -> float:
    """Give what `kind` of reduction gives for nothing."""
    if kind in ("sum", "prod"):
        return 0 if kind == "sum" else 1
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return limits.min if kind == "max" else limits.max
