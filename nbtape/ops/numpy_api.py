"""The doors through which NumPy meets Tensors: `np.exp(t)`, `ndarray * t`, `np.sum(t)` stay differentiable.

NumPy asks a Tensor (or a Variable) what its functions do with it. Where there is an op for it, the op runs,
so that tapes and traces see it, and the result is a Tensor. Where there is none NumPy computes on the arrays,
the result is an array, and open recorders are told that the values left: `tape.explain` then names the line.
"""

import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import FLOATS, as_dtype
from nbtape.core.engine import EagerTensor, Operators, apply, binary, doors, equal_or, o, tensor
from nbtape.core.slices import IndexedSlices
from nbtape.ops import (
    numpy_layout as numpy_layout,  # for what it adds to FUNCTIONS
    reduce,
    scan,
)
from nbtape.ops.arithmetic import cast
from nbtape.ops.numpy_functions import FUNCTIONS, Unmapped, both
from nbtape.ops.numpy_linalg import matmul
from nbtape.ops.row import stands_for_tensor


def _names(text: str) -> dict[str, str]:
    """`arccos:acos exp` as a dict: NumPy's names and, where they differ, the rows'."""
    pairs = [name.partition(":") for name in text.split()]
    return {name: row or name for name, _, row in pairs}


# The ufuncs, NumPy's and SciPy's, that are a row of the table
_UNARY = _names(
    """
    absolute:abs arccos:acos arccosh:acosh arcsin:asin arcsinh:asinh arctan:atan arctanh:atanh ceil cos cosh
    exp expm1 fabs:abs floor invert isfinite:is_finite isinf:is_inf isnan:is_nan log log1p negative:neg
    positive:identity reciprocal rint sign sin sinh sqrt square tan tanh

    dawsn digamma erf erfc erfcinv erfcx erfinv expi:expint expit:sigmoid gammaln:lgamma i0:bessel_i0
    i0e:bessel_i0e i1:bessel_i1 i1e:bessel_i1e j0:bessel_j0 j1:bessel_j1 k0:bessel_k0 k0e:bessel_k0e
    k1:bessel_k1 k1e:bessel_k1e log_expit:log_sigmoid ndtri psi:digamma spence y0:bessel_y0 y1:bessel_y1
    """
)
_BINARY = _names(
    """
    arctan2:atan2 float_power:pow fmod:truncatemod gammainc:igamma gammaincc:igammac maximum minimum
    nextafter xlog1py xlogy
    """
)
# Python's operators between an array and a Tensor come as ufuncs too; they mean what they do between Tensors.
_OPERATORS = _names(
    """
    add subtract:sub multiply:mul divide:div floor_divide:floordiv remainder:floormod power:pow less
    less_equal greater greater_equal bitwise_and bitwise_or bitwise_xor left_shift right_shift
    """
)


def _logical(row: str) -> Callable:
    def function(*xs: Any) -> Any:
        bools = [tensor(x) for x in xs]
        return apply(getattr(o, row), *[x if x.dtype.is_bool else x != 0 for x in bools])

    return function


def _log_in(base: float) -> Callable:
    return lambda x: apply(o.log, x) * (1 / math.log(base))


def _divmod(a: Any, b: Any) -> tuple:
    return binary(o.floordiv, a, b), binary(o.floormod, a, b)


def _logaddexp(a: Any, b: Any) -> Any:
    high = binary(o.maximum, a, b)
    return high + apply(o.log1p, apply(o.exp, -abs(binary(o.sub, a, b))))


def _ignoring_nan(row: str) -> Callable:
    def function(a: Any, b: Any) -> Any:
        a, b = both(a, b)
        y = apply(getattr(o, row), a, b)
        return apply(o.where, apply(o.is_nan, a), b, apply(o.where, apply(o.is_nan, b), a, y))

    return function


def _conjugate(x: Any) -> Any:
    return apply(o.conj, x) if x.dtype.is_complex else x


def _copysign(a: Any, b: Any) -> Any:
    a, b = both(a, b)
    negative = (b < 0) | ((b == 0) & (1 / b < 0))
    return apply(o.where, negative, -abs(a), abs(a))


