"""Repeating: tile and repeat."""

from typing import Any

import numpy as np

from nbtape.core.engine import Tensor, apply, o, tensor
from nbtape.core.errors import InvalidArgumentError, invalid
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import op
from nbtape.ops.shape import broadcast_to_sizes, reshape_to_sizes
from nbtape.ops.static import entries, integer, known, partial_dims, rank_of, sizes_of

# tile, repeat: a reshape that makes room, a broadcast that fills it, a reshape back


def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """`input` repeated along each axis as often as `multiples` says.

    >>> tf.tile([[1, 2]], [2, 2]).numpy().tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    x = tensor(input)
    try:
        times = entries(multiples, "Tmultiples")
    except InvalidArgumentError as error:
        if "vector" not in str(error):
            raise
        raise invalid(
            f"Expected multiples to be 1-D, but got shape {bracket(np.shape(known(multiples)))}"
        ) from None
    sizes = sizes_of(x)
    if isinstance(times, Tensor):
        times = list(apply(o.unstack, times, num=len(sizes), axis=0))
    if len(times) != len(sizes):
        raise invalid(
            f"Expected multiples argument to be a vector of length {len(sizes)} but got length {len(times)} "
            f"[Op:Tile]"
        )
    for i, n in enumerate(times):
        if isinstance(n, int) and n < 0:
            raise invalid(f"Expected multiples[{i}] >= 0, but got {n} [Op:Tile]")
    apart = [n for size in sizes for n in (1, size)]
    wide = [n for pair in zip(times, sizes) for n in pair]
    x = broadcast_to_sizes(reshape_to_sizes(x, apart), wide)
    return reshape_to_sizes(x, [m * n for m, n in zip(times, sizes)])


def repeat(input: Any, repeats: Any, axis: Any = None, name: str | None = None) -> Any:
    """Each element of `input` (each slice along `axis`) `repeats` times: one number, or one for each.

    >>> tf.repeat([1, 2], [3, 1]).numpy().tolist()
    [1, 1, 1, 2]
    """
    x = tensor(input)
    counts, got = known(repeats), tensor(repeats).dtype
    if not got.is_integer:
        raise TypeError(
            f"Argument `tensor` (name: repeats) must be of type integer. Received `tensor` = {repeats} of "
            f"dtype: {got}"
        )
    if axis is None:
        x, axis = apply(o.reshape, x, shape=(-1,)) if rank_of(x) != 1 else x, 0
    rank, at = rank_of(x), integer(axis)
    if not -rank <= at < rank:
        raise ValueError(f"axis={at} out of bounds: expected {-rank}<=axis<{rank}")
    at %= rank
    if counts is None:
        return apply(
            o.take, x, apply(o.repeat_indices, _as_vector(tensor(repeats), sizes_of(x)[at])), axis=at
        )
    if counts.ndim > 1:
        raise ValueError(f"Shape {counts.shape} must have rank at most 1")
    if counts.size and counts.min() < 0:
        raise invalid(f"Expected multiples[1] >= 0, but got {counts.min()} [Op:Tile]")
    if counts.size == 1:
        return _repeated(x, int(counts.reshape(())), at)
    whole = partial_dims(x)[at]
    if whole is not None and counts.size != whole:
        raise ValueError(f"Dimensions {whole} and {counts.size} are not compatible")
    return apply(o.take, x, tensor(np.repeat(np.arange(counts.size, dtype=np.int32), counts)), axis=at)


def _repeated(x: Any, times: int, axis: int) -> Any:
    sizes = sizes_of(x)
    wide = broadcast_to_sizes(
        apply(o.expand_dims, x, axis=axis + 1), [*sizes[: axis + 1], times, *sizes[axis + 1 :]]
    )
    return reshape_to_sizes(wide, [*sizes[:axis], sizes[axis] * times, *sizes[axis + 1 :]])


def _as_vector(counts: Any, size: Any) -> Any:
    return counts if rank_of(counts) else broadcast_to_sizes(counts, [size])


op("repeat_indices", lambda counts: np.repeat(np.arange(counts.size, dtype=np.int32), counts),
   lambda counts: Spec((None,), np.dtype(np.int32)))  # fmt: skip
