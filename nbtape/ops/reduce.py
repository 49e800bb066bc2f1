"""Reductions: rows that fold axes away.

A reduction row takes `axis`, sorted axes counted from the front (None, or counted from either end, only where
a trace does not know the rank), and `keepdims`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype, bool_
from nbtape.core.engine import EagerTensor, apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite, Extern, Reduce
from nbtape.core.shape import Spec
from nbtape.ops.elementwise import conj
from nbtape.ops.row import BOOL, NUMBER, REAL, REAL_FLOATS, op, row
from nbtape.ops.spread import keep, spread
from nbtape.ops.static import dims, integers, known

_EVERY = [tuple(range(n)) for n in range(33)]
_add: Any = np.add.reduce
_INT64, _UINT64, _FLOAT32 = np.dtype(np.int64), np.dtype(np.uint64), np.dtype(np.float32)


# Axes and shapes


def axes_of(axis: Any, x: Any) -> tuple[int, ...] | None:
    """`axis` as a user writes it (None, a number, a sequence, a tensor), as the rows take it."""
    rank = x._value.ndim if type(x) is EagerTensor else x.shape.rank
    if axis is None:
        return None if rank is None else _EVERY[rank]
    numbers = (axis,) if type(axis) is int else numbers_of(axis)
    if rank is None:
        return tuple(numbers)
    return tuple(sorted([a + rank if -rank <= a < 0 else a for a in numbers]))


def numbers_of(axis: Any) -> list[int]:
    if type(axis) in (list, tuple) and all([type(a) is int for a in axis]):
        return axis
    value = known(axis)
    if value is None:
        raise TypeError(
            f"Argument `axis` must be known while a function is traced, got {axis!r}. "
            "Pass Python numbers, or compute it from shapes rather than from tensors."
        )
    return integers(value, "Tidx").reshape(-1).tolist()


def reduced_spec(x: Spec, *, axis: tuple | None, keepdims: bool) -> Spec:
    """The spec of a reduction; says what is wrong with `axis`."""
    if x.shape is None or axis is None:
        return Spec(() if axis is None and not keepdims else None, x.dtype)
    rank = len(x.shape)
    for a in axis:
        if not -rank <= a < rank:
            raise invalid(f"Invalid reduction dimension ({a} for input with {rank} dimension(s)")
    gone = {a % rank for a in axis}
    if len(gone) < len(axis):
        twice = next(a % rank for i, a in enumerate(axis) if a % rank in [b % rank for b in axis[:i]])
        raise invalid(f"Invalid reduction arguments: Axes contains duplicate dimension: {twice}")
    if keepdims:
        return Spec(tuple([1 if i in gone else n for i, n in enumerate(x.shape)]), x.dtype)
    return Spec(tuple([n for i, n in enumerate(x.shape) if i not in gone]), x.dtype)


def _bool_spec(name: str) -> Callable:
    def infer(x: Spec, *, axis: tuple | None, keepdims: bool) -> Spec:
        if x.dtype != BOOL:
            raise invalid(
                f"cannot compute {name} as input #0(zero-based) was expected to be a bool tensor but is a "
                f"{as_dtype(x.dtype).name} tensor [Op:{name}]\nCompare first, for example: x != 0."
            )
        return reduced_spec(x, axis=axis, keepdims=keepdims)

    return infer


# Values


def fold(ufunc: np.ufunc) -> Callable:
    """The eager function of a sum or a product: narrow floats are folded in float32, ints wrap around."""
    reduce: Any = ufunc.reduce

    def eager(x, *, axis, keepdims):
        dtype = x.dtype
        if dtype.itemsize == 2 and dtype.kind in REAL_FLOATS:
            return reduce(x.astype(_FLOAT32), axis, None, None, keepdims).astype(dtype)
        return reduce(x, axis, dtype, None, keepdims)

    return eager


def choose(ufunc: np.ufunc, end: str) -> Callable:
    """The eager function of a maximum or a minimum; what nothing gives is at `end` of the dtype."""
    reduce: Any = ufunc.reduce

    def eager(x, *, axis, keepdims):
        if x.size:
            return reduce(x, axis, None, None, keepdims)
        kind = x.dtype.kind
        start = getattr(np.iinfo(x.dtype), end) if kind in "iu" else -np.inf if end == "min" else np.inf
        return reduce(x, axis, None, None, keepdims, start)

    return eager


def logical(ufunc: np.ufunc) -> Callable:
    reduce: Any = ufunc.reduce

    def eager(x, *, axis, keepdims):
        if x.dtype != BOOL:
            raise TypeError
        return reduce(x, axis, None, None, keepdims)

    return eager


_max = choose(np.maximum, "min")


def _mean(x, *, axis, keepdims):
    dtype = x.dtype
    if dtype.kind in "iu":  # TensorFlow's mean of ints is an int: it truncates
        wide = _INT64 if dtype.kind == "i" else _UINT64
        total = _add(x, axis, wide, None, keepdims)
        n = wide.type(x.size // (total.size or 1) or 1)
        return ((total - np.fmod(total, n)) // n).astype(dtype)
    narrow = dtype.itemsize == 2
    total = _add(x.astype(_FLOAT32) if narrow else x, axis, None, None, keepdims)
    mean = total / (x.size // (total.size or 1))
    return mean.astype(dtype) if narrow else mean


def _logsumexp(x, *, axis, keepdims):
    dtype = x.dtype
    if dtype.itemsize == 2:
        x = x.astype(_FLOAT32)
    top = _max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, x.dtype.type(0))
    y = np.log(_add(np.exp(x - top), axis, None, None, keepdims))
    return (y + (top if keepdims else top.reshape(y.shape))).astype(dtype)


def _softmax_over(x, *, axis):
    """What each element gives to the sum of exponentials; elements of inf share it, -inf gives nothing."""
    wide = x.astype(_FLOAT32) if x.dtype.itemsize == 2 else x
    e = np.exp(wide - _max(wide, axis=axis, keepdims=True))
    total = _add(e, axis, None, None, True)
    if np.isnan(_add(total, None)):
        e = np.where(np.isinf(wide) & np.isnan(e), (wide > 0).astype(e.dtype), e)
        total = _add(e, axis, None, None, True)
        total = total + (total == 0)
    return (e / total).astype(x.dtype)


def _logsumexp_lower(x, *, axis, keepdims):
    if axis is None:
        return None
    top = o.max(x, axis=axis, keepdims=True)
    top = o.where(o.is_finite(top), top, 0.0)
    y = o.log(o.sum(o.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else o.squeeze(y, axis=axis)


def _softmax_over_lower(x, *, axis):
    if axis is None:
        return None
    e = o.exp(x - o.max(x, axis=axis, keepdims=True))
    lost = o.logical_and(o.is_inf(x), o.is_nan(e))
    e = o.where(lost, o.cast(x > 0, dtype=x.dtype.np), e)
    total = o.sum(e, axis=axis, keepdims=True)
    return e / o.where(o.equal(total, 0.0), 1.0, total)


def _matches(a, b):
    return np.equal(a, b).astype(a.dtype)


# Gradients


def _share(g, y, x, *, axis, keepdims):
    """Equal elements share the gradient of their maximum."""
    hits = o.matches(x, keep(y, x, axis, keepdims))
    return hits * (keep(g, x, axis, keepdims) / o.sum(hits, axis=axis, keepdims=True))


def _others(x, axis):
    """The product of all other elements along `axis`: no division, so zeros are well."""
    first, rest = axis[0], axis[1:]
    before = o.cumprod(x, axis=first, exclusive=True, reverse=False)
    product = before * o.cumprod(x, axis=first, exclusive=True, reverse=True)
    return product * _others(o.prod(x, axis=(first,), keepdims=True), rest) if rest else product


def _prod_grad(g, y, x, *, axis, keepdims):
    g = keep(g, x, axis, keepdims)
    if axis is None:
        return g * conj(o.reshape_like(_others(o.reshape(x, shape=(-1,)), (0,)), x))
    return g * conj(_others(x, axis)) if axis else g


def _mean_grad(g, y, x, *, axis, keepdims):
    shape = dims(x)
    if shape is None:
        return o.spread_evenly(g, x, axis=axis, keepdims=keepdims)
    n = 1
    for a in axis:
        n *= shape[a]
    return spread(g / (n or 1), x, axis, keepdims)


def _logsumexp_grad(g, y, x, *, axis, keepdims):
    return keep(g, x, axis, keepdims) * o.softmax_over(x, axis=axis)


# fmt: off
op("sum", fold(np.add), reduced_spec, lambda g, y, x, *, axis, keepdims: spread(g, x, axis, keepdims),
   kernel=Reduce("0", "({acc} + {x})"), kinds=NUMBER)
op("mean", _mean, reduced_spec, _mean_grad, kernel=Extern(), kinds=NUMBER)
op("prod", fold(np.multiply), reduced_spec, _prod_grad, kernel=Reduce("1", "({acc} * {x})"), kinds=NUMBER)
op("max", _max, reduced_spec, _share,
   kernel=Reduce("-math.inf", "maximum({acc}, {x})"), kinds=REAL)
op("min", choose(np.minimum, "max"), reduced_spec, _share,
   kernel=Reduce("math.inf", "minimum({acc}, {x})"), kinds=REAL)
op("any", logical(np.logical_or), _bool_spec("Any"), kernel=Reduce("False", "({acc} or {x})"))
op("all", logical(np.logical_and), _bool_spec("All"), kernel=Reduce("True", "({acc} and {x})"))
op("logsumexp", _logsumexp, reduced_spec, _logsumexp_grad,
   kernel=Composite(_logsumexp_lower), kinds=REAL_FLOATS)

op("softmax_over", _softmax_over, lambda x, *, axis: x,
   lambda g, y, x, *, axis: y * (g - o.sum(g * y, axis=axis, keepdims=True)),
   kernel=Composite(_softmax_over_lower), kinds=REAL_FLOATS)
# 1 where a == b, else 0, in their dtype.
row("matches", _matches, "(1.0 if {0} == {1} else 0.0)", kinds=NUMBER)
# fmt: on


# Public functions


def reduced(row: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    x = tensor(x)
    return apply(row, x, axis=axes_of(axis, x), keepdims=bool(keepdims))


def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Sum over `axis` (all axes when None); axes are dropped, or kept with size 1 by `keepdims`.

    Ints wrap around as in NumPy; float16 and bfloat16 are summed in float32.

    >>> tf.reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy()
    array([4., 6.], dtype=float32)
    """
    return reduced(o.sum, input_tensor, axis, keepdims)


