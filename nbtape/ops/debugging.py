"""Assertions on tensors: they raise at once, or when the graph that holds them runs."""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import FLOATS, as_dtype
from nbtape.core.engine import Tensor, apply, o, pair, tensor
from nbtape.core.errors import invalid
from nbtape.core.report import spec_of
from nbtape.core.shape import TensorShape
from nbtape.core.slices import IndexedSlices
from nbtape.ops import measure
from nbtape.ops.row import op
from nbtape.ops.static import known

_RELATIONS: dict[str, Callable] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_SYMBOLIC = {"==": o.equal, ">=": o.greater_equal}


def _compare(x, y, *, relation, message, summarize):
    with np.errstate(all="ignore"):
        held = _RELATIONS[relation](x, y)
    if not np.all(held):
        raise invalid(_report(x, y, np.asarray(held), relation, message, summarize))
    return held


def _report(x, y, held, relation, message, summarize) -> str:
    """TensorFlow's text, then the places where it does not hold."""
    x, y = np.broadcast_to(x, held.shape), np.broadcast_to(y, held.shape)
    wrong = np.argwhere(~held)
    n = len(wrong) if summarize is None or summarize < 0 else min(summarize, len(wrong))
    lines = [message] if message else []
    lines.append(f"Condition x {relation} y did not hold.")
    if held.ndim:
        lines.append(f"Indices of first {n} different values:")
        lines.append(str(wrong[:n]))
    lines.append(f"Corresponding x values:\n{x[~held][:n]}")
    lines.append(f"Corresponding y values:\n{y[~held][:n]}")
    return "\n".join(lines)


def _check_finite(x, *, message):
    bad = [kind for kind, test in (("Inf", np.isinf), ("NaN", np.isnan)) if np.any(test(x))]
    if bad:
        raise invalid(f"{message} : Tensor had {' and '.join(bad)} values")
    return x


def _compared_spec(x, y, **_):
    return o.equal.infer(x, y)


op("assert_relation", _compare, _compared_spec)
op("check_numerics", _check_finite, lambda x, *, message: x, lambda g, y, x, *, message: g, kinds=FLOATS)


def _assert(x: Tensor, relation: str, y: Tensor, message: str | None, summarize: int | None) -> Any:
    attrs = {
        "relation": relation,
        "message": message or "",
        "summarize": 3 if summarize is None else summarize,
    }
    if context.local.graph is not None and (a := known(x)) is not None and (b := known(y)) is not None:
        _compare(a, b, **attrs)
        return _known()
    apply(o.assert_relation, x, y, **attrs)
    return _last()


def _last() -> Any:
    """What an assertion gives: in a graph the operation, which others may wait for."""
    return None if context.local.graph is None else context.local.graph.last


def _known() -> Any:
    """What an assertion gives that holds for good."""
    if context.local.graph is not None:
        apply(o.no_op)
    return _last()


def _relation(name: str, sign: str, words: str) -> Callable:
    def function(
        x: Any, y: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
    ) -> Any:
        x, y = pair(x, y)
        x = tensor(x)
        return _assert(x, sign, tensor(y, x.dtype), message, summarize)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Raise InvalidArgumentError unless `x` {words} `y`, elementwise with broadcasting."
    return function


assert_equal = _relation("assert_equal", "==", "equals")
assert_none_equal = _relation("assert_none_equal", "!=", "differs from")
assert_less = _relation("assert_less", "<", "is less than")
assert_less_equal = _relation("assert_less_equal", "<=", "is at most")
assert_greater = _relation("assert_greater", ">", "is greater than")
assert_greater_equal = _relation("assert_greater_equal", ">=", "is at least")


def _sign(name: str, sign: str, words: str) -> Callable:
    def function(
        x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
    ) -> Any:
        x = tensor(x)
        zero = tensor(np.zeros((), x.dtype.np))
        return _assert(x, sign, zero, message, summarize)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Raise InvalidArgumentError unless every element of `x` is {words}."
    return function


assert_positive = _sign("assert_positive", ">", "positive")
assert_negative = _sign("assert_negative", "<", "negative")
assert_non_negative = _sign("assert_non_negative", ">=", "zero or positive")
assert_non_positive = _sign("assert_non_positive", "<=", "zero or negative")


