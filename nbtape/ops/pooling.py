"""Pooling: the public functions."""

import itertools
from typing import Any

from nbtape.core.dtype import as_dtype, int32, int64
from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import UnimplementedError, invalid
from nbtape.core.shape import TensorShape
from nbtape.ops.pool import max_of, mean_of
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import partial_dims, product, rank_of, sizes_of
from nbtape.ops.window import Ints, Padding, channels_first, channels_last, gaps, of_axes, padded, positive

_SIDES = (("Top", "Bottom"), ("Left", "Right"))


def _pooled(row: Any, x: Any, n: int, ksize: Any, strides: Any, padding: Any, data_format: Any) -> Any:
    """A pool over n spatial dims, as its row gives it, with channels where the input has them."""
    x, first = tensor(x), channels_first(data_format, n)
    if rank_of(x) != n + 2:
        told = f"tensor_in must be {n + 2}-dimensional"
        raise invalid(f"{told}: Input must be {n + 2}-dimensional, got {x.shape}")
    batch, size, depth = of_axes(ksize, n, first, "ksize")
    batch_stride, stride, depth_stride = of_axes(strides, n, first, "strides")
    if min(size) <= 0:
        listed = ",".join(map(str, (1, *size, 1)))
        raise invalid(f"Sliding window ksize must be positive. The specified or inferred ksize is: {listed}")
    positive(stride)
    if batch != 1 or batch_stride != 1:
        raise UnimplementedError(None, None, "Pooling is not yet supported on the batch dimension.")
    pairs = padded(padding, n, first)
    if depth != 1 or depth_stride != 1:
        if row is mean_of:
            raise UnimplementedError(None, None, "Non-spatial pooling is not yet supported. Volunteers? :)")
        return channels_last(x, n, first, lambda x: _over_channels(x, size, stride, depth, depth_stride))
    _check_padding(pairs, size)
    attrs = {"ksize": size, "strides": stride, "padding": pairs}
    return channels_last(x, n, first, lambda x: apply(row, x, **attrs))


def _check_padding(pairs: Padding, size: Ints) -> None:
    if isinstance(pairs, str):
        return
    for i, (pair, k) in enumerate(zip(pairs, size)):
        for side, pad in zip(_SIDES[i % 2], pair):
            if pad >= k:
                raise invalid(f"{side} padding {pad} needs to be smaller than the window size {k}")


