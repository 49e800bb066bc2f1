"""Clipping by value and by norm, for tensors and IndexedSlices."""

from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, pair, tensor
from nbtape.core.slices import IndexedSlices
from nbtape.ops.arithmetic import cast
from nbtape.ops.measure import size
from nbtape.ops.reduce import reduce_sum


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """`t` with what is below the minimum or above the maximum set to it.

    The bounds broadcast to the shape of `t`. The gradient flows at them as well as between them. Raises
    ValueError where they have more dimensions than `t`, TypeError for float bounds of an integer tensor.

    >>> tf.clip_by_value([-3.0, 0.5, 3.0], -1.0, 1.0).numpy()
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    x = tensor(t.values if isinstance(t, IndexedSlices) else t)
    y = apply(o.clip, x, pair(x, clip_value_min)[1], pair(x, clip_value_max)[1])
    return like(t, y)


def like(t: Any, values: Any) -> Any:
    """`values` as IndexedSlices, where `t` is."""
    return IndexedSlices(values, t.indices, t.dense_shape) if isinstance(t, IndexedSlices) else values


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """`t`, scaled down to the norm `clip_norm` where its own, over `axes` (all by default), is larger.

    >>> tf.clip_by_norm([3.0, 4.0], 1.0).numpy()
    array([0.6, 0.8], dtype=float32)
    """
    x = tensor(t.values if isinstance(t, IndexedSlices) else t)
    if np.isscalar(clip_norm):
        clip_norm = max(clip_norm, 0)  # type: ignore[type-var]
    else:
        clip_norm = cast(apply(o.maximum, *pair(clip_norm, 0)), x.dtype)
    total = reduce_sum(x * x, axes, keepdims=True)
    positive = total > 0
    norm = apply(o.where, positive, apply(o.sqrt, apply(o.where, positive, total, total * 0 + 1)), total)
    scaled = x * clip_norm
    x.shape.assert_is_compatible_with(scaled.shape)
    return like(t, scaled / apply(o.maximum, *pair(norm, clip_norm)))


def global_norm(t_list: Any, name: str | None = None) -> Any:
    """The norm of all elements of a list of tensors and IndexedSlices, of which some may be None.

    >>> tf.linalg.global_norm([tf.constant([3.0]), None, tf.constant([4.0])]).numpy()
    np.float32(5.0)
    """
    squares = [reduce_sum(apply(o.square, x)) for x in _values(t_list) if x is not None]
    if not squares:
        return tensor(0.0)
    return apply(o.sqrt, squares[0] if len(squares) == 1 else apply(o.add_n, *squares))


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list, Any]:
    """Tensors and IndexedSlices, scaled down together to the norm `clip_norm`; and their norm before.

    Entries of None stay. `use_norm` is their norm, if it is known already; if not finite, all become nan.

    >>> clipped, norm = tf.clip_by_global_norm([tf.constant([3.0]), tf.constant([4.0])], 1.0)
    >>> [c.numpy().tolist() for c in clipped], norm.numpy()
    ([[0.6000000238418579], [0.800000011920929]], np.float32(5.0))
    """
    values = _values(t_list)
    use_norm = global_norm(t_list) if use_norm is None else tensor(use_norm)
    scale = clip_norm * apply(o.minimum, *pair(1.0 / use_norm, 1.0 / tensor(clip_norm, use_norm.dtype)))
    scale = scale + (use_norm - use_norm)
    clipped = [None if x is None else x * cast(scale, x.dtype) for x in values]
    return [None if x is None else like(t, x) for t, x in zip(t_list, clipped, strict=True)], use_norm


def _values(t_list: Any) -> list:
    if not isinstance(t_list, list | tuple):
        raise TypeError(f"`t_list` should be a sequence of tensors. Received {type(t_list)}.")
    return [None if t is None else tensor(t.values if isinstance(t, IndexedSlices) else t) for t in t_list]


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Any:
    """`t`, scaled down where its norm, divided by the number of its elements, is above `clip_norm`.

    >>> tf.compat.v1.clip_by_average_norm([3.0, 4.0], 1.0).numpy()
    array([1.2, 1.6], dtype=float32)
    """
    x = tensor(t)
    inverse = apply(o.rsqrt, reduce_sum(x * x)) * cast(size(x), x.dtype)
    return x * clip_norm * apply(o.minimum, *pair(inverse, 1.0 / tensor(clip_norm, x.dtype)))
