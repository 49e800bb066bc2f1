"""Slices and their transpose, padding; reverse, roll, and the moves between space and depth."""

from typing import Any

import numpy as np

from nbtape.core.engine import Tensor, apply, o, tensor
from nbtape.core.errors import InvalidArgumentError, invalid
from nbtape.core.kernel import View
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import op
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import array, dims, entries, integer, is_static, known, partial_dims, rank_of, sizes_of

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
        f"Expected begin and size arguments to be 1-D tensors of size {rank}, but got shapes {bracket(begin)} and "
        f"{bracket(size)} instead. [Op:Slice]"
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
op("slice_like", lambda x, like, *, begin: x[_window(begin, like.shape)], lambda x, like, *, begin: Spec(like.shape, x.dtype),
   lambda g, y, x, like, *, begin: o.unslice(g, x, begin=begin), None, kernel=View())
op("pad", _pad, _pad_spec, _pad_grad)
op("pad_value", _pad_value, _pad_spec, lambda g, y, x, value, *, paddings: _pad_grad(g, y, x, paddings=paddings), _border_grad)
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
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """`input_[begin[0]:end[0]:strides[0], ...]`; bit i of a mask changes what item i of the key is.

    `begin_mask` and `end_mask` leave a bound open, `ellipsis_mask` makes the item `...`, `new_axis_mask` None,
    `shrink_axis_mask` the number `begin[i]`. Write `input_[key]` where you can.

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

    `mode` CONSTANT fills them with `constant_values`; REFLECT mirrors without, SYMMETRIC with the edge itself.

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
    if not isinstance(constant_values, Tensor) and np.ndim(constant_values) == 0 and not constant_values:
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


# reverse, roll


def _flipped(x, *, axis):
    return x[tuple([_slice(None, None, -1) if a in axis else _slice(None) for a in range(x.ndim)])]


def _roll(x, *, shift, axis):
    return np.roll(x, shift, axis) if axis else x


def _same(x: Spec, **attrs: Any) -> Spec:
    return x


# fmt: off
op("reverse", _flipped, _same, lambda g, y, x, *, axis: o.reverse(g, axis=axis), kernel=View())
op("roll", _roll, _same, lambda g, y, x, *, shift, axis: o.roll(g, shift=tuple([-s for s in shift]), axis=axis))
# fmt: on


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """`tensor` with the order of the elements along each axis of the list `axis` turned round.

    >>> tf.reverse([[1, 2], [3, 4]], axis=[1]).numpy().tolist()
    [[2, 1], [4, 3]]
    """
    x = as_tensor(tensor)
    try:
        axes = entries(axis, "Tidx")
    except InvalidArgumentError as error:
        if "vector" not in str(error):
            raise
        raise invalid(f"'dims' must be 1-dimension, not {np.ndim(known(axis))} [Op:ReverseV2]") from None
    rank = rank_of(x)
    for i, a in enumerate(axes):
        if not -rank <= a < rank:
            raise invalid(f"'axis'[{i}] = {a} is out of valid range [0, {rank - 1}] [Op:ReverseV2]")
        if a % rank in [b % rank for b in axes[:i]]:
            raise invalid(f"axis {a % rank} specified more than once. [Op:ReverseV2]")
    return apply(o.reverse, x, axis=tuple(sorted([a % rank for a in axes])))


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """`input` with its elements moved `shift` places along `axis` (numbers or lists), coming in again at the start.

    >>> tf.roll([1, 2, 3, 4], shift=1, axis=0).numpy().tolist()
    [4, 1, 2, 3]
    """
    x = tensor(input)
    rank = rank_of(x)
    if not rank:
        raise invalid("input must be 1-D or higher [Op:Roll]")
    shifts, axes = entries(shift, "Tshift", scalar=True), entries(axis, "Taxis", scalar=True)
    if len(shifts) != len(axes):
        raise invalid("shift and axis must have the same size [Op:Roll]")
    for a in axes:
        if not -rank <= a < rank:
            raise invalid(f"axis {a} is out of range [Op:Roll]")
    axes = [a % rank for a in axes]
    if is_static(shifts):
        return apply(o.roll, x, shift=tuple(shifts), axis=tuple(axes))
    for s, a in zip(shifts, axes):
        size = sizes_of(x)[a]
        steps = apply(o.range, *[tensor(n, s.dtype) for n in (0, size, 1)])
        x = apply(o.take, x, (steps - s) % tensor(size, s.dtype), axis=a)
    return x


def _reverse_sequence(x, lengths, *, seq_axis, batch_axis):
    y = np.moveaxis(x, (batch_axis, seq_axis), (0, 1)).copy()
    for i, n in enumerate(lengths.tolist()):
        y[i, :n] = y[i, :n][::-1].copy()
    return np.moveaxis(y, (0, 1), (batch_axis, seq_axis))


op("reverse_sequence", _reverse_sequence, lambda x, lengths, **attrs: x,
   lambda g, y, x, lengths, **attrs: o.reverse_sequence(g, lengths, **attrs), None)  # fmt: skip


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
) -> Any:
    """Each slice i of `input` along `batch_axis` with its first `seq_lengths[i]` elements along `seq_axis` reversed.

    >>> tf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], seq_axis=1).numpy().tolist()
    [[2, 1, 3], [6, 5, 4]]
    """
    x, lengths = tensor(input), tensor(seq_lengths)
    rank, over, batch = rank_of(x), integer(seq_axis or 0), integer(batch_axis or 0)
    for what, a in (("seq_dim", over), ("batch_dim", batch)):
        if not -rank <= a < rank:
            raise invalid(f"{what} must be < input.dims() ( {a} vs. {rank}) [Op:ReverseSequence]")
    over, batch = over % rank, batch % rank
    if over == batch:
        raise invalid(f"batch_dim == seq_dim == {over} [Op:ReverseSequence]")
    sizes, n = partial_dims(x), known(lengths)
    if n is not None:
        if sizes[batch] not in (None, n.size):
            raise invalid(f"Length of seq_lengths != input.dims({batch}), ({n.size} vs. {sizes[batch]})")
        for i, length in enumerate(n.tolist()):
            if sizes[over] is not None and length > sizes[over]:
                raise invalid(f"seq_lens({i}) > input.dims({over}) [Op:ReverseSequence]")
            if length < 0:
                raise invalid(f"seq_lens({i}) < 0 [Op:ReverseSequence]")
    return apply(o.reverse_sequence, x, lengths, seq_axis=over, batch_axis=batch)


# Space and depth: a reshape, a transpose, a reshape


def _blocks(x: Any, block_size: Any, data_format: str, op_name: str) -> tuple[Any, list, int]:
    if block_size < 2:
        raise invalid(
            f"Value for attr 'block_size' of {block_size} must be at least minimum 2 [Op:{op_name}]"
        )
    if data_format not in ("NHWC", "NCHW"):
        raise invalid(f"Only NHWC and NCHW are supported for {op_name}, got {data_format}")
    x = tensor(x)
    if rank_of(x) != 4:
        raise invalid(f"Input rank should be 4 instead of {rank_of(x)} [Op:{op_name}]")
    if data_format == "NCHW":
        x = apply(o.transpose, x, perm=(0, 2, 3, 1))
    return x, sizes_of(x), block_size


def _from_nhwc(x: Any, data_format: str) -> Any:
    return apply(o.transpose, x, perm=(0, 3, 1, 2)) if data_format == "NCHW" else x


def _rearranged(x: Any, apart: list, perm: tuple, shape: list) -> Any:
    return reshape_to_sizes(apply(o.transpose, reshape_to_sizes(x, apart), perm=perm), shape)


def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """Images with each block of `block_size` x `block_size` pixels laid into the channels of one pixel."""
    x, (n, h, w, c), b = _blocks(input, block_size, data_format, "SpaceToDepth")
    if any(isinstance(k, int) and k % b for k in (h, w)):
        raise invalid(
            f"Image width {w} and height {h} should be divisible by block_size: {b} [Op:SpaceToDepth]"
        )
    apart = [n, h // b, b, w // b, b, c]
    y = _rearranged(x, apart, (0, 1, 3, 2, 4, 5), [n, h // b, w // b, b * b * c])
    return _from_nhwc(y, data_format)


def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """Images with the channels of each pixel laid out as a block of `block_size` x `block_size` pixels."""
    x, (n, h, w, c), b = _blocks(input, block_size, data_format, "DepthToSpace")
    if isinstance(c, int) and c % (b * b):
        raise invalid(f"Input depth dimension {c} should be divisible by: {b * b} [Op:DepthToSpace]")
    apart = [n, h, w, b, b, c // (b * b)]
    y = _rearranged(x, apart, (0, 1, 3, 2, 4, 5), [n, h * b, w * b, c // (b * b)])
    return _from_nhwc(y, data_format)
