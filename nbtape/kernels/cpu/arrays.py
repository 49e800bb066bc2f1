"""What every kernel asks of its arrays, asked in one place."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def dense(x: Array) -> Array:
    """Give `x` in C order as a read-only view, float16 widened to float32; a copy only where it must be.

    Numba types read-only arrays apart from writeable ones: with every input read-only, a kernel is
    compiled once a dtype, and not again for each mixture that callers happen to pass.
    """
    view = np.asarray(x, np.float32 if x.dtype == np.float16 else x.dtype, order="C").view()
    view.flags.writeable = False
    return view


def widened(kernel: Callable[..., Array]) -> Callable[..., Array]:
    """Call `kernel` with `dense` arrays, and give its result back in float16 where they came in it."""

    @wraps(kernel)
    def call(*arrays: Array, **attributes: Any) -> Array:
        y = kernel(*map(dense, arrays), **attributes)
        if y.dtype == np.float32 and any(a.dtype == np.float16 for a in arrays):
            with np.errstate(over="ignore"):
                return y.astype(np.float16)
        return y

    return call


def update_in_place(kernel: Callable[..., None], targets: tuple[Array, ...], *rest: Any) -> None:
    """Call `kernel(*targets, *rest)`, through copies of the targets that it cannot write as they are."""
    wide = [np.asarray(t, np.float32 if t.dtype == np.float16 else t.dtype, order="C") for t in targets]
    kernel(*wide, *rest)
    with np.errstate(over="ignore"):
        for target, w in zip(targets, wide, strict=True):
            if w is not target:
                target[...] = w
