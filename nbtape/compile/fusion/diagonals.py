"""Diagonals as the compiler wants them: a choice by positions, and a walk through the matrix as a view."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from nbtape.core.engine import o
from nbtape.graph.passes.rewrite import Builder, constant
from nbtape.graph.program import Step, Value
from nbtape.ops.key import ALL, Key

_INT64 = np.dtype(np.int64)


def _diag_part(settler: Any, step: Step) -> Value | None:
    """Each diagonal as every (columns + 1)th element of its matrix."""
    build, (x,), (y,), k = settler.build, step.inputs, step.outputs, _diagonal(step)
    (*batch, m, n), length = x.shape or (0, 0), (y.shape or (0,))[-1]
    if k is None or not prod(y.shape or ()):
        return None
    first = k if k >= 0 else -k * n
    every = slice(first, first + (length - 1) * (n + 1) + 1, n + 1)
    flat = build(o.reshape, x, shape=(*batch, m * n))
    return build(o.subscript, flat, key=Key((*[ALL] * len(batch), every)))


def _diag(settler: Any, step: Step) -> Value | None:
    (d,), (y,), padding = step.inputs, step.outputs, step.attrs["padding"]
    return _set(settler.build, step, constant(padding, y.dtype), d)


def _set_diag(settler: Any, step: Step) -> Value | None:
    return _set(settler.build, step, *step.inputs)


def _set(build: Builder, step: Step, x: Value, d: Value) -> Value | None:
    """`d` on a diagonal, and `x` elsewhere."""
    y, k = step.outputs[0], _diagonal(step)
    if k is None or not prod(y.shape or ()):
        return None
    (*_, m, n), (*batch, length) = y.shape or (0, 0), d.shape or (0,)
    missing = (m if k >= 0 else n) - length  # it runs along the rows or, below the middle, along the columns
    d = build(o.pad, d, paddings=(*[(0, 0)] * len(batch), (0, missing))) if missing else d
    d = build(o.reshape, d, shape=(*batch, m, 1) if k >= 0 else (*batch, 1, n))
    row, column = [build(o.iota, size=size, dtype=_INT64) for size in (m, n)]
    here = build(o.equal, build(o.sub, column, build(o.reshape, row, shape=(m, 1))), k)
    return build(o.where, here, d, x)


def _diagonal(step: Step) -> int | None:
    """Which diagonal a step is about; None where it is a band of them."""
    low, high = step.attrs["k"]
    return low if low == high else None


RULES: dict[str, Callable[[Any, Step], Value | None]] = {
    "diag": _diag,
    "diag_part": _diag_part,
    "set_diag": _set_diag,
}
