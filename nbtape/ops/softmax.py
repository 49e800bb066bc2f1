"""Softmax and log-softmax, and how to fold many short rows quickly."""

from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite
from nbtape.core.shape import Spec
from nbtape.ops.row import REAL_FLOATS, op
from nbtape.ops.static import integer, rank_of

highest: Any = np.maximum.reduce
total: Any = np.add.reduce
_SHORT, _MANY = 48, 32  # classes up to which, and rows from which, NumPy is faster on columns than on rows


def columns(x: Any, axis: int) -> bool:
    """Whether to work on a transposed copy: NumPy folds short rows one by one, but columns all at once."""
    return axis == x.ndim - 1 and x.ndim > 1 and x.shape[-1] <= _SHORT and x.size >= _MANY * x.shape[-1]


def transposed(x: Any) -> Any:
    """A matrix with the last axis of `x` first, and all others laid into one."""
    return x.reshape(-1, x.shape[-1]).T.copy()


def on_columns(f: Any) -> Any:
    """`f(x, axis)`, on columns where that is faster, and in float32 for narrower floats."""

    def eager(x, *, axis):
        if x.itemsize == 2:
            return eager(x.astype(np.float32), axis=axis).astype(x.dtype)
        if not x.size:
            return x.copy()
        if columns(x, axis):
            return f(transposed(x), 0).T.copy().reshape(x.shape)
        return f(x, axis)

    return eager


def _softmax(x, axis):
    e = x - highest(x, axis, None, None, True)
    np.exp(e, e)
    e /= total(e, axis, None, None, True)
    return e


def _log_softmax(x, axis):
    y = x - highest(x, axis, None, None, True)
    y -= np.log(total(np.exp(y), axis, None, None, True))
    return y


def from_top(x: Any, axis: int) -> Any:
    """`x` less the highest along `axis`."""
    return x - o.max(x, axis=(axis,), keepdims=True)


def _softmax_lower(x, *, axis):
    e = o.exp(from_top(x, axis))
    return e / o.sum(e, axis=(axis,), keepdims=True)


def _log_softmax_lower(x, *, axis):
    y = from_top(x, axis)
    return y - o.log(o.sum(o.exp(y), axis=(axis,), keepdims=True))


def _softmax_spec(x: Spec, *, axis: int) -> Spec:
    return x


# fmt: off
op("softmax", on_columns(_softmax), _softmax_spec,
   lambda g, y, x, *, axis: (g - o.sum(g * y, axis=(axis,), keepdims=True)) * y,
   kernel=Composite(_softmax_lower), kinds=REAL_FLOATS)
op("log_softmax", on_columns(_log_softmax), _softmax_spec,
   lambda g, y, x, *, axis: g - o.exp(y) * o.sum(g, axis=(axis,), keepdims=True),
   kernel=Composite(_log_softmax_lower), kinds=REAL_FLOATS)
# fmt: on


def class_axis(x: Any, axis: Any) -> int:
    """The axis of classes, by default the last, counted from the front."""
    rank = rank_of(x)
    if not rank:
        raise invalid("Input dims must be <= 5 and >=1: logits must have >= 1 dimension, got []")
    if axis is None:
        return rank - 1
    at = integer(axis)
    if not -rank <= at < rank:
        raise invalid(
            f"`dim` must be in the range [{-rank}, {rank}) where {rank} is the number of dimensions in the "
            f"input. Received: dim={at}"
        )
    return at % rank


def softmax(logits: Any, axis: Any = None, name: str | None = None) -> Any:
    """exp(logits) divided by its sum along `axis` (the last when None): probabilities. Takes floats.

    >>> tf.nn.softmax([[0.0, 0.0], [1000.0, 0.0]]).numpy()
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """
    x = tensor(logits)
    return apply(o.softmax, x, axis=class_axis(x, axis))


def log_softmax(logits: Any, axis: Any = None, name: str | None = None) -> Any:
    """The logarithm of softmax along `axis` (the last when None), which stays finite where softmax gives 0.

    >>> tf.nn.log_softmax([0.0, -1000.0]).numpy()
    array([    0., -1000.], dtype=float32)
    """
    x = tensor(logits)
    return apply(o.log_softmax, x, axis=class_axis(x, axis))
