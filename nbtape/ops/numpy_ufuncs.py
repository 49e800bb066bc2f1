"""What stands for NumPy's ufuncs (and SciPy's), and for their methods, when they meet a Tensor."""

import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import Any

from nbtape.core.dtype import as_dtype
from nbtape.core.engine import apply, binary, equal_or, o, tensor
from nbtape.ops import reduce, scan
from nbtape.ops.arithmetic import cast
from nbtape.ops.numpy_functions import both
from nbtape.ops.numpy_linalg import matmul


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

ALWAYS = {*_OPERATORS, "matmul", "equal", "not_equal", "divmod"}  # whatever the dtype

_REDUCTIONS = {
    "add": reduce.reduce_sum, "multiply": reduce.reduce_prod, "maximum": reduce.reduce_max,
    "minimum": reduce.reduce_min, "logical_and": reduce.reduce_all, "logical_or": reduce.reduce_any,
}  # fmt: skip
_SCANS = {"add": scan.cumsum, "multiply": scan.cumprod}


@cache
def parameters(f: Callable) -> tuple[float, set[str]]:
    """How many arguments `f` takes by position, and which it takes by name."""
    parameters = inspect.signature(f).parameters.values()
    most = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    unbounded = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return math.inf if unbounded else most, names


@cache
def standing_for(name: str, method: str) -> Callable | None:
    """The function that stands for a ufunc, or for its `reduce`, `accumulate` or `outer`."""
    if method == "__call__":
        return _typed(_COMPOSED[name]) if name in _COMPOSED else _row(name)
    if method == "reduce" and name in _REDUCTIONS:
        return lambda x, axis=0, keepdims=False: _REDUCTIONS[name](x, axis, keepdims)
    if method == "accumulate" and name in _SCANS:
        return lambda x, axis=0: _SCANS[name](x, axis)
    inner = standing_for(name, "__call__") if method == "outer" else None
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

    return unary if parameters(f)[0] == 1 else binary


def _in(x: Any, dtype: Any) -> Any:
    return x if dtype is None else cast(x, as_dtype(dtype))