def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Mean over `axis` (all axes when None). The mean of ints is an int, rounded towards zero.

    >>> tf.reduce_mean([[1.0, 2.0], [3.0, 6.0]], axis=1).numpy()
    array([1.5, 4.5], dtype=float32)
    """
    return reduced(o.mean, input_tensor, axis, keepdims)


def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Maximum over `axis` (all axes when None); equal elements share the gradient, nothing gives -inf.

    >>> tf.reduce_max([[1, 5], [4, 2]], axis=1).numpy()
    array([5, 4], dtype=int32)
    """
    return reduced(o.max, input_tensor, axis, keepdims)


def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Minimum over `axis` (all axes when None); equal elements share the gradient, nothing gives inf.

    >>> tf.reduce_min([[1, 5], [4, 2]], axis=1).numpy()
    array([1, 2], dtype=int32)
    """
    return reduced(o.min, input_tensor, axis, keepdims)


def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Product over `axis` (all axes when None). The gradient divides by nothing: zeros are well.

    >>> tf.reduce_prod([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy()
    array([3., 8.], dtype=float32)
    """
    return reduced(o.prod, input_tensor, axis, keepdims)


def reduce_any(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Whether any of the bools along `axis` (all axes when None) is True.

    >>> tf.reduce_any([[True, False], [False, False]], axis=1).numpy()
    array([ True, False])
    """
    return reduced(o.any, bools(input_tensor), axis, keepdims)


def reduce_all(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Whether all of the bools along `axis` (all axes when None) are True.

    >>> tf.reduce_all([[True, False], [True, True]], axis=1).numpy()
    array([False,  True])
    """
    return reduced(o.all, bools(input_tensor), axis, keepdims)


def bools(x: Any) -> Any:
    """`x`, if it has a dtype, which must be bool; Python's 0 and 1 are refused as TensorFlow refuses them."""
    return x if hasattr(x, "dtype") else tensor(x, bool_)


def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """log(sum(exp(x))) over `axis` (all axes when None), without overflow.

    The gradient is the softmax, also where elements are inf (1) or all are -inf (0).

    >>> tf.reduce_logsumexp([1000.0, 1000.0]).numpy().round(3)
    np.float32(1000.693)
    """
    return reduced(o.logsumexp, input_tensor, axis, keepdims)
