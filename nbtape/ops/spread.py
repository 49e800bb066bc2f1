"""What undoes broadcasting and reductions: sums down to a shape, and spreads over what was folded away.

`sum_to` and `broadcast_to` are for shapes that are known; `sum_to_like` and `spread` read theirs at run time
from a tensor of which nothing but the shape matters.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from nbtape.core.engine import o
from nbtape.core.kernel import View
from nbtape.core.shape import Spec
from nbtape.ops.row import NUMBER, op
from nbtape.ops.static import dims


def keep(g: Any, x: Any, axis: tuple | None, keepdims: bool) -> Any:
    """`g`, of the shape of a reduction of `x` over `axis`, in a shape that broadcasts against `x`."""
    if keepdims or not axis:
        return g
    shape = dims(x)
    if shape is None:
        return o.spread(g, x, axis=axis, keepdims=False)
    if len(axis) == len(shape):
        return g
    return o.reshape(g, shape=tuple([1 if i in axis else n for i, n in enumerate(shape)]))


def spread(g: Any, x: Any, axis: tuple | None, keepdims: bool) -> Any:
    """`g`, of the shape of a reduction of `x` over `axis`, in the shape of `x`."""
    shape = dims(x)
    if shape is None:
        return o.spread(g, x, axis=axis, keepdims=keepdims)
    return o.broadcast_to(keep(g, x, axis, keepdims), shape=shape)


@lru_cache(4096)
def lost(shape: tuple, to: tuple) -> tuple:
    """The axes of `shape` that broadcasting from `to` made."""
    extra = len(shape) - len(to)
    return tuple([i for i, n in enumerate(shape) if i < extra or (to[i - extra] == 1 and n != 1)])


def _sum_to(x, *, shape):
    total = o.sum.eager(x, axis=lost(x.shape, shape), keepdims=False)
    return total if total.shape == shape else total.reshape(shape)


def _spread(g, like, *, axis, keepdims):
    if not keepdims and axis is not None:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, like.shape)


def _spread_evenly(g, like, *, axis, keepdims):
    y = _spread(g, like, axis=axis, keepdims=keepdims)
    return y / max(y.size // max(g.size, 1), 1)


def _sum_back(g, x, axis, keepdims):
    return o.sum_to_like(g, x) if keepdims else o.sum(g, axis=axis, keepdims=False)


def _like_spec(x, like, **attrs):
    return Spec(like.shape, x.dtype)


# fmt: off
op("sum_to", _sum_to, lambda x, *, shape: Spec(shape, x.dtype),
   lambda g, y, x, *, shape: spread(g, x, (), True), kinds=NUMBER)
op("sum_to_like", lambda x, like: _sum_to(x, shape=like.shape), _like_spec,
   lambda g, y, x, like: spread(g, x, (), True), None)
op("spread", _spread, _like_spec,
   lambda g, y, x, like, *, axis, keepdims: _sum_back(g, x, axis, keepdims), None, kernel=View())
op("spread_evenly", _spread_evenly, _like_spec,
   lambda g, y, x, like, *, axis, keepdims: o.mean(g, axis=axis, keepdims=keepdims), None)
# fmt: on
