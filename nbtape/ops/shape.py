"""Rows that move no data: reshape, transpose, broadcast_to, expand_dims, squeeze."""

import math
from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import InvalidArgumentError, invalid
from nbtape.core.kernel import View
from nbtape.core.shape import Dims, Spec, bracket, numel
from nbtape.ops.row import op
from nbtape.ops.static import dims, entries, hint, integer, is_static, known, partial_dims, rank_of, vector

_SMALL = 4096  # elements up to which a copy is faster than NumPy's broadcast view


def ranked(y: np.ndarray) -> Any:
    """`y` as a value: a rank of 0 is a NumPy scalar, except for strings."""
    return y if y.ndim or y.dtype == object else y[()]


def back_to(g: Any, x: Any) -> Any:
    """`g` in the shape of `x`, which has as many elements."""
    shape = dims(x)
    return o.reshape_like(g, x) if shape is None else o.reshape(g, shape=shape)


# reshape


def _reshape(x, *, shape):
    y = x.reshape(shape)
    return y if shape else ranked(y)


def _reshape_spec(x: Spec, *, shape: Dims) -> Spec:
    negative = [i for i, n in enumerate(shape) if n is not None and n < 0]
    for i in negative:
        if shape[i] != -1:
            raise invalid(f"Size {i} must be non-negative, not {shape[i]} [Op:Reshape]")
    if len(negative) > 1:
        raise invalid(f"Only one input size may be -1, not both {negative[0]} and {negative[1]} [Op:Reshape]")
    if None in shape or x.shape is None or None in x.shape:
        return Spec(tuple([None if n == -1 else n for n in shape]), x.dtype)
    size, wanted = math.prod(x.shape), math.prod([n for n in shape if n != -1])  # type: ignore[arg-type]
    told = f"Input to reshape is a tensor with {size} values, but the requested shape"
    if negative:
        if wanted and size % wanted:
            raise invalid(f"{told} requires a multiple of {wanted} [Op:Reshape]")
        return Spec(_resolved(shape, size), x.dtype)
    if wanted != size:
        raise invalid(
            f"{told} has {wanted} [Op:Reshape]\n"
            f"A shape of {size} elements is wanted; -1 in the place of one size works it out: "
            f"{_suggestion(shape, size)}"
        )
    return Spec(shape, x.dtype)


def _suggestion(shape: tuple, size: int) -> str:
    for i in reversed(range(len(shape))):
        others = numel(shape[:i] + shape[i + 1 :])
        if others and size % others == 0:
            return f"tf.reshape(x, {[*shape[:i], -1, *shape[i + 1 :]]})."
    return "tf.reshape(x, [-1])."


