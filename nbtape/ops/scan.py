"""Cumulative ops along one axis, and the linear recurrence that their gradients are made of.

`exclusive` leaves each element out of its own result, which then starts from what nothing gives; `reverse`
runs from the end. None of the gradients divides, so zeros and infinities in the input are well.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import late
from nbtape.core.shape import Spec, bracket
from nbtape.ops.elementwise import conj
from nbtape.ops.row import NUMBER, REAL_FLOATS, op, row
from nbtape.ops.static import integer, known, partial_dims

_KERNELS = "nbtape.kernels.cpu.scan"
_recurrence_kernel = late(f"{_KERNELS}:recurrence")
_LONG = 100  # steps that a Python loop may take, before Numba is worth importing
_MANY = 200_000  # elements that NumPy may take, which is slow along all axes but the last
_FLOAT32 = np.dtype(np.float32)


def scan_spec(*specs: Spec, axis: int, **attrs: Any) -> Spec:
    x = specs[0]
    if x.shape is not None and not -len(x.shape) <= axis < len(x.shape):
        rank = len(x.shape)
        raise invalid(f"ScanOp: Expected scan axis in the range [{-rank}, {rank}), but got {axis}")
    return x


def scan(ufunc: np.ufunc, nothing: float, kernel: Callable) -> Callable:
    """The eager function of a cumulative op; narrow floats are accumulated in float32."""
    accumulate = ufunc.accumulate

    def eager(x, *, axis, exclusive, reverse):
        dtype = x.dtype
        if not x.ndim:
            raise ValueError
        if x.size > _MANY and dtype.kind in "fiuV" and -x.ndim <= axis < x.ndim:
            return kernel(x, axis=axis, exclusive=exclusive, reverse=reverse)
        if reverse:
            x = flipped(x, axis)
        if dtype.itemsize == 2 and dtype.kind in REAL_FLOATS:
            y = accumulate(x.astype(_FLOAT32), axis).astype(dtype)
        else:
            y = accumulate(x, axis, dtype)
        if exclusive:
            y = moved(y, axis, -1, nothing)
        return flipped(y, axis) if reverse else y

    return eager


def flipped(x: np.ndarray, axis: int) -> np.ndarray:
    return x[along(axis, x.ndim, slice(None, None, -1))]


def along(axis: int, rank: int, key: Any) -> tuple:
    """The index that takes `key` on `axis` and all of the others."""
    return (slice(None),) * (axis % rank) + (key,)


def moved(x: np.ndarray, axis: int, by: int, fill: float) -> np.ndarray:
    """x[i + by] at i, for `by` 1 or -1, and `fill` where there is none."""
    y = np.full(x.shape, fill, x.dtype)
    here, there = (slice(None, -1), slice(1, None))[::by]
    y[along(axis, x.ndim, here)] = x[along(axis, x.ndim, there)]
    return y


def _exp_sub(a, b):
    p = np.exp(a - b)
    total = np.add.reduce(p, None)
    if total == total:
        return p
    return np.where(a == b, (b > -np.inf).astype(p.dtype), p)[()]  # inf - inf is neither 0 nor inf


def _recurrence(a, b, *, axis, reverse):
    steps = b.shape[axis]
    if steps > _LONG and b.dtype.kind == "f":
        return _recurrence_kernel(a, b, axis=axis, reverse=reverse)
    wide = b.dtype.itemsize == 2
    factors, y = np.moveaxis(a, axis, 0), np.moveaxis(b.astype(_FLOAT32) if wide else b.copy(), axis, 0)
    order = range(steps - 1, -1, -1) if reverse else range(steps)
    last = None
    for i in order:
        if last is not None:
            y[i] += factors[i] * y[last]
        last = i
    return np.moveaxis(y, 0, axis).astype(b.dtype, copy=False)


def _terms(g, axis, exclusive, reverse):
    """What each element gets from the outputs that begin with it."""
    return o.shift(g, axis=axis, by=-1 if reverse else 1) if exclusive else g


def _cumsum_grad(g, y, x, *, axis, exclusive, reverse):
    return o.cumsum(g, axis=axis, exclusive=exclusive, reverse=not reverse)


def _cumprod_grad(g, y, x, *, axis, exclusive, reverse):
    """The product before i, times what the rest makes of it: s[i] = g[i] + x[i+1] * s[i+1]."""
    x = conj(x)
    ahead = o.shift(x, axis=axis, by=-1 if reverse else 1)
    after = o.recurrence(ahead, _terms(g, axis, exclusive, reverse), axis=axis, reverse=not reverse)
    return after * o.cumprod(x, axis=axis, exclusive=True, reverse=reverse)


def _cumlogsumexp_grad(g, y, x, *, axis, exclusive, reverse):
    """The sum over k from i of g[k] * exp(x[i] - y[k]), as a recurrence whose factors are at most 1."""
    if exclusive:
        y = o.cumlogsumexp(x, axis=axis, exclusive=False, reverse=reverse)
    factors = o.exp_sub(y, o.shift(y, axis=axis, by=-1 if reverse else 1))
    after = o.recurrence(factors, _terms(g, axis, exclusive, reverse), axis=axis, reverse=not reverse)
    # Where nothing came before, y is x, -inf included: its slope is 1.
    return after * o.where(o.equal(x, y), 1.0, o.exp_sub(x, y))


def _recurrence_grad(g, y, a, b, *, axis, reverse):
    ahead = o.shift(conj(a), axis=axis, by=-1 if reverse else 1)
    return o.recurrence(ahead, g, axis=axis, reverse=not reverse)


def _recurrence_factor_grad(g, y, a, b, *, axis, reverse):
    before = o.shift(conj(y), axis=axis, by=1 if reverse else -1)
    return _recurrence_grad(g, y, a, b, axis=axis, reverse=reverse) * before


# fmt: off
op("cumsum", scan(np.add, 0, late(f"{_KERNELS}:cumsum")), scan_spec, _cumsum_grad, kinds=NUMBER)
op("cumprod", scan(np.multiply, 1, late(f"{_KERNELS}:cumprod")), scan_spec, _cumprod_grad, kinds=NUMBER)
op("cumlogsumexp", scan(np.logaddexp, -np.inf, late(f"{_KERNELS}:cumlogsumexp")), scan_spec,
   _cumlogsumexp_grad, kinds=REAL_FLOATS)

# exp(a - b), where a log-sum-exp is b: 1 for inf - inf, 0 for -inf - -inf
row("exp_sub", _exp_sub, "where({0} == {1}, where(isinf({1}) & ({1} < 0), 0, 1), exp({0} - {1}))",
    lambda g, y, a, b: g * y, lambda g, y, a, b: -g * y, kinds=REAL_FLOATS)
# y[i] = a[i] * y[i-1] + b[i], from y = 0 before the first (after the last, in reverse)
op("recurrence", _recurrence, scan_spec, _recurrence_factor_grad, _recurrence_grad, kinds=NUMBER)
# x[i + by] at i, 0 where there is none
op("shift", lambda x, *, axis, by: moved(x, axis, by, 0), scan_spec,
   lambda g, y, x, *, axis, by: o.shift(g, axis=axis, by=-by), kinds=NUMBER)
# fmt: on


def from_front(axis: int, x: Any) -> int:
    """`axis` counted from the front, where it can be."""
    shape = partial_dims(x)
    return axis if shape is None or not -len(shape) <= axis < 0 else axis + len(shape)


def number_of(x: Any, otherwise: str, attr: str) -> int:
    """One int that has to be known; `otherwise` says in TensorFlow's words that `x` has a shape."""
    if type(x) is int:
        return x
    value = known(x)
    if value is not None and value.ndim:
        raise invalid(otherwise.format(bracket(value.shape)))
    return integer(x, attr)