def _over_channels(x: Any, size: Ints, stride: Ints, depth: int, depth_stride: int) -> tuple:
    """The maximum of each `depth` channels: a pool over channels laid out as a spatial dim."""
    channels = sizes_of(x)[-1]
    if set(size) != {1} or set(stride) != {1}:
        told = "MaxPooling supports exactly one of pooling across depth or pooling across width/height."
        raise UnimplementedError(None, None, told)
    if depth != depth_stride:
        told = "Depthwise max pooling requires the depth window to equal the depth stride."
        raise UnimplementedError(None, None, told)
    if channels % depth:
        told = "Depthwise max pooling requires the depth window to evenly divide the input depth."
        raise UnimplementedError(None, None, told)
    outer = sizes_of(x)[:-1]
    rows = reshape_to_sizes(x, [product(outer), channels, 1])
    y, index = apply(max_of, rows, ksize=(depth,), strides=(depth,), padding="VALID")
    return tuple([reshape_to_sizes(part, [*outer, channels // depth]) for part in (y, index)])


def _spatial_rank(x: Any) -> int:
    n = rank_of(x) - 2
    if n not in (1, 2, 3):
        told = f"Received: input.shape={TensorShape(partial_dims(x))} of rank {n + 2}."
        raise ValueError(f"`input.shape.rank` must be 3, 4 or 5. {told}")
    return n


def max_pool(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """The maximum of each window of `input`, (batch, one to three spatial dims, channels), for each channel.

    `ksize` and `strides` are an int, one a spatial dim, or one an axis; `padding` is "VALID", "SAME" or a
    (low, high) pair for each axis. Padding never wins. The gradient goes to the first maximum of a window.

    >>> x = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    >>> tf.nn.max_pool(x, ksize=2, strides=2, padding="VALID").numpy().ravel()
    array([ 5.,  7., 13., 15.], dtype=float32)
    """
    x = tensor(input)
    return _pooled(max_of, x, _spatial_rank(x), ksize, strides, padding, data_format)[0]


def max_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NWC", name: str | None = None
) -> Any:
    """`max_pool` of a tensor of rank 3.

    >>> tf.nn.max_pool1d(tf.ones([1, 4, 1]), ksize=2, strides=2, padding="VALID").shape
    TensorShape([1, 2, 1])
    """
    return _pooled(max_of, input, 1, ksize, strides, padding, data_format)[0]


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """`max_pool` of a tensor of rank 4.

    >>> tf.nn.max_pool2d(tf.ones([1, 4, 4, 1]), ksize=2, strides=2, padding="VALID").shape
    TensorShape([1, 2, 2, 1])
    """
    return _pooled(max_of, input, 2, ksize, strides, padding, data_format)[0]


def max_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NDHWC", name: str | None = None
) -> Any:
    """`max_pool` of a tensor of rank 5.

    >>> tf.nn.max_pool3d(tf.ones([1, 4, 4, 4, 1]), ksize=2, strides=2, padding="VALID").shape
    TensorShape([1, 2, 2, 2, 1])
    """
    return _pooled(max_of, input, 3, ksize, strides, padding, data_format)[0]


def max_pool_with_argmax(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", output_dtype: Any = int64,
    include_batch_in_index: bool = False, name: str | None = None
) -> tuple:  # fmt: skip
    """`max_pool2d`, and where each maximum is: (y * width + x) * channels + channel.

    That is in its image or, if `include_batch_in_index`, in the batch.

    >>> x = tf.constant([[[[1.0], [3.0]], [[2.0], [0.0]]]])
    >>> y, at = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID"); int(at[0, 0, 0, 0])
    1
    """
    if data_format != "NHWC":
        told = f"Received: data_format={data_format}"
        raise ValueError(f"`data_format` values other  than 'NHWC' are not supported. {told}")
    kind = as_dtype(output_dtype)
    if kind not in (int32, int64):
        told = f"Value for attr 'Targmax' of {kind.name} is not in the list of allowed values"
        raise invalid(f"{told}: int32, int64")
    x = tensor(input)
    if rank_of(x) != 4:
        raise invalid(f"tensor_in must be 4-dimensional (2): {x.shape}")
    y, index = _pooled(max_of, x, 2, ksize, strides, padding, data_format)
    if not include_batch_in_index:
        index = index % apply(o.cast, tensor(product(sizes_of(x)[1:])), dtype=int64.np)
    return y, index if kind is int64 else apply(o.cast, index, dtype=kind.np)


def avg_pool(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """The mean of each window of `input`, (batch, one to three spatial dims, channels), without its padding.

    `ksize` and `strides` are an int, one a spatial dim, or one an axis; `padding` is "VALID", "SAME" or a
    (low, high) pair for each axis. Takes floats.

    >>> tf.nn.avg_pool(tf.ones([1, 3, 3, 1]), ksize=2, strides=1, padding="SAME").numpy().ravel().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    x = tensor(input)
    return _pooled(mean_of, x, _spatial_rank(x), ksize, strides, padding, data_format)


def avg_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NWC", name: str | None = None
) -> Any:
    """`avg_pool` of a tensor of rank 3.

    >>> tf.nn.avg_pool1d(tf.ones([1, 4, 1]), ksize=2, strides=2, padding="VALID").shape
    TensorShape([1, 2, 1])
    """
    return _pooled(mean_of, input, 1, ksize, strides, padding, data_format)


def avg_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """`avg_pool` of a tensor of rank 4.

    >>> tf.nn.avg_pool2d(tf.ones([1, 4, 4, 1]), ksize=2, strides=2, padding="VALID").shape
    TensorShape([1, 2, 2, 1])
    """
    return _pooled(mean_of, input, 2, ksize, strides, padding, data_format)


def avg_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NDHWC", name: str | None = None
) -> Any:
    """`avg_pool` of a tensor of rank 5.

    >>> tf.nn.avg_pool3d(tf.ones([1, 4, 4, 4, 1]), ksize=2, strides=2, padding="VALID").shape
    TensorShape([1, 2, 2, 2, 1])
    """
    return _pooled(mean_of, input, 3, ksize, strides, padding, data_format)


def pool(
    input: Any, window_shape: Any, pooling_type: str, strides: Any = None, padding: Any = "VALID",
    data_format: str | None = None, dilations: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """The maximum ("MAX") or mean ("AVG") of each window; `window_shape` has an int for each spatial dim.

    With `dilations` a window reads every second, third, ... cell; strides are then 1, and padding "VALID".

    >>> tf.nn.pool(tf.reshape(tf.range(5.0), [1, 5, 1]), [2], "MAX", dilations=[2]).numpy().ravel()
    array([2., 3., 4.], dtype=float32)
    """
    x, n = tensor(input), len(window_shape)
    if rank_of(x) != n + 2:
        raise ValueError(f"Shape {x.shape} must have rank {n + 2}")
    if pooling_type not in ("MAX", "AVG") or not 1 <= n <= 3:
        raise ValueError(f"{n}-D {pooling_type} pooling is not supported.")
    row, first = (max_of if pooling_type == "MAX" else mean_of), channels_first(data_format, n)
    gap, stride = gaps(dilations, n, first), of_axes(strides, n, first, "strides")[1]
    if max(gap) == 1:
        y = _pooled(row, x, n, list(window_shape), stride, padding, data_format)
        return y[0] if row is max_of else y
    if max(stride) > 1:
        told = f"Received: strides={list(stride)} and dilation_rate={list(gap)}"
        raise ValueError(f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. {told}")
    if padding != "VALID":
        told = f"not implemented for `dilation_rate` > 1. Received: padding={padding}"
        raise ValueError(f"pooling with '{padding}' padding is {told} and dilation_rate={list(gap)}")
    size = of_axes(window_shape, n, first, "window_shape")[1]
    return channels_last(x, n, first, lambda x: _dilated(row, x, size, gap))


def _dilated(row: Any, x: Any, size: Ints, gap: Ints) -> Any:
    """A pool with gaps: slices put the cells of each window on an axis, and a pool takes it away."""
    cells = [range(0, k * d, d) for k, d in zip(size, gap)]
    sizes = sizes_of(x)
    out = [n - (k - 1) * d for n, k, d in zip(sizes[1:-1], size, gap)]
    if any(isinstance(n, int) and n < 0 for n in out):
        raise invalid(f"Computed output size would be negative: {out}")
    starts = itertools.product(*cells)
    moved = [x[(slice(None), *[slice(at, at + n) for at, n in zip(start, out)])] for start in starts]
    stacked = apply(o.stack, *moved, axis=1)
    flat = reshape_to_sizes(stacked, [sizes[0], len(moved), product([*out, sizes[-1]])])
    y = apply(row, flat, ksize=(len(moved),), strides=(1,), padding="VALID")
    return reshape_to_sizes(y[0] if row is max_of else y, [sizes[0], *out, sizes[-1]])
