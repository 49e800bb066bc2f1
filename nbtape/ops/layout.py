"""Layout: reverse, roll, reverse_sequence, the moves between space and depth, and bitcast."""

from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype
from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import InvalidArgumentError, invalid
from nbtape.core.kernel import Composite, View
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import op
from nbtape.ops.shape import ranked, reshape_to_sizes
from nbtape.ops.static import dims, entries, integer, is_static, known, partial_dims, rank_of, sizes_of

as_tensor = tensor  # where a parameter is called `tensor`, as TensorFlow's are


# reverse, roll


def _flipped(x, *, axis):
    return x[tuple([slice(None, None, -1) if a in axis else slice(None) for a in range(x.ndim)])]


def _roll(x, *, shift, axis):
    return np.roll(x, shift, axis) if axis else x


def _roll_lower(x, *, shift, axis):
    """What is rolled over the end, and before it the rest, along one axis after the other."""
    shape: Any = dims(x)
    if shape is None or 0 in shape or x.dtype.np.kind == "O":
        return None
    for s, a in zip(shift, axis):
        kept = shape[a] - s % shape[a]
        if kept < shape[a]:
            parts = []
            for begin, count in ((kept, shape[a] - kept), (0, kept)):
                start = tuple([begin if b == a % len(shape) else 0 for b in range(len(shape))])
                size = tuple([count if b == a % len(shape) else n for b, n in enumerate(shape)])
                parts.append(o.slice(x, begin=start, size=size))
            x = o.concat(*parts, axis=a % len(shape))
    return x


def _same(x: Spec, **attrs: Any) -> Spec:
    return x


# fmt: off
op("reverse", _flipped, _same, lambda g, y, x, *, axis: o.reverse(g, axis=axis), kernel=View())
op("roll", _roll, _same,
   lambda g, y, x, *, shift, axis: o.roll(g, shift=tuple([-s for s in shift]), axis=axis),
   kernel=Composite(_roll_lower))
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
    """`input` with its elements moved `shift` places along `axis` (numbers or lists), coming in again at the
    start.

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
    """Each slice i of `input` along `batch_axis` with its first `seq_lengths[i]` elements along `seq_axis`
    reversed.

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


# bitcast


def _bitcast(x, *, dtype):
    if x.dtype.itemsize < dtype.itemsize:
        return ranked(np.ascontiguousarray(x).view(dtype)[..., 0])
    wide = np.ascontiguousarray(x)
    return ranked(
        (wide if x.dtype.itemsize == dtype.itemsize else wide[..., None])
        .view(dtype)
        .reshape(_split(x, dtype))
    )


def _split(x: Any, dtype: np.dtype) -> tuple:
    parts = x.dtype.itemsize // dtype.itemsize
    return x.shape if parts == 1 else (*x.shape, parts)


def _bitcast_spec(x: Spec, *, dtype: np.dtype) -> Spec:
    if x.shape is None or x.dtype.itemsize >= dtype.itemsize:
        return Spec(None if x.shape is None else _split(x, dtype), dtype)
    parts = dtype.itemsize // x.dtype.itemsize
    if not x.shape or x.shape[-1] not in (parts, None):
        raise invalid(f"Cannot bitcast from {bracket(x.shape)} of {x.dtype} to {dtype} [Op:Bitcast]")
    return Spec(x.shape[:-1], dtype)


op("bitcast", _bitcast, _bitcast_spec, kernel=View())


def bitcast(input: Any, type: Any, name: str | None = None) -> Any:
    """The bytes of `input` read as another dtype; where its size differs, the last axis is added or taken
    away.

    >>> tf.bitcast(1.0, tf.int32).numpy()
    np.int32(1065353216)
    """
    x, kind = tensor(input), as_dtype(type)
    for d in (x.dtype, kind):
        if d.np.kind == "O" or d.is_bool:
            raise invalid(
                f"Value for attr 'T' of {d.name} is not in the list of allowed values: numbers [Op:Bitcast]"
            )
    _bitcast_spec(Spec(partial_dims(x), x.dtype.np), dtype=kind.np)
    return apply(o.bitcast, x, dtype=kind.np)
