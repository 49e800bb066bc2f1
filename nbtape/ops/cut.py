"""Slices and their transpose, padding; reverse, roll, and the moves between space and depth."""

from typing import Any

import numpy as np

from nbtape.core.engine import Tensor, apply, o, tensor
from nbtape.core.errors import InvalidArgumentError, invalid
from nbtape.core.kernel import View
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import op
from nbtape.ops.static import array, dims, entries, is_static, known, partial_dims, sizes_of

_slice = slice  # the builtin, which the public function of this name hides below


def _window(begin: tuple, size: tuple) -> tuple:
    return tuple([_slice(b, b + n) for b, n in zip(begin, size)])


def _slice_eager(x, *, begin, size):
    y = x[_window(begin, size)]
    if y.shape != size:
        raise ValueError
    return y


def _slice_spec(x: Spec, *, begin: tuple, size: tuple) -> Spec:
    if x.shape is not None:
        if len(x.shape) != len(begin):
            raise _slice_rank(len(x.shape), (len(begin),), (len(size),))
        for i, (n, b, s) in enumerate(zip(x.shape, begin, size)):
            if n is not None and not 0 <= b <= n:
                raise invalid(f"Expected begin[{i}] in [0, {n}], but got {b} [Op:Slice]")
            if n is not None and not 0 <= s <= n - b:
                raise invalid(f"Expected size[{i}] in [0, {n - b}], but got {s} [Op:Slice]")
    return Spec(size, x.dtype)


def _slice_rank(rank: int, begin: tuple, size: tuple) -> Exception:
    return invalid(
        f"Expected begin and size arguments to be 1-D tensors of size {rank}, but got shapes "
        f"{bracket(begin)} and {bracket(size)} instead. [Op:Slice]"
    )


def _slice_grad(g, y, x, *, begin, size):
    shape = dims(x)
    if shape is None:
        return o.unslice(g, x, begin=begin)
    return o.pad(g, paddings=tuple([(b, n - b - s) for b, s, n in zip(begin, size, shape)]))


def _unslice(g, like, *, begin):
    y = np.zeros(like.shape, g.dtype)
    y[_window(begin, g.shape)] = g
    return y


# pad


def _pad(x, *, paddings):
    if len(paddings) != x.ndim:
        raise ValueError
    shape = tuple([before + n + after for n, (before, after) in zip(x.shape, paddings)])
    y = np.full(shape, b"", object) if x.dtype == object else np.zeros(shape, x.dtype)
    y[tuple([_slice(before, before + n) for n, (before, _) in zip(x.shape, paddings)])] = x
    return y if shape else x


def _pad_value(x, value, *, paddings):
    if len(paddings) != x.ndim:
        raise ValueError
    y = np.empty([before + n + after for n, (before, after) in zip(x.shape, paddings)], x.dtype)
    y[...] = value
    y[tuple([_slice(before, before + n) for n, (before, _) in zip(x.shape, paddings)])] = x
    return y


def _pad_spec(x: Spec, *value: Spec, paddings: tuple) -> Spec:
    if x.shape is None:
        return Spec((None,) * len(paddings), x.dtype)
    if len(x.shape) != len(paddings):
        raise invalid(
            f"The first dimension of paddings must be the rank of inputs[{len(paddings)},2] "
            f"{bracket(x.shape)} [Op:Pad]"
        )
    return Spec(tuple([None if n is None else b + n + a for n, (b, a) in zip(x.shape, paddings)]), x.dtype)


def _pad_grad(g, y, x, *, paddings):
    shape, begin = dims(x), tuple([before for before, _ in paddings])
    return o.slice_like(g, x, begin=begin) if shape is None else o.slice(g, begin=begin, size=shape)


def _border_grad(g, y, x, value, *, paddings):
    return o.sum_to(g, shape=()) - o.sum_to(_pad_grad(g, y, x, paddings=paddings), shape=())


# fmt: off
op("slice", _slice_eager, _slice_spec, _slice_grad, kernel=View())
op("unslice", _unslice, lambda g, like, *, begin: Spec(like.shape, g.dtype),
   lambda h, y, g, like, *, begin: o.slice_like(h, g, begin=begin), None)
op("slice_like", lambda x, like, *, begin: x[_window(begin, like.shape)],
   lambda x, like, *, begin: Spec(like.shape, x.dtype),
   lambda g, y, x, like, *, begin: o.unslice(g, x, begin=begin), None, kernel=View())
op("pad", _pad, _pad_spec, _pad_grad)
op("pad_value", _pad_value, _pad_spec,
   lambda g, y, x, value, *, paddings: _pad_grad(g, y, x, paddings=paddings), _border_grad)
