"""dynamic_partition and dynamic_stitch: rows dealt out by number, and put together again."""

from typing import Any

import numpy as np

from nbtape.core.dtype import int32
from nbtape.core.engine import Tensor, apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import op
from nbtape.ops.scatter import agree, zeros_of
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import integer, known, partial_dims, product, sizes_of


def _stitch(i, v):
    if i.size and i.min() < 0:
        raise invalid("indices[0] is out of range")
    y = zeros_of((int(i.max(initial=-1)) + 1, *v.shape[1:]), v.dtype)
    y[i] = v
    return y


def _stitch_spec(i: Spec, v: Spec) -> Spec:
    return Spec(None if v.shape is None else (None, *v.shape[1:]), v.dtype)


op("stitch", _stitch, _stitch_spec, None, lambda g, y, i, v: o.take(g, i, axis=0))


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list:
    """The slices of `data` as a list of `num_partitions` tensors: number `partitions[i]` takes slice i.

    >>> [part.numpy().tolist() for part in tf.dynamic_partition([1, 2, 3, 4], [0, 1, 1, 0], 2)]
    [[1, 4], [2, 3]]
    """
    x, p, count = (
        tensor(data),
        tensor(partitions, None if isinstance(partitions, Tensor) else int32),
        integer(num_partitions),
    )
    if count < 1:
        raise invalid(
            f"Value for attr 'num_partitions' of {count} must be at least minimum 1 [Op:DynamicPartition]"
        )
    shape, wanted = partial_dims(x), partial_dims(p)
    if not agree(shape[: len(wanted)], wanted):
        raise invalid(
            "data.shape must start with partitions.shape, got data.shape = "
            f"{bracket(shape)}, partitions.shape = {bracket(wanted)} [Op:DynamicPartition]"
        )
    value, sizes = known(p), sizes_of(x)
    if value is not None and ((value < 0) | (value >= count)).any():
        at = np.argwhere(np.atleast_1d((value < 0) | (value >= count)))[0]
        raise invalid(
            f"partitions{bracket(at)} = {np.atleast_1d(value)[tuple(at)]} is not in [0, {count}) "
            f"[Op:DynamicPartition]"
        )
    x = reshape_to_sizes(x, [product(sizes[: len(wanted)]), *sizes[len(wanted) :]])
    return [apply(o.take, x, _members(p, value, k), axis=0) for k in range(count)]


def _members(p: Any, value: Any, k: int) -> Any:
    if value is not None:
        return tensor(np.flatnonzero(value == k))
    return apply(o.flat_nonzero, apply(o.equal, p, tensor(k, p.dtype)))


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Any:
    """The slices of the tensors in the list `data` put together: slice k of `data[m]` at `indices[m][k]`.

    Of several slices for one place the last stays.

    >>> tf.dynamic_stitch([[0, 2], [1]], [[10, 30], [20]]).numpy().tolist()
    [10, 20, 30]
    """
    places, parts, first = [tensor(i, int32) if not isinstance(i, Tensor) else i for i in indices], [], None
    for m, (i, part) in enumerate(zip(places, data)):
        x = part if isinstance(part, Tensor) else tensor(part, first)
        first = first or x.dtype
        outer, shape = partial_dims(i), partial_dims(x)
        if not agree(shape[: len(outer)], outer):
            raise invalid(
                f"data[{m}].shape = {bracket(shape)} does not start with indices[{m}].shape = "
                f"{bracket(outer)} [Op:DynamicStitch]"
            )
        sizes = sizes_of(x)
        parts.append(reshape_to_sizes(x, [product(sizes[: len(outer)]), *sizes[len(outer) :]]))
    flat = [apply(o.reshape, i, shape=(-1,)) for i in places]
    if len(flat) == 1:
        return apply(o.stitch, flat[0], parts[0])
    return apply(o.stitch, apply(o.concat, *flat, axis=0), apply(o.concat, *parts, axis=0))
