"""Python's own functions for converted code: `range(n)`, `len(x)`, `int(x)` and their like on tensors."""

import functools
from collections.abc import Callable
from typing import Any

from nbtape.core import context
from nbtape.core.dtype import float32, int32
from nbtape.core.engine import tensor
from nbtape.graph.conversion.operators import staged
from nbtape.ops.arithmetic import cast
from nbtape.ops.functions import maximum, minimum
from nbtape.ops.measure import shape
from nbtape.ops.sequence import range as tensor_range


def range_(*args: Any) -> Any:
    """`range`, of tensors a tensor."""
    return tensor_range(*args) if any([staged(x) for x in args]) else range(*args)


def len_(x: Any) -> Any:
    """`len`, of a tensor the size of its first axis: a number where that is known."""
    if not staged(x):
        return len(x)
    x = tensor(x)
    if x.shape.rank == 0:
        raise ValueError("len requires a non-scalar tensor, got one of shape ()")
    n = x.shape[0] if x.shape.rank else None
    return shape(x)[0] if n is None else n


def int_(x: Any = 0, *base: Any) -> Any:
    """`int`, of a tensor an int32 one."""
    return cast(x, int32) if staged(x) else int(x, *base)


def float_(x: Any = 0.0) -> Any:
    """`float`, of a tensor a float32 one."""
    return cast(x, float32) if staged(x) else float(x)


def min_(*args: Any, **kwargs: Any) -> Any:
    """`min`, of tensors a tensor."""
    return functools.reduce(minimum, args) if _several(args, kwargs) else min(*args, **kwargs)


def max_(*args: Any, **kwargs: Any) -> Any:
    """`max`, of tensors a tensor."""
    return functools.reduce(maximum, args) if _several(args, kwargs) else max(*args, **kwargs)


def _several(args: tuple, kwargs: dict) -> bool:
    return len(args) > 1 and not kwargs and any([staged(x) for x in args])


# Of what a loop in a graph can go through, a dataset, these make another one.


def enumerate_(xs: Any, start: Any = 0) -> Any:
    """`enumerate`, of a dataset a dataset."""
    return xs.enumerate(start) if _in_graph(xs) else enumerate(xs, start)


def iter_(x: Any, *sentinel: Any) -> Any:
    """`iter`, of a dataset an iterator that each run of the graph makes anew."""
    return x.__graph_iterator__() if not sentinel and _in_graph(x) else iter(x, *sentinel)


def zip_(*xs: Any, **kwargs: Any) -> Any:
    """`zip`, of datasets a dataset."""
    return type(xs[0]).zip(xs) if xs and all([_in_graph(x) for x in xs]) else zip(*xs, **kwargs)


def map_(function: Callable, *xs: Any) -> Any:
    """`map`, of a dataset a dataset."""
    return xs[0].map(function) if len(xs) == 1 and _in_graph(xs[0]) else map(function, *xs)


def filter_(function: Any, xs: Any) -> Any:
    """`filter`, of a dataset a dataset."""
    return xs.filter(function) if _in_graph(xs) else filter(function, xs)


def _in_graph(xs: Any) -> bool:
    return context.local.graph is not None and hasattr(type(xs), "__graph_iter__")


OVERLOADS: dict[Any, Callable] = {
    range: range_, len: len_, int: int_, float: float_, min: min_, max: max_,
    enumerate: enumerate_, iter: iter_, zip: zip_, map: map_, filter: filter_,
}  # fmt: skip