_COMPOSED: dict[str, Callable[..., Any]] = {
    "cbrt": lambda x: apply(o.sign, x) * abs(x) ** (1 / 3),
    "conjugate": _conjugate,
    "copysign": _copysign,
    "deg2rad": lambda x: x * (math.pi / 180),
    "degrees": lambda x: x * (180 / math.pi),
    "divmod": _divmod,
    "equal": lambda a, b: equal_or(o.equal, a, b, False),
    "exp2": lambda x: binary(o.pow, 2.0, x),
    "fmax": _ignoring_nan("maximum"),
    "fmin": _ignoring_nan("minimum"),
    "hypot": lambda a, b: apply(o.sqrt, apply(o.add, *[apply(o.square, x) for x in both(a, b)])),
    "log10": _log_in(10),
    "log2": _log_in(2),
    "logaddexp": _logaddexp,
    "logical_and": _logical("logical_and"),
    "logical_not": lambda x: _logical("logical_not")(x),
    "logical_or": _logical("logical_or"),
    "logical_xor": _logical("logical_xor"),
    "matmul": matmul,
    "not_equal": lambda a, b: equal_or(o.not_equal, a, b, True),
    "rad2deg": lambda x: x * (180 / math.pi),
    "radians": lambda x: x * (math.pi / 180),
    "trunc": lambda x: apply(o.truncatediv, x, 1.0),
    "vecdot": lambda a, b: reduce.reduce_sum(binary(o.mul, _conjugate(tensor(a)), b), -1),
}

_ALWAYS = {*_OPERATORS, "matmul", "equal", "not_equal", "divmod"}  # whatever the dtype

_REDUCTIONS = {
    "add": reduce.reduce_sum, "multiply": reduce.reduce_prod, "maximum": reduce.reduce_max,
    "minimum": reduce.reduce_min, "logical_and": reduce.reduce_all, "logical_or": reduce.reduce_any,
}  # fmt: skip
_SCANS = {"add": scan.cumsum, "multiply": scan.cumprod}
_SILENT = ("out", "where", "dtype", "initial")  # arguments that may be given without saying anything


def ufunc(ufunc: Any, method: str, inputs: tuple, kwargs: dict) -> Any:
    """What `np.exp(t)`, `array * t` and `np.add.reduce(t)` mean."""
    for x in inputs:
        if _has_rules_of_its_own(x):
            return NotImplemented
    if kwargs:
        kwargs = _said(kwargs)
        if any(isinstance(x, Operators) for x in kwargs.get("out", ())):
            raise TypeError("a Tensor never changes, and cannot be `out`: use the result of the function.")
    name = ufunc.__name__
    return _call(_method(name, method), getattr(ufunc, method), inputs, kwargs, always=name in _ALWAYS)


def function(func: Any, args: tuple, kwargs: dict) -> Any:
    """What `np.sum(t)` means."""
    f = _OF_SHAPE.get(func)
    if f is not None:
        return f(*args, **kwargs)
    return _call(FUNCTIONS.get(func), func, args, _said(kwargs) if kwargs else kwargs)


def _call(f: Callable | None, by_numpy: Any, args: tuple, kwargs: dict, always: bool = False) -> Any:
    """`f`, if it is there and takes these arguments; else what NumPy makes of the arrays."""
    if f is not None and _takes(f, args, kwargs):
        if always or context.local.graph is not None or _has_floats(args) or _has_floats(kwargs):
            try:
                return f(*args, **kwargs)
            except Unmapped:
                pass
        else:  # nothing to differentiate: NumPy's own rules for integers and bools
            return _nested(by_numpy(*_arrays(args), **_arrays(kwargs)), _as_tensor)
    return by_numpy(*_arrays(args), **_arrays(kwargs))


def _takes(f: Callable, args: tuple, kwargs: dict) -> bool:
    """Whether `f` has these arguments; that none is missing NumPy has seen to."""
    most, names = _parameters(f)
    return len(args) <= most and kwargs.keys() <= names


@cache
def _parameters(f: Callable) -> tuple[float, set[str]]:
    """How many arguments `f` takes by position, and which it takes by name."""
    parameters = inspect.signature(f).parameters.values()
    most = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    unbounded = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return math.inf if unbounded else most, names


def _has_floats(x: Any) -> bool:
    """Whether there is a tensor of floats or complex numbers, through which a gradient could flow."""
    if isinstance(x, list | tuple):
        return any([_has_floats(item) for item in x])
    if isinstance(x, dict):
        return any([_has_floats(item) for item in x.values()])
    return stands_for_tensor(x) and as_dtype(x.dtype).np.kind in FLOATS


@cache
def _method(name: str, method: str) -> Callable | None:
    """The function that stands for a ufunc, or for its `reduce`, `accumulate` or `outer`."""
    if method == "__call__":
        return _typed(_COMPOSED[name]) if name in _COMPOSED else _row(name)
    if method == "reduce" and name in _REDUCTIONS:
        return lambda x, axis=0, keepdims=False: _REDUCTIONS[name](x, axis, keepdims)
    if method == "accumulate" and name in _SCANS:
        return lambda x, axis=0: _SCANS[name](x, axis)
    inner = _method(name, "__call__") if method == "outer" else None
    return None if inner is None else lambda a, b: inner(_spread(a, b), tensor(b))