def scanned(op: Any, x: Any, axis: Any, exclusive: Any, reverse: Any) -> Any:
    x = tensor(x)
    axis = number_of(axis, "ScanOp: axis must be a scalar, not {}", "Tidx")
    return apply(op, x, axis=from_front(axis, x), exclusive=bool(exclusive), reverse=bool(reverse))


def cumsum(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Sum of the elements up to each one along `axis`; `exclusive` leaves out the element itself.

    >>> tf.cumsum([1, 2, 3]).numpy(), tf.cumsum([1, 2, 3], exclusive=True, reverse=True).numpy()
    (array([1, 3, 6], dtype=int32), array([5, 3, 0], dtype=int32))
    """
    return scanned(o.cumsum, x, axis, exclusive, reverse)


def cumprod(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Product of the elements up to each one along `axis`; the gradient is right where elements are zero.

    >>> tf.math.cumprod([2, 3, 4]).numpy()
    array([ 2,  6, 24], dtype=int32)
    """
    return scanned(o.cumprod, x, axis, exclusive, reverse)


def cumulative_logsumexp(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """log(sum(exp(.))) of the elements up to each one along `axis`, without overflow; of none, -inf.

    >>> tf.math.cumulative_logsumexp([0.0, 0.0, -np.inf]).numpy().round(3)
    array([0.   , 0.693, 0.693], dtype=float32)
    """
    return scanned(o.cumlogsumexp, x, axis, exclusive, reverse)