def assert_near(
    x: Any,
    y: Any,
    rtol: float | None = None,
    atol: float | None = None,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """Raise InvalidArgumentError unless `|x - y| <= atol + rtol * |y|`; both are 10 times the dtype's
    precision.
    """
    x, y = (tensor(v) for v in pair(x, y))
    eps = 10 * float(np.finfo(x.dtype.np).eps)
    bound = (eps if atol is None else atol) + (eps if rtol is None else rtol) * abs(y)
    return _assert(abs(x - y), "<=", bound, message or "x and y not equal to tolerance", summarize)


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """`tensor` as it is; raises InvalidArgumentError, which begins with `message`, where it has inf or nan.

    >>> tf.debugging.check_numerics([1.0], "weights").numpy().tolist()
    [1.0]
    """
    return apply(o.check_numerics, _tensor(tensor), message=message)


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Any:
    """`x` as it is; raises InvalidArgumentError, which begins with `message`, where it has inf or nan."""
    return apply(o.check_numerics, _tensor(x), message=message)


_tensor = tensor


def assert_rank(x: Any, rank: int, message: str | None = None, name: str | None = None) -> Any:
    """Raise ValueError unless `x` has `rank` axes; InvalidArgumentError where only a run knows."""
    return _rank(x, "==", [int(rank)], f"must have rank {int(rank)}", message)


def assert_rank_at_least(x: Any, rank: int, message: str | None = None, name: str | None = None) -> Any:
    """Raise ValueError unless `x` has `rank` axes or more; InvalidArgumentError where only a run knows."""
    return _rank(x, ">=", [int(rank)], f"must have rank at least {int(rank)}", message)


def assert_rank_in(x: Any, ranks: Iterable[int], message: str | None = None, name: str | None = None) -> Any:
    """Raise ValueError unless the number of axes of `x` is one of `ranks`; InvalidArgumentError where only a
    run knows.
    """
    wanted = tuple(int(r) for r in ranks)
    return _rank(x, "==", wanted, f"must have rank in {wanted}", message)


def assert_scalar(tensor: Any, message: str | None = None, name: str | None = None) -> Any:
    """`tensor` as it is; raises ValueError unless it has rank 0."""
    x = _tensor(tensor)
    if len(x.shape) != 0:
        raise ValueError(f"{message or ''}Expected scalar shape, saw shape: {x.shape}.")
    return x


def _rank(x: Any, relation: str, ranks: Sequence[int], wanted: str, message: str | None) -> Any:
    x, head = _tensor(x), f"{message}. " if message else ""
    rank = x.shape.rank
    if rank is None:
        sizes = measure.shape(x)
        holds = [apply(_SYMBOLIC[relation], measure.size(sizes), np.int32(n)) for n in ranks]
        said = [_tensor(f"{head}Tensor {wanted}. Received shape:"), sizes]
        apply(o.assert_true, reduce(or_, holds), *said, shown="", summarize=-1)
        return _last()
    if not any(_RELATIONS[relation](rank, n) for n in ranks):
        raise ValueError(f"{head}Tensor {wanted}. Received rank {rank}, shape {x.shape}")
    return _known()


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> Any:
    """Raise TypeError unless `tensor` has dtype `tf_type`."""
    x, wanted = _tensor(tensor), as_dtype(tf_type)
    if x.dtype is not wanted:
        raise TypeError(f"{message or ''}tensor must be of type {wanted!r}; got {x.dtype!r}")
    return _known()


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Any:
    """Raise TypeError unless `x` has an integer dtype."""
    dtype = _tensor(x).dtype
    if not dtype.is_integer:
        raise TypeError(f'{message or ""}Expected "x" to be integer type, but got {dtype!r}')
    return _known()


def assert_proper_iterable(values: Any) -> None:
    """Raise TypeError unless `values` is an iterable of values: not one tensor, array or string."""
    if isinstance(values, Tensor | np.ndarray | str | bytes | IndexedSlices):
        raise TypeError(f'Expected argument "values" to be a "proper" iterable.  Found: {type(values)}')
    if not hasattr(values, "__iter__"):
        raise TypeError(f'Expected argument "values" to be iterable.  Found: {type(values)}')


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> Any:
    """The floating dtype that all of `tensors` (and `dtype`) share; raises ValueError where there is none."""
    found = None if dtype is None else as_dtype(dtype)
    for t in tensors or ():
        this = _tensor(t).dtype
        if found is not None and this is not found:
            raise ValueError(f"Expected all tensors to have dtype {found!r}, got {this!r}.")
        found = this
    found = found or as_dtype("float32")
    if not found.is_floating:
        raise ValueError(f"Expected floating point type, got {found!r}.")
    return found


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether `tensor` is a Tensor of numbers (no bools, no strings)."""
    return isinstance(tensor, Tensor) and spec_of(tensor).dtype.kind in "iufcV"


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Raise ValueError unless each tensor fits its shape; a symbol in several shapes stands for one size.

    `shapes` is a list of pairs or a dict: tensor to a sequence of sizes, symbols, None or "." (any size); a
    leading or trailing `...` or "*" stands for any number of axes; a string has one symbol a character.

    >>> tf.debugging.assert_shapes([(tf.ones([2, 3]), ("n", 3)), (tf.ones([2]), ("n",))])
    """
    sizes: dict[Any, int] = {}
    for x, spec in shapes.items() if isinstance(shapes, dict) else shapes:
        shape = TensorShape(_tensor(x.deref() if hasattr(x, "deref") else x).shape)
        for symbol, size in _matched(list(spec), shape, message):
            wanted = symbol if isinstance(symbol, int) else sizes.setdefault(symbol, size)
            if size != wanted:
                said = f"{symbol!r}, which is {wanted}" if not isinstance(symbol, int) else str(symbol)
                head = f"{message}. " if message else ""
                raise ValueError(
                    f"{head}Tensor of shape {shape} does not fit {tuple(spec)}: {size} where it wants {said}."
                )
    return _known()


def _matched(spec: list, shape: TensorShape, message: str | None) -> list[tuple[Any, int]]:
    open_ends = [s in (..., "*") for s in spec]
    dims = shape.as_list()
    if any(open_ends):
        if open_ends[0]:
            spec, dims = spec[1:], dims[max(len(dims) - len(spec) + 1, 0) :]
        else:
            spec, dims = spec[:-1], dims[: len(spec) - 1]
    if len(spec) != len(dims):
        head = f"{message}. " if message else ""
        raise ValueError(f"{head}Tensor of shape {shape} must have rank {len(spec)}.")
    return [
        (_symbol(s), d) for s, d in zip(spec, dims, strict=True) if s not in (None, ".") and d is not None
    ]


def _symbol(s: Any) -> Any:
    if isinstance(s, str) and s.isdigit():
        return int(s)
    return s
