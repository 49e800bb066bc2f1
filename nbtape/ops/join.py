"""Joining and repeating: concat, stack, split, unstack, tile, repeat; each row beside its transpose."""

import math
from typing import Any

import numpy as np

from nbtape.core.dtype import DType
from nbtape.core.engine import Tensor, apply, beside, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite
from nbtape.core.shape import Dims, Spec, bracket
from nbtape.ops.key import row_key
from nbtape.ops.row import ANY, op
from nbtape.ops.static import (
    dims,
    entries,
    integer,
    is_static,
    is_tensor,
    known,
    partial_dims,
    rank_of,
)  # fmt: skip

_FEW, _SMALL = 8, 1 << 16  # parts, and elements, of which loops choose the one they want as they go


def tensors(values: Any) -> list:
    """Values as Tensors of one dtype: that of the first Tensor among them, else of the first value."""
    if is_tensor(values):
        return [tensor(values)]
    if not isinstance(values, list | tuple):
        values = list(values) if isinstance(values, np.ndarray) and values.ndim else [values]
    dtype = next((tensor(v).dtype for v in values if is_tensor(v)), None)
    found = []
    for v in values:
        found.append(tensor(v) if is_tensor(v) or dtype is None else _member(v, dtype))
        dtype = dtype or found[0].dtype
    return found


def _member(v: Any, dtype: DType) -> Any:
    v = beside(v, dtype)
    return v if isinstance(v, Tensor) else tensor(v, dtype)


# concat


def _concat(*xs, axis):
    return np.concatenate(xs, axis)


def _concat_spec(*xs: Spec, axis: int) -> Spec:
    known_shapes = [x.shape for x in xs if x.shape is not None]
    if not known_shapes:
        return xs[0]
    first = known_shapes[0]
    if not first:
        raise invalid("ConcatOp : Can't concatenate scalars (use tf.stack instead) [Op:ConcatV2]")
    if not 0 <= axis < len(first):
        raise _concat_axis(axis, len(first))
    for i, shape in enumerate(known_shapes):
        if len(shape) != len(first):
            raise invalid(
                "ConcatOp : Ranks of all input tensors should match: "
                f"shape[0] = {bracket(first)} vs. shape[{i}] = {bracket(shape)} [Op:ConcatV2]"
            )
        for a, (m, n) in enumerate(zip(first, shape)):
            if a != axis and None not in (m, n) and m != n:
                raise invalid(
                    f"ConcatOp : Dimension {a} in both shapes must be equal: "
                    f"shape[0] = {bracket(first)} vs. shape[{i}] = {bracket(shape)} [Op:ConcatV2]"
                )
    sizes = [next((s[a] for s in known_shapes if s[a] is not None), None) for a in range(len(first))]
    along = [x.shape[axis] if x.shape is not None else None for x in xs]
    sizes[axis] = None if None in along else sum(along)  # type: ignore[arg-type]
    return Spec(tuple(sizes), xs[0].dtype)


def _concat_axis(axis: int, rank: int) -> Exception:
    return invalid(
        f"ConcatOp : Expected concatenating dimensions in the range [{-rank}, {rank}), but got {axis}"
    )


def _concat_grad(i, g, y, *xs, axis):
    shapes: list[Any] = [dims(x) for x in xs]
    if None in shapes:
        return o.concat_part(g, *xs, which=i, axis=axis)
    start = sum([s[axis] for s in shapes[:i]])
    begin = tuple([start if a == axis else 0 for a in range(len(shapes[i]))])
    return o.slice(g, begin=begin, size=shapes[i])


def _concat_part(g, *xs, which, axis):
    start = sum([x.shape[axis] for x in xs[:which]])
    return g[(slice(None),) * axis + (slice(start, start + xs[which].shape[axis]),)]


def _concat_part_grad(i, h, y, g, *xs, which, axis):
    if i:
        return None
    return o.concat(*[h if k == which else o.zeros_like(x) for k, x in enumerate(xs)], axis=axis)


def _concat_lower(*xs, axis):
    """Each element from the one part that has it: where there are few of them, loops need nobody's help."""
    shapes: list[Any] = [dims(x) for x in xs]
    if None in shapes or len(xs) > _FEW or xs[0].dtype.np.kind == "O":
        return None
    ends = np.cumsum([shape[axis] for shape in shapes]).tolist()
    rank, whole = len(shapes[0]), ends[-1]
    if math.prod(shapes[0]) // max(shapes[0][axis], 1) * whole > _SMALL:
        return None
    at = o.reshape(
        apply(o.iota, size=whole, dtype=np.dtype(np.int64)), shape=(whole, *(1,) * (rank - axis - 1))
    )
    y = None
    for x, shape, end in zip(xs[::-1], shapes[::-1], ends[::-1]):
        begin = end - shape[axis]
        part = o.pad(x, paddings=tuple([(begin, whole - end) if a == axis else (0, 0) for a in range(rank)]))
        y = part if y is None else o.where(o.less(at, end), part, y)
    return y