def _spread(a: Any, b: Any) -> Any:
    """`a` with as many axes of 1 at its end as `b` has axes."""
    a, b = tensor(a), tensor(b)
    return o.reshape(a, shape=tuple(a.shape) + (1,) * b.shape.rank)


def _row(name: str) -> Callable | None:
    if name in _UNARY:
        row = getattr(o, _UNARY[name])
        return _typed(lambda x: apply(row, x))
    found = _OPERATORS.get(name) or _BINARY.get(name)
    if found is None:
        return None
    row = getattr(o, found)
    return _typed(lambda a, b: binary(row, a, b))


def _typed(f: Callable) -> Callable:
    """`f` on Tensors, with NumPy's `dtype`, in which to compute."""

    def unary(x: Any, *, dtype: Any = None) -> Any:
        return f(_in(tensor(x), dtype))

    def binary(a: Any, b: Any, *, dtype: Any = None) -> Any:
        return f(_in(a, dtype), _in(b, dtype))

    return unary if _parameters(f)[0] == 1 else binary


def _in(x: Any, dtype: Any) -> Any:
    return x if dtype is None else cast(x, as_dtype(dtype))


def _said(kwargs: dict) -> dict:
    """`kwargs` without those that say nothing."""
    return {k: v for k, v in kwargs.items() if not (v is np._NoValue or k in _SILENT and _is_default(v))}


def _is_default(v: Any) -> bool:
    return v is None or v is True or isinstance(v, tuple) and all(part is None for part in v)


def _has_rules_of_its_own(x: Any) -> bool:
    if isinstance(x, (Operators, np.ndarray, np.generic, IndexedSlices)):  # noqa: UP038 (faster than a union)
        return False
    return getattr(type(x), "__array_ufunc__", None) is not None


def _nested(x: Any, f: Callable) -> Any:
    """`x` with `f` applied to what is in its lists, tuples and dicts."""
    if isinstance(x, dict):
        return {k: _nested(v, f) for k, v in x.items()}
    if isinstance(x, list):
        return [_nested(v, f) for v in x]
    if isinstance(x, tuple):
        parts = [_nested(v, f) for v in x]
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    return f(x)


def _as_tensor(x: Any) -> Any:
    return tensor(x) if isinstance(x, np.ndarray | np.generic) else x


def _arrays(x: Any) -> Any:
    """The arguments with arrays in place of tensors, which recorders are told of."""
    return _nested(x, _array)


def _array(x: Any) -> Any:
    if not stands_for_tensor(x):
        return x
    t = tensor(x)
    if not isinstance(t, EagerTensor):
        name = getattr(t, "name", None) or repr(t)
        raise NotImplementedError(
            f"Cannot convert a symbolic tf.Tensor ({name}) to a numpy array. This error may indicate that "
            "you're trying to pass a Tensor to a NumPy call, which is not supported. Look for a function of "
            "this name in tf, tf.math or tf.linalg."
        )
    return np.asarray(t.numpy())


# What needs no values, and gives none of them away


def _shape(a: Any) -> tuple:
    return tuple(tensor(a).shape)


def _ndim(a: Any) -> int:
    return tensor(a).shape.rank


def _size(a: Any, axis: int | None = None) -> int:
    return math.prod(_shape(a)) if axis is None else _shape(a)[axis]


def _filled_with(value: Any) -> Callable:
    """An array of a tensor's shape and dtype, made to be written into."""

    def like(a: Any, dtype: Any = None, *_: Any, shape: Any = None, **__: Any) -> np.ndarray:
        a = tensor(a)
        dtype = a.dtype.np if dtype is None else dtype
        return np.full(tuple(a.shape) if shape is None else shape, value, dtype)

    return like


def _full_like(a: Any, fill_value: Any, *args: Any, **kwargs: Any) -> np.ndarray:
    return _filled_with(fill_value)(a, *args, **kwargs)


_OF_SHAPE = {
    np.shape: _shape,
    np.ndim: _ndim,
    np.size: _size,
    np.zeros_like: _filled_with(0),
    np.ones_like: _filled_with(1),
    np.empty_like: _filled_with(0),
    np.full_like: _full_like,
}

doors["ufunc"] = ufunc
doors["function"] = function
