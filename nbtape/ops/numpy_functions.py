"""NumPy's functions on Tensors: NumPy's names, arguments and defaults, computed by ops that tapes see.

`FUNCTIONS` holds what `np.f(tensor)` calls; this file and its neighbours `numpy_layout` and `numpy_linalg`
fill it. What a function cannot do the way NumPy does it, it leaves to NumPy by raising Unmapped.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype, int64
from nbtape.core.engine import apply, o, pair, stands_for_tensor, tensor
from nbtape.ops import reduce, scan, sort as order, statistics
from nbtape.ops.arithmetic import angle as angles, cast, imag, real
from nbtape.ops.shape import reshape

Axis = int | tuple[int, ...] | None
FUNCTIONS: dict[Any, Callable[..., Any]] = {}


class Unmapped(Exception):
    """What was asked for is left to NumPy."""


def numpy_function(*names: str) -> Callable[[Callable], Callable]:
    """Let a function stand for NumPy's of these names (`linalg.norm`) when it is called with a Tensor."""

    def add(f: Callable) -> Callable:
        for name in names:
            module, _, last = name.rpartition(".")
            found = getattr(np.linalg if module else np, last, None)
            if found is not None:  # this NumPy has it
                FUNCTIONS[found] = f
        return f

    return add


def as_number(x: Any, dtype: Any = None) -> Any:
    """`x` as a Tensor, of NumPy's `dtype` where one is given."""
    return tensor(x) if dtype is None else cast(x, as_dtype(dtype))


def both(a: Any, b: Any) -> tuple:
    """Two operands as Tensors of one dtype."""
    a, b = pair(a, b)
    if not stands_for_tensor(a):
        return (tensor(a, b.dtype), b) if stands_for_tensor(b) else (tensor(a), tensor(b))
    return a, b if stands_for_tensor(b) else tensor(b, a.dtype)


def as_axis(axis: Any) -> Any:
    return list(axis) if isinstance(axis, tuple) else axis


def ravel(a: Any) -> Any:
    return reshape(a, [-1])


# Reductions


def _reduction(function: Callable, *names: str) -> None:
    @numpy_function(*names)
    def reduction(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
        return function(as_number(a, dtype), as_axis(axis), keepdims)


_reduction(reduce.reduce_sum, "sum")
_reduction(reduce.reduce_prod, "prod")
_reduction(reduce.reduce_mean, "mean")


def _plain_reduction(function: Callable, *names: str) -> None:
    @numpy_function(*names)
    def reduction(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        return function(tensor(a), as_axis(axis), keepdims)


_plain_reduction(reduce.reduce_max, "max", "amax")
_plain_reduction(reduce.reduce_min, "min", "amin")


def _logical(function: Callable, name: str) -> None:
    @numpy_function(name)
    def reduction(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        a = tensor(a)
        return function(a if a.dtype.is_bool else a != 0, as_axis(axis), keepdims)


_logical(reduce.reduce_all, "all")
_logical(reduce.reduce_any, "any")


@numpy_function("ptp")
def ptp(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    axis = as_axis(axis)
    return reduce.reduce_max(a, axis, keepdims) - reduce.reduce_min(a, axis, keepdims)


@numpy_function("var")
def var(a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    a = as_number(a, dtype)
    y = statistics.reduce_variance(a, as_axis(axis), keepdims)
    if not ddof:
        return y
    n = a.shape.num_elements() / max(reduce.reduce_sum(a, as_axis(axis)).shape.num_elements(), 1)
    return y * (n / (n - ddof))


@numpy_function("std")
def std(a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    return apply(o.sqrt, var(a, axis, dtype, ddof, keepdims))


@numpy_function("average")
def average(a: Any, axis: Axis = None, weights: Any = None) -> Any:
    if weights is None:
        return reduce.reduce_mean(tensor(a), as_axis(axis))
    a, weights = both(a, weights)
    if a.shape != weights.shape:
        raise Unmapped
    return reduce.reduce_sum(a * weights, as_axis(axis)) / reduce.reduce_sum(weights, as_axis(axis))


def _along_flat(function: Callable, name: str) -> None:
    """A function along one axis, or along all elements in a row where it is None."""

    @numpy_function(name)
    def along(a: Any, axis: int | None = None) -> Any:
        return function(ravel(a), 0) if axis is None else function(tensor(a), axis)


_along_flat(order.argmax, "argmax")
_along_flat(order.argmin, "argmin")
_along_flat(scan.cumsum, "cumsum")
_along_flat(scan.cumprod, "cumprod")


@numpy_function("sort")
def sort(a: Any, axis: int | None = -1) -> Any:
    return order.sort(ravel(a), 0) if axis is None else order.sort(tensor(a), axis)


@numpy_function("argsort")
def argsort(a: Any, axis: int | None = -1) -> Any:
    return cast(order.argsort(ravel(a), 0) if axis is None else order.argsort(tensor(a), axis), int64)


# Elementwise functions that are no ufuncs


@numpy_function("clip")
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    a = tensor(a)
    if low is None or high is None:
        bound, row = (high, o.minimum) if low is None else (low, o.maximum)
        return a if bound is None else apply(row, *pair(a, bound))
    return apply(o.minimum, *pair(apply(o.maximum, *pair(a, low)), high))


@numpy_function("round", "around")
def round(a: Any, decimals: int = 0) -> Any:
    if not decimals:
        return apply(o.round, tensor(a))
    return apply(o.round, tensor(a) * 10.0**decimals) / 10.0**decimals


@numpy_function("real")
def real_part(val: Any) -> Any:
    return real(val)


@numpy_function("imag")
def imaginary_part(val: Any) -> Any:
    return imag(val)


@numpy_function("angle")
def angle(z: Any, deg: bool = False) -> Any:
    return angles(z) * (180 / math.pi) if deg else angles(z)


@numpy_function("sinc")
def sinc(x: Any) -> Any:
    x = tensor(x) * math.pi
    zero = x == 0
    nonzero = apply(o.where, zero, 1.0, x)
    return apply(o.where, zero, 1.0, apply(o.sin, nonzero) / nonzero)


@numpy_function("nan_to_num")
def nan_to_num(x: Any, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    x = tensor(x)
    if x.dtype.is_complex:
        raise Unmapped
    high = float(x.dtype.max) if posinf is None else posinf
    low = float(x.dtype.min) if neginf is None else neginf
    y = apply(o.where, apply(o.is_nan, x), nan, x)
    return apply(o.where, y == math.inf, high, apply(o.where, y == -math.inf, low, y))
