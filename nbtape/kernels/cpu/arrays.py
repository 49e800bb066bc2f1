"""What every kernel asks of its arrays, asked in one place."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

DATA = object.__basicsize__  # where in the object of an array the address of its numbers is
HALVES = "eE"  # the type codes of float16 and of ml_dtypes' bfloat16


def dense(x: Array) -> Array:
    """Give `x` in C order and at least float32, as a read-only view; a copy only where it must be.

    Numba types read-only arrays apart from writeable ones: with every input read-only, a kernel is
    compiled once a dtype, and not again for each mixture that callers happen to pass.
    """
    view = wide(x).view()
    view.flags.writeable = False
    return view


def wide(x: Array) -> Array:
    """Give `x` itself where it is in C order and at least float32, or else a copy that is."""
    if x.flags.c_contiguous and x.dtype.char not in HALVES:
        return x
    return np.asarray(x, np.float32 if x.dtype.char in HALVES else x.dtype, order="C")


def narrow(x: Array, target: Array) -> None:
    """Write `x` into `target`; beyond its range lies inf, and that is no news."""
    with np.errstate(over="ignore"):
        target[...] = x


def widened(kernel: Callable[..., Array]) -> Callable[..., Array]:
    """Call `kernel` with `dense` arrays, and narrow its result where they came in half precision."""

    @wraps(kernel)
    def call(*arrays: Array, **attributes: Any) -> Array:
        y = kernel(*map(dense, arrays), **attributes)
        half = next((a.dtype for a in arrays if a.dtype.char in HALVES), None)
        if half is None or y.dtype.char != "f":
            return y
        narrowed = np.empty(y.shape, half)
        narrow(y, narrowed)
        return narrowed

    return call


def update_in_place(kernel: Callable[..., None], *targets: Array) -> None:
    """Call `kernel(*targets)`, through copies of those that are not in C order or are half precision."""
    ready = [wide(t) for t in targets]
    kernel(*ready)
    for target, x in zip(targets, ready, strict=True):
        if x is not target:
            narrow(x, target)