# fmt: on


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """The block of `input_` that starts at `begin` and has shape `size`; -1 takes all that is left.

    >>> tf.slice([[1, 2, 3], [4, 5, 6]], [0, 1], [2, -1]).numpy().tolist()
    [[2, 3], [5, 6]]
    """
    x, whole = tensor(input_), sizes_of(tensor(input_))
    try:
        start, count = entries(begin, "Index"), entries(size, "Index")
    except InvalidArgumentError as error:
        if "vector" not in str(error):
            raise
        raise _slice_rank(len(whole), np.shape(known(begin)), np.shape(known(size))) from None
    if isinstance(start, Tensor):
        start = list(apply(o.unstack, start, num=len(whole), axis=0))
    if isinstance(count, Tensor):
        count = list(apply(o.unstack, count, num=len(whole), axis=0))
    if not len(start) == len(count) == len(whole):
        raise _slice_rank(len(whole), (len(start),), (len(count),))
    count = [n - b if isinstance(c, int) and c == -1 else c for b, c, n in zip(start, count, whole)]
    if is_static(start) and is_static(count):
        if any([not 0 <= b <= n for b, n in zip(start, whole) if isinstance(n, int)]):
            _slice_spec(Spec(partial_dims(x), x.dtype.np), begin=tuple(start), size=tuple(count))
        return apply(o.slice, x, begin=tuple(start), size=tuple(count))
    return x[tuple([_slice(b, b + c) for b, c in zip(start, count)])]


def strided_slice(
    input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """`input_[begin[0]:end[0]:strides[0], ...]`; bit i of a mask changes what item i of the key is.

    `begin_mask` and `end_mask` leave a bound open, `ellipsis_mask` makes the item `...`, `new_axis_mask`
    None, `shrink_axis_mask` the number `begin[i]`. Write `input_[key]` where you can.

    >>> tf.strided_slice([1, 2, 3, 4], [0], [4], [2]).numpy().tolist()
    [1, 3]
    """
    x, start, stop = tensor(input_), entries(begin, "Index"), entries(end, "Index")
    step = [1] * len(start) if strides is None else entries(strides, "Index")
    if not len(start) == len(stop) == len(step):
        raise invalid(
            "Expected begin, end, and strides to be 1D equal size tensors, but got shapes "
            f"[{len(start)}], [{len(stop)}], and [{len(step)}] instead. [Op:StridedSlice]"
        )
    key: list = []
    for i, (b, e, s) in enumerate(zip(start, stop, step)):
        bit = 1 << i
        if ellipsis_mask & bit:
            key.append(Ellipsis)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(b)
        else:
            key.append(_slice(None if begin_mask & bit else b, None if end_mask & bit else e, s))
    return x[tuple(key)]


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None
) -> Any:
    """`tensor` with `paddings[i] = (before, after)` elements added on axis i.

    `mode` CONSTANT fills them with `constant_values`; REFLECT mirrors without, SYMMETRIC with the edge
    itself.

    >>> tf.pad([1, 2, 3], [[1, 2]]).numpy().tolist(), tf.pad([1, 2, 3], [[2, 0]], "REFLECT").numpy().tolist()
    ([0, 1, 2, 3, 0, 0], [3, 2, 1, 2, 3])
    """
    x, kind = as_tensor(tensor), mode.upper()
    if kind not in ("CONSTANT", "REFLECT", "SYMMETRIC"):
        raise ValueError(
            'Value of argument `mode` expected to be one of "CONSTANT", "REFLECT", or "SYMMETRIC". '
            f"Received `mode` = {kind}"
        )
    amounts = array(paddings, "Tpaddings")
    if amounts.ndim != 2 or amounts.shape[1] != 2:
        raise invalid(f"paddings must be a matrix with 2 columns: {bracket(amounts.shape)} [Op:Pad]")
    pairs = tuple([(before, after) for before, after in amounts.tolist()])
    for before, after in pairs:
        if before < 0 or after < 0:
            raise invalid(f"Paddings must be non-negative: {before} {after} [Op:Pad]")
    if kind != "CONSTANT":
        return _mirrored(x, pairs, kind)
    if type(constant_values) in (int, float, bool) and not constant_values:
        return apply(o.pad, x, paddings=pairs)
    return apply(o.pad_value, x, as_tensor(constant_values, x.dtype), paddings=pairs)


as_tensor = tensor  # where a parameter is called `tensor`, as TensorFlow's are


def _mirrored(x: Any, pairs: tuple, kind: str) -> Any:
    sizes, edge = sizes_of(x), int(kind == "REFLECT")
    _pad_spec(Spec(partial_dims(x), np.dtype(np.float32)), paddings=pairs)
    for axis, (n, (before, after)) in enumerate(zip(sizes, pairs)):
        if not isinstance(n, int):
            raise ValueError(f"The size of axis {axis} of {x!r} must be known to mirror it.")
        if max(before, after) > n - edge:
            less = "less than the dimension size" if edge else "no greater than the dimension size"
            verb = "not less than" if edge else "greater than"
            raise invalid(f"paddings must be {less}: {before}, {after} {verb} {n} [Op:MirrorPad]")
        if before or after:
            i = np.arange(n, dtype=np.int32)
            i = np.concatenate([i[edge : before + edge][::-1], i, i[::-1][edge : after + edge]])
            x = apply(o.take, x, as_tensor(i), axis=axis)
    return x
