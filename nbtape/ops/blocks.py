"""Blocks of positions moved into the batch and back, as TensorFlow does before convolutions with holes."""

from math import prod
from typing import Any

import numpy as np

from nbtape.core.engine import tensor
from nbtape.core.errors import invalid
from nbtape.ops.create import constant
from nbtape.ops.cut import pad
from nbtape.ops.shape import reshape, transpose
from nbtape.ops.static import array, sizes_of


def space_to_batch(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Any:
    """`input`, padded with zeros, where each place within the blocks of positions is a batch of its own.

    >>> tf.space_to_batch(tf.reshape(tf.range(4), [1, 4]), [2], [[0, 0]]).numpy().tolist()
    [[0, 2], [1, 3]]
    """
    x, blocks, margins = _arguments(input, block_shape, paddings, "paddings", "SpaceToBatchND")
    padded = pad(x, [[0, 0], *margins, *[[0, 0]] * (x.shape.rank - 1 - len(blocks))])
    n, *sizes = sizes_of(padded)
    m, cut = len(blocks), []
    for i, (size, block) in enumerate(zip(sizes, blocks)):
        if isinstance(size, int) and size % block:
            raise invalid(
                f"padded_shape[{i}]={size} is not divisible by block_shape[{i}]={block} [Op:SpaceToBatchND]"
            )
        cut.append(size // block)
    apart = [part for pair in zip(cut, blocks) for part in pair]
    rest = range(2 * m + 1, x.shape.rank + m)
    order = [*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m, 2), *rest]
    moved = transpose(reshape(padded, [n, *apart, *sizes[m:]]), order)
    return reshape(moved, [n * prod(blocks), *cut, *sizes[m:]])


def batch_to_space(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Any:
    """What `space_to_batch` does undone; then `crops` are cut off.

    >>> tf.batch_to_space([[0, 2], [1, 3]], [2], [[0, 1]]).numpy().tolist()
    [[0, 1, 2]]
    """
    x, blocks, margins = _arguments(input, block_shape, crops, "crops", "BatchToSpaceND")
    n, *sizes = sizes_of(x)
    m, count = len(blocks), prod(blocks)
    if isinstance(n, int) and n % count:
        raise invalid(
            f"Input batch dimension ({n}) is not divisible by product of block sizes ({count}) "
            "[Op:BatchToSpaceND]"
        )
    turned = [axis for i in range(m) for axis in (m + 1 + i, i)]
    order = [m, *turned, *range(2 * m + 1, x.shape.rank + m)]
    moved = transpose(reshape(x, [*blocks, n // count, *sizes]), order)
    whole = [size * block for size, block in zip(sizes, blocks)]
    y = reshape(moved, [n // count, *whole, *sizes[m:]])
    return y[:, *[slice(low, size - high) for (low, high), size in zip(margins, whole)]]


def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Any, Any]:
    """The paddings with which blocks divide `input_shape`, at least `base_paddings`; and the crops that take
    what was added off again.

    >>> paddings, crops = tf.required_space_to_batch_paddings([5], [2])
    >>> paddings.numpy().tolist(), crops.numpy().tolist()
    ([[0, 1]], [[0, 1]])
    """
    sizes, blocks = array(input_shape).astype(np.int32), array(block_shape).astype(np.int32)
    base = np.zeros((len(sizes), 2), np.int32) if base_paddings is None else array(base_paddings)
    more = -(sizes + base.sum(1)) % blocks
    paddings, crops = base.astype(np.int32), np.zeros_like(base, np.int32)
    paddings[:, 1] += more
    crops[:, 1] = more
    return constant(paddings), constant(crops)


def _arguments(input: Any, block_shape: Any, margins: Any, what: str, op: str) -> tuple[Any, list, list]:
    """The tensor, the sizes of a block, and two margins for each of these."""
    x, blocks, pairs = tensor(input), array(block_shape).reshape(-1).tolist(), array(margins).tolist()
    if x.shape.rank is None or x.shape.rank < 1 + len(blocks):
        raise invalid(f"input rank should be >= {1 + len(blocks)} instead of {x.shape.rank} [Op:{op}]")
    if np.shape(pairs) != (len(blocks), 2):
        raise invalid(
            f"{what} should have shape [{len(blocks)}, 2] instead of {list(np.shape(pairs))} [Op:{op}]"
        )
    if min(blocks) < 1 or np.min(pairs) < 0:
        raise invalid(f"block_shape must be positive, and {what} must not be negative [Op:{op}]")
    return x, blocks, pairs