op("concat", _concat, _concat_spec, variadic=_concat_grad, kinds=ANY, kernel=Composite(_concat_lower))
op(
    "concat_part",
    _concat_part,
    lambda g, *xs, which, axis: Spec(xs[which].shape, g.dtype),
    variadic=_concat_part_grad,
)


def concat(values: Any, axis: Any, name: str = "concat") -> Any:
    """`values`, tensors that differ in size along `axis` only, joined along it.

    >>> tf.concat([[[1, 2]], [[3, 4], [5, 6]]], axis=0).numpy().tolist()
    [[1, 2], [3, 4], [5, 6]]
    """
    xs = tensors(values)
    at = integer(axis, "Tidx")
    if not xs:
        raise invalid(
            "ConcatOp : Expected at least one tensor to concatenate, got an empty list [Op:ConcatV2]"
        )
    if len(xs) == 1:
        return apply(o.identity, xs[0])
    rank = next((len(shape) for x in xs if (shape := partial_dims(x)) is not None), None)
    if rank and not -rank <= at < rank:
        raise _concat_axis(at, rank)
    return apply(o.concat, *xs, axis=at % rank if rank else 0)


# stack, unstack


def _stack(*xs, axis):
    first = xs[0]
    shape = first.shape
    y = np.empty((len(xs), *shape), first.dtype)
    for i, x in enumerate(xs):
        if x.shape != shape:
            raise ValueError
        y[i] = x if shape else x[()]
    return y if not axis else y.transpose((*range(1, axis + 1), 0, *range(axis + 1, y.ndim)))


def _stack_spec(*xs: Spec, axis: int) -> Spec:
    shape: Dims | None = None
    for i, x in enumerate(xs):
        if x.shape is None:
            continue
        if shape is None:
            shape = x.shape
        elif len(shape) != len(x.shape) or any(None not in (m, n) and m != n for m, n in zip(shape, x.shape)):
            raise invalid(
                f"Shapes of all inputs must match: values[0].shape = {bracket(shape)} != "
                f"values[{i}].shape = {bracket(x.shape)} [Op:Pack]"
            )
        else:
            shape = tuple([n if m is None else m for m, n in zip(shape, x.shape)])
    return Spec(None if shape is None else (*shape[:axis], len(xs), *shape[axis:]), xs[0].dtype)


def _unstack(x, *, num, axis):
    if x.shape[axis] != num:
        raise ValueError
    rows = x if not axis else x.swapaxes(0, axis) if axis == 1 == x.ndim - 1 else np.moveaxis(x, axis, 0)
    return (
        tuple(rows) if x.ndim > 1 or x.dtype != object else tuple([np.asarray(row, object) for row in rows])
    )


def _unstack_spec(x: Spec, *, num: int, axis: int) -> tuple[Spec, ...]:
    if x.shape is None:
        return (x,) * num
    if x.shape[axis] not in (num, None):
        raise invalid(f"Input shape axis {axis} must equal {num}, got shape {bracket(x.shape)} [Op:Unpack]")
    return (Spec(x.shape[:axis] + x.shape[axis + 1 :], x.dtype),) * num


# fmt: off
op("stack", _stack, _stack_spec, kinds=ANY,
   kernel=Composite(lambda *xs, axis: _concat_lower(*[o.expand_dims(x, axis=axis) for x in xs], axis=axis)),
   variadic=lambda i, g, y, *xs, axis: o.subscript(g, key=row_key(i, axis)))
op("unstack", _unstack, _unstack_spec, lambda g, y, x, *, num, axis: o.stack(*g, axis=axis), many=True)
# fmt: on


def stack(values: Any, axis: Any = 0, name: str = "stack") -> Any:
    """`values`, tensors of one shape, along a new axis.

    >>> tf.stack([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [[1, 3], [2, 4]]
    """
    at = integer(axis, "axis")
    if at == 0 and not isinstance(values, list | tuple):
        return tensor(values)
    if at == 0 and not any(is_tensor(v) for v in values):
        try:
            return tensor(values)
        except (TypeError, ValueError):
            pass
    xs = tensors(values)
    if not xs:
        raise invalid("Need at least one tensor to stack along an axis other than 0 [Op:Pack]")
    shape = partial_dims(xs[0])
    rank = 1 + (0 if shape is None else len(shape))
    if shape is not None and not -rank <= at < rank:
        raise ValueError(f"Argument `axis` = {at} not in range [{-rank}, {rank})")
    return apply(o.stack, *xs, axis=at % rank if shape is not None else at)