def _resolved(shape: tuple, size: int) -> tuple:
    """`shape` with -1 replaced by what is left of `size`; 0 over 0 is 1, as in TensorFlow."""
    others = numel([n for n in shape if n != -1])
    return tuple([(size // others if others else 1) if n == -1 else n for n in shape])


def _by(x, shape, *, hint):
    return _reshape(x, shape=tuple(shape.tolist()))


# fmt: off
op("reshape", _reshape, _reshape_spec, lambda g, y, x, *, shape: back_to(g, x), kernel=View())
op("reshape_like", lambda x, like: _reshape(x, shape=like.shape), lambda x, like: Spec(like.shape, x.dtype),
   lambda g, y, x, like: back_to(g, x), None, kernel=View())
op("reshape_by", _by, lambda x, shape, *, hint: Spec(hint, x.dtype),
   lambda g, y, x, shape, *, hint: back_to(g, x), None, kernel=View())
# fmt: on


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """`tensor` with its elements, in row-major order, in another `shape`; one size may be -1, what is left
    over.

    Raises InvalidArgumentError where the numbers of elements differ.

    >>> tf.reshape([[1, 2, 3], [4, 5, 6]], [3, -1]).numpy().tolist()
    [[1, 2], [3, 4], [5, 6]]
    """
    x = as_tensor(tensor)
    try:
        sizes = entries(shape, "Tshape", scalar=True)
    except InvalidArgumentError as error:
        raise _shaped_as("sizes input must be 1-D, not {}", shape, error) from None
    if not is_static(sizes):
        return apply(o.reshape_by, x, vector(sizes), hint=_by_hint(hint(sizes)))
    if sizes and min(sizes) < 0:
        shape_of_x = dims(x)
        if shape_of_x is not None and sizes.count(-1) == 1 and sum(n < 0 for n in sizes) == 1:
            size = numel(shape_of_x)
            others = numel([n for n in sizes if n != -1])
            if not others or size % others == 0:
                return apply(o.reshape, x, shape=_resolved(tuple(sizes), size))
        _reshape_spec(Spec(partial_dims(x), np.dtype(np.float32)), shape=tuple(sizes))
    return apply(o.reshape, x, shape=tuple(sizes))


def _by_hint(sizes: Dims | None) -> Dims | None:
    return None if sizes is None else tuple([None if n == -1 else n for n in sizes])


as_tensor = tensor  # where a parameter is called `tensor`, as TensorFlow's are


def _shaped_as(text: str, value: Any, error: Exception) -> Exception:
    """TensorFlow's words for an argument that is no vector; `error`, if something else is wrong with it."""
    shape = np.shape(known(value))
    return invalid(text.format(bracket(shape))) if "vector of integers" in str(error) else error


# transpose


def _transpose(x, *, perm):
    return x.transpose(perm) if x.ndim else x


def _transpose_spec(x: Spec, *, perm: tuple | None) -> Spec:
    if perm is None:
        return Spec(None if x.shape is None else x.shape[::-1], x.dtype)
    n = len(perm)
    if x.shape is not None and len(x.shape) != n:
        raise invalid(
            f"transpose expects a vector of size {len(x.shape)}. But input(1) is a vector of size {n} "
            f"[Op:Transpose]"
        )
    for p in perm:
        if not -n <= p < n:
            raise invalid(f"{p} is out of range [0 .. {n}) [Op:Transpose]")
    missing = set(range(n)) - {p % n for p in perm}
    if missing:
        raise invalid(f"{min(missing)} is missing from {{{','.join(map(str, perm))}}}. [Op:Transpose]")
    return Spec((None,) * n if x.shape is None else tuple([x.shape[p] for p in perm]), x.dtype)


def _inverse(perm: tuple | None) -> tuple | None:
    if perm is None:
        return None
    inverse = [0] * len(perm)
    for i, p in enumerate(perm):
        inverse[p] = i
    return tuple(inverse)


op("transpose", _transpose, _transpose_spec,
   lambda g, y, x, *, perm: o.transpose(g, perm=_inverse(perm)), kernel=View())  # fmt: skip


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str = "transpose") -> Any:
    """`a` with its axes in the order `perm`, by default reversed; with `conjugate`, of complex conjugates.

    >>> tf.transpose([[1, 2, 3], [4, 5, 6]]).numpy().tolist()
    [[1, 4], [2, 5], [3, 6]]
    """
    x = tensor(a)
    order: tuple | None = None
    if perm is not None:
        try:
            order = tuple(entries(perm, "Tperm"))
        except InvalidArgumentError as error:
            raise _shaped_as("perm must be rank 1, got shape {}", perm, error) from None
        order = tuple([p + len(order) if -len(order) <= p < 0 else p for p in order])
    y = apply(o.transpose, x, perm=order)
    return apply(o.conj, y) if conjugate and y.dtype.is_complex else y


# broadcast_to


def _broadcast_to(x, *, shape):
    if x.shape == shape:
        return x
    if math.prod(shape) > _SMALL:
        return np.broadcast_to(x, shape)
    y = np.empty(shape, x.dtype)
    y[...] = x
    if x.ndim > len(shape):
        raise ValueError
    return y


def _broadcast_to_spec(x: Spec, *, shape: Dims | None) -> Spec:
    if shape is None or x.shape is None:
        return Spec(shape, x.dtype)
    for n in shape:
        if n is not None and n < 0:
            raise invalid(f"Dimension {n} must be >= 0 [Op:BroadcastTo]")
    if len(x.shape) > len(shape):
        raise invalid(
            f"Rank of input ({len(x.shape)}) must be no greater than rank of output shape ({len(shape)}). "
            "[Op:BroadcastTo]"
        )
    for n, wanted in zip(reversed(x.shape), reversed(shape), strict=False):
        if None not in (n, wanted) and n not in (1, wanted):
            raise invalid(f"Incompatible shapes: {bracket(x.shape)} vs. {bracket(shape)} [Op:BroadcastTo]")
    return Spec(shape, x.dtype)


# The cotangent is summed down to the shape of the input by `backward`, as for everything that broadcasts.
# fmt: off
op("broadcast_to", _broadcast_to, _broadcast_to_spec, lambda g, y, x, *, shape: g, kernel=View())
op("broadcast_by", lambda x, shape, *, hint: _broadcast_to(x, shape=tuple(shape.tolist())),
   lambda x, shape, *, hint: _broadcast_to_spec(x, shape=hint),
   lambda g, y, x, shape, *, hint: g, None, kernel=View())
# fmt: on


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Any:
    """`input` stretched to `shape`, as it would be beside a tensor of that shape.

    >>> tf.broadcast_to([1, 2, 3], [2, 3]).numpy().tolist()
    [[1, 2, 3], [1, 2, 3]]
    """
    try:
        sizes = entries(shape, "Tidx")
    except InvalidArgumentError as error:
        raise _shaped_as("shape must be a vector of {{int32,int64}}, got shape {}", shape, error) from None
    return broadcast_to_sizes(tensor(input), sizes)


def broadcast_to_sizes(x: Any, sizes: Any) -> Any:
    """`x` stretched to what `entries` gave."""
    if is_static(sizes):
        shape = tuple(sizes)
        if shape and min(shape) < 0:
            _broadcast_to_spec(Spec(partial_dims(x), np.dtype(np.float32)), shape=shape)
        return apply(o.broadcast_to, x, shape=shape)
    return apply(o.broadcast_by, x, vector(sizes), hint=hint(sizes))


def reshape_to_sizes(x: Any, sizes: list) -> Any:
    if is_static(sizes):
        return apply(o.reshape, x, shape=tuple(sizes))
    return apply(o.reshape_by, x, vector(sizes), hint=_by_hint(hint(sizes)))


# expand_dims, squeeze


def _expanded(shape: tuple, axis: int) -> tuple:
    return (*shape[:axis], 1, *shape[axis:])


def _squeeze(x, *, axis):
    if any([x.shape[a] != 1 for a in axis]):
        raise ValueError
    return _reshape(x, shape=tuple([n for i, n in enumerate(x.shape) if i not in axis]))


def _squeeze_spec(x: Spec, *, axis: tuple) -> Spec:
    if x.shape is None:
        return x
    for a in axis:
        if x.shape[a] not in (1, None):
            raise invalid(
                f"Can not squeeze dim[{a}], expected a dimension of 1, got {x.shape[a]} [Op:Squeeze]"
            )
    return Spec(tuple([n for i, n in enumerate(x.shape) if i not in axis]), x.dtype)


# fmt: off
op("expand_dims", lambda x, *, axis: x.reshape(_expanded(x.shape, axis)),
   lambda x, *, axis: Spec(None if x.shape is None else _expanded(x.shape, axis), x.dtype),
   lambda g, y, x, *, axis: back_to(g, x), kernel=View())
op("squeeze", _squeeze, _squeeze_spec, lambda g, y, x, *, axis: back_to(g, x), kernel=View())
# fmt: on


def expand_dims(input: Any, axis: Any, name: str | None = None) -> Any:
    """`input` with a new axis of size 1 put in front of `axis`; -1 puts it last.

    >>> tf.expand_dims([1, 2, 3], 0).shape, tf.expand_dims([1, 2, 3], -1).shape
    (TensorShape([1, 3]), TensorShape([3, 1]))
    """
    x = tensor(input)
    try:
        at = integer(axis, "Tdim")
    except InvalidArgumentError as error:
        raise (
            invalid("'dim' must be a tensor with a single value") if "vector" in str(error) else error
        ) from None
    rank = rank_of(x)
    if not -rank - 1 <= at <= rank:
        raise invalid(f"Tried to expand dim index {at} for tensor with {rank} dimensions. [Op:ExpandDims]")
    return apply(o.expand_dims, x, axis=at + rank + 1 if at < 0 else at)


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """`input` without its axes of size 1: all of them, or those that `axis` (a number or a list) names.

    >>> tf.squeeze([[[1], [2]]]).shape, tf.squeeze([[[1], [2]]], axis=0).shape
    (TensorShape([2]), TensorShape([2, 1]))
    """
    x = tensor(input)
    axes = [] if axis is None else entries(axis, "squeeze_dims", scalar=True)
    shape = partial_dims(x)
    if not axes:
        if shape is None or None in shape:
            raise ValueError(f"Name the axes to squeeze: which sizes are 1 in {x!r} is not known yet.")
        return apply(o.squeeze, x, axis=tuple([i for i, n in enumerate(shape) if n == 1]))
    rank = rank_of(x)
    for a in axes:
        if not -rank <= a < rank:
            raise invalid(f"Tried to squeeze dim index {a} for tensor with {rank} dimensions. [Op:Squeeze]")
    return apply(o.squeeze, x, axis=tuple(sorted({a % rank for a in axes})))
