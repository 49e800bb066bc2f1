"""Scatters and segment reductions: rows of one array combined into chosen rows of another.

Rows are combined in the order they come. An index outside the target, negative ones included, is dropped.
"""

from math import prod
from typing import Any

import numpy as np
from numba import njit

from nbtape.kernels.cpu.arrays import Array, dense, update_in_place

ADD, SUB, MUL, DIV, MAX, MIN, UPDATE = range(7)
CODES = {"add": ADD, "sub": SUB, "mul": MUL, "div": DIV, "max": MAX, "min": MIN, "update": UPDATE}
UFUNCS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
SEGMENTS = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


def scatter_add(indices: Array, updates: Array, *, rows: int) -> Array:
    """Add each row of `updates` to the row of zeros that `indices` names, one of `rows`."""
    target = np.zeros((rows, *updates.shape[indices.ndim :]), updates.dtype)
    scatter_rows(target, indices, updates, "add")
    return target


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
    width = prod(target.shape[1:])
    flat, rows = indices.reshape(-1), updates.reshape(indices.size, width)
    if target.dtype.kind in "fiuV":
        arguments = dense(flat.astype(np.int64, copy=False)), dense(rows), CODES[kind]
        update_in_place(lambda wide: combine(wide.reshape(len(wide), width), *arguments), target)
        return
    keep = (flat >= 0) & (flat < len(target))
    flat, rows = flat[keep], rows[keep].reshape(-1, *target.shape[1:])
    if kind == "update":
        target[flat] = rows
    else:
        UFUNCS[kind].at(target, flat, rows)


def neutral(kind: str, dtype: np.dtype[Any]) -> Any:
    """Give what `kind` of reduction gives for nothing."""
    if kind in ("sum", "prod"):
        return 0 if kind == "sum" else 1
    if dtype.kind in "iu":
        return np.iinfo(dtype).min if kind == "max" else np.iinfo(dtype).max
    highest = np.nextafter(dtype.type(np.inf), dtype.type(0))
    return -highest if kind == "max" else highest


@njit(cache=True, nogil=True, error_model="numpy")
def combine(target, indices, updates, kind):
    """Combine the rows of `updates` into the rows of `target` that `indices` names."""
    for m in range(len(indices)):
        i = indices[m]
        if not 0 <= i < target.shape[0]:
            continue
        if kind == ADD:
            for e in range(target.shape[1]):
                target[i, e] += updates[m, e]
        elif kind == SUB:
            for e in range(target.shape[1]):
                target[i, e] -= updates[m, e]
        elif kind == MUL:
            for e in range(target.shape[1]):
                target[i, e] *= updates[m, e]
        elif kind == DIV:
            for e in range(target.shape[1]):
                target[i, e] /= updates[m, e]
        elif kind == UPDATE:
            for e in range(target.shape[1]):
                target[i, e] = updates[m, e]
        elif kind == MAX:
            for e in range(target.shape[1]):
                u, t = updates[m, e], target[i, e]
                target[i, e] = u if (u > t) | (u != u) else t
        else:
            for e in range(target.shape[1]):
                u, t = updates[m, e], target[i, e]
                target[i, e] = u if (u < t) | (u != u) else t