def unstack(value: Any, num: Any = None, axis: Any = 0, name: str = "unstack") -> list:
    """The slices of `value` along `axis`, as a list; `num` says how many where the shape does not.

    >>> [row.numpy().tolist() for row in tf.unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    x, at = tensor(value), integer(axis, "axis")
    rank = rank_of(x)
    if not -rank <= at < rank:
        if num is None:
            raise ValueError(f"Argument `axis` = {at} not in range [{-rank}, {rank})")
        raise invalid(f"axis = {at} not in [{-rank}, {rank}) [Op:Unpack]")
    at %= rank
    count = partial_dims(x)[at] if num is None else integer(num)
    if count is None:
        raise ValueError(f"Cannot infer argument `num` from shape {x.shape}")
    return list(apply(o.unstack, x, num=count, axis=at))


# split


def _split(x, *, sizes, axis):
    before, start, parts = (slice(None),) * axis, 0, []
    if sizes[0] is None:
        if x.shape[axis] % len(sizes):
            raise ValueError
        sizes = (x.shape[axis] // len(sizes),) * len(sizes)
    if sum(sizes) != x.shape[axis]:
        raise ValueError
    for size in sizes:
        parts.append(x[(*before, slice(start, start + size))])
        start += size
    return tuple(parts)


def _split_spec(x: Spec, *, sizes: tuple, axis: int) -> tuple[Spec, ...]:
    if x.shape is None:
        return (x,) * len(sizes)
    whole = x.shape[axis]
    if sizes[0] is None:
        if whole is not None and whole % len(sizes):
            raise invalid(
                "Number of ways to split should evenly divide the split dimension, but got split_dim "
                f"{axis} (size = {whole}) and num_split {len(sizes)} [Op:Split]"
            )
        sizes = (None if whole is None else whole // len(sizes),) * len(sizes)
    elif whole is not None and sum(sizes) != whole:
        raise _wrong_sizes(sizes, whole)
    return tuple([Spec((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in sizes])


def _wrong_sizes(sizes: tuple | list, whole: int) -> Exception:
    return invalid(
        "Determined shape must either match input shape along split_dim exactly if fully specified, or be "
        "less than the size of the input along split_dim if not fully specified.  Got: "
        f"{sum(n for n in sizes if n != -1)} "
        f"[Op:SplitV]\nThe sizes {list(sizes)} have to add up to {whole}; -1 in the place of one is what is "
        f"left."
    )


op("split", _split, _split_spec, lambda g, y, x, *, sizes, axis: o.concat(*g, axis=axis), many=True)


def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None, name: str = "split") -> list:
    """`value` cut along `axis` into a number of equal parts, or into parts of given sizes (-1 for what is
    left).

    >>> [part.numpy().tolist() for part in tf.split([1, 2, 3, 4, 5], [2, -1])]
    [[1, 2], [3, 4, 5]]
    """
    x, at = tensor(value), integer(axis, "axis")
    rank = rank_of(x)
    if not -rank <= at < rank:
        raise invalid(f"-input rank(-{rank}) <= split_dim < input rank ({rank}), but got {at} [Op:Split]")
    at %= rank
    if isinstance(num_or_size_splits, int | np.integer):
        if num_or_size_splits < 1:
            raise invalid(
                f"Value for attr 'num_split' of {num_or_size_splits} must be at least minimum 1 [Op:Split]"
            )
        return list(apply(o.split, x, sizes=(None,) * int(num_or_size_splits), axis=at))
    return list(apply(o.split, x, sizes=_sizes(num_or_size_splits, partial_dims(x)[at], num), axis=at))


def _sizes(wanted: Any, whole: int | None, num: Any) -> tuple:
    value = known(wanted)
    if value is not None and not value.shape:
        raise ValueError(
            f"Rank-0 tensors are not supported as the num_or_size_splits argument to split. Argument "
            f"provided: {wanted}"
        )
    if value is not None and (value.ndim != 1 or num is not None and len(value) != num):
        raise invalid(
            "size of the split_tensor must be 1-D and have the same elements as outputs "
            f"got {value.ndim} -D and {value.size} elements [Op:SplitV]"
        )
    sizes = entries(wanted, "Tlen")
    if not sizes:
        raise invalid("Value for attr 'num_split' of 0 must be at least minimum 1 [Op:SplitV]")
    if not is_static(sizes):
        raise TypeError("The sizes of a split must be known while a function is traced.")
    if sizes.count(-1) > 1:
        raise invalid("There can only be one -1 in the input. [Op:SplitV]")
    if -1 in sizes and whole is not None:
        left = whole - sum(sizes) - 1
        if left < 0:
            raise _wrong_sizes(sizes, whole)
        sizes = [left if n == -1 else n for n in sizes]
    return tuple(sizes)
