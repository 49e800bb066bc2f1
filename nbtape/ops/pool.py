"""Pooling: rows of max and mean pooling and of their transposes, and the public functions."""

import itertools
from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype, int32, int64
from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import UnimplementedError, invalid
from nbtape.core.kernel import late
from nbtape.core.shape import Dims, Spec, TensorShape, bracket
from nbtape.ops.row import REAL_FLOATS, op
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import entries, partial_dims, product, rank_of, sizes_of
from nbtape.ops.window import (
    Ints,
    Padding,
    channels_first,
    channels_last,
    gaps,
    inner_dims,
    of_axes,
    out_dims,
    padded,
    pads,
    positive,
)

_index_of_max, _mean, _spread_mean = (
    late(f"nbtape.kernels.cpu.pool:{name}") for name in ("max_pool_index", "avg_pool", "avg_pool_grad")
)
_scatter_add = late("nbtape.kernels.cpu.scatter:scatter_add")
_INT64 = np.dtype(np.int64)
_MAX_TYPES = "half bfloat16 float double int32 int64 uint8 int16 int8 uint16".split()
_SIDES = (("Top", "Bottom"), ("Left", "Right"))


# Rows


def _pool_spec(x: Spec, *, ksize: Ints, strides: Ints, padding: Padding) -> Spec:
    n = len(ksize)
    if x.shape is None:
        return Spec((None,) * (n + 2), x.dtype)
    if len(x.shape) != n + 2:
        raise invalid(f"tensor_in must be {n + 2}-dimensional: {bracket(x.shape)}")
    out = out_dims(x.shape[1:-1], ksize, strides, padding, (1,) * n)
    return Spec((x.shape[0], *out, x.shape[-1]), x.dtype)


def _max_pool_spec(x: Spec, **attrs: Any) -> tuple[Spec, Spec]:
    name = {"float16": "half", "float32": "float", "float64": "double"}.get(x.dtype.name, x.dtype.name)
    if name not in _MAX_TYPES:
        allowed = ", ".join(_MAX_TYPES)
        raise invalid(f"Value for attr 'T' of {name} is not in the list of allowed values: {allowed}")
    y = _pool_spec(x, **attrs)
    return y, Spec(y.shape, _INT64)


def _resolved(spatial: Ints, ksize: Ints, strides: Ints, padding: Padding) -> dict:
    pairs = pads(padding, spatial, ksize, strides, (1,) * len(ksize))
    return {"ksize": ksize, "strides": strides, "padding": pairs}


def _max_pool(x, **attrs):
    _max_pool_spec(Spec(x.shape, x.dtype), **attrs)
    index = _index_of_max(x, **_resolved(x.shape[1:-1], **attrs))
    return x.reshape(-1)[index], index


def _unpool(g, index, like=None, *, shape):
    inner = like.shape[1:] if shape is None else shape
    size = len(g) * int(np.prod(inner))
    return _scatter_add(index.reshape(-1), g.reshape(-1), rows=size).reshape(len(g), *inner)


def _unpooled(g: Any, index: Any, x: Any) -> Any:
    shape = inner_dims(x)
    return o.unpool(g, index, x, shape=None) if shape is None else o.unpool(g, index, shape=shape)


def _avg_pool(x, **attrs):
    _pool_spec(Spec(x.shape, x.dtype), **attrs)
    return _mean(x, **_resolved(x.shape[1:-1], **attrs))


def _avg_pool_grad(g, like=None, *, shape, **attrs):
    inner = like.shape[1:] if shape is None else shape
    return _spread_mean(g, input_shape=(len(g), *inner), **_resolved(inner[:-1], **attrs))


def _avg_pool_back(g: Any, x: Any, attrs: dict) -> Any:
    shape = inner_dims(x)
    return o.avg_pool_grad(g, x, shape=None, **attrs) if shape is None else o.avg_pool_grad(g, shape=shape, **attrs)


def _inner_spec(g: Spec, like: Spec | None, shape: Dims | None) -> Spec:
    if shape is None:
        return Spec(None if like is None else like.shape, g.dtype)
    return Spec((None if g.shape is None else g.shape[0], *shape), g.dtype)


# The maximum and where it is in the input, laid into one row; the gradient is put there, all of it.
# fmt: off
op("max_pool", _max_pool, _max_pool_spec, lambda g, y, x, **attrs: _unpooled(g[0], y[1], x), many=True)
op("unpool", _unpool, lambda g, index, like=None, *, shape: _inner_spec(g, like, shape),
   lambda h, y, g, index, *like, shape: o.unpool_take(h, index), None, None)
op("unpool_take", lambda x, index: x.reshape(-1)[index], lambda x, index: Spec(index.shape, x.dtype),
   lambda g, y, x, index: _unpooled(g, index, x), None)
op("avg_pool", _avg_pool, _pool_spec, lambda g, y, x, **attrs: _avg_pool_back(g, x, attrs), kinds=REAL_FLOATS)
op("avg_pool_grad", _avg_pool_grad, lambda g, like=None, *, shape, **attrs: _inner_spec(g, like, shape),
   lambda h, y, g, *like, shape, **attrs: o.avg_pool(h, **attrs), None, kinds=REAL_FLOATS)
# fmt: on


# Public functions


def _pooled(row: Any, x: Any, n: int, ksize: Any, strides: Any, padding: Any, data_format: Any) -> Any:
    """A pool over n spatial dims, as its row gives it, with channels where the input has them."""
    x, first = tensor(x), channels_first(data_format, n)
    if rank_of(x) != n + 2:
        raise invalid(f"tensor_in must be {n + 2}-dimensional: Input must be {n + 2}-dimensional, got {x.shape}")
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
        if row is o.avg_pool:
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
        raise UnimplementedError(None, None, "Depthwise max pooling requires the depth window to equal the depth stride.")
    if channels % depth:
        told = "Depthwise max pooling requires the depth window to evenly divide the input depth."
        raise UnimplementedError(None, None, told)
    outer = sizes_of(x)[:-1]
    rows = reshape_to_sizes(x, [product(outer), channels, 1])
    y, index = apply(o.max_pool, rows, ksize=(depth,), strides=(depth,), padding="VALID")
    return tuple([reshape_to_sizes(part, [*outer, channels // depth]) for part in (y, index)])


def _spatial_rank(x: Any) -> int:
    n = rank_of(x) - 2
    if n not in (1, 2, 3):
        told = f"Received: input.shape={TensorShape(partial_dims(x))} of rank {n + 2}."
        raise ValueError(f"`input.shape.rank` must be 3, 4 or 5. {told}")
    return n


def max_pool(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None, name: str | None = None
) -> Any:
    """The maximum of each window of `input`, (batch, one to three spatial dims, channels), channel by channel.

    `ksize` and `strides` are an int, one a spatial dim, or one an axis; `padding` is "VALID", "SAME" or a (low, high)
    pair for each axis. Padding never wins. The gradient goes to the first maximum of a window.

    >>> x = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    >>> tf.nn.max_pool(x, ksize=2, strides=2, padding="VALID").numpy().ravel()
    array([ 5.,  7., 13., 15.], dtype=float32)
    """
    x = tensor(input)
    return _pooled(o.max_pool, x, _spatial_rank(x), ksize, strides, padding, data_format)[0]


def max_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NWC", name: str | None = None
) -> Any:
    """`max_pool` of a tensor of rank 3."""
    return _pooled(o.max_pool, input, 1, ksize, strides, padding, data_format)[0]


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """`max_pool` of a tensor of rank 4."""
    return _pooled(o.max_pool, input, 2, ksize, strides, padding, data_format)[0]


def max_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NDHWC", name: str | None = None
) -> Any:
    """`max_pool` of a tensor of rank 5."""
    return _pooled(o.max_pool, input, 3, ksize, strides, padding, data_format)[0]


def max_pool_with_argmax(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", output_dtype: Any = int64,
    include_batch_in_index: bool = False, name: str | None = None
) -> tuple:  # fmt: skip
    """`max_pool2d`, and where each maximum is: (y * width + x) * channels + channel, in its image or in the batch.

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
    y, index = _pooled(o.max_pool, x, 2, ksize, strides, padding, data_format)
    if not include_batch_in_index:
        index = index % tensor(product(sizes_of(x)[1:]), int64)
    return y, index if kind is int64 else apply(o.cast, index, dtype=kind.np)


def avg_pool(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None, name: str | None = None
) -> Any:
    """The mean of each window of `input`, (batch, one to three spatial dims, channels); padding does not count.

    `ksize` and `strides` are an int, one a spatial dim, or one an axis; `padding` is "VALID", "SAME" or a (low, high)
    pair for each axis. Takes floats.

    >>> tf.nn.avg_pool(tf.ones([1, 3, 3, 1]), ksize=2, strides=1, padding="SAME").numpy().ravel().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    x = tensor(input)
    return _pooled(o.avg_pool, x, _spatial_rank(x), ksize, strides, padding, data_format)


def avg_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NWC", name: str | None = None
) -> Any:
    """`avg_pool` of a tensor of rank 3."""
    return _pooled(o.avg_pool, input, 1, ksize, strides, padding, data_format)


def avg_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """`avg_pool` of a tensor of rank 4."""
    return _pooled(o.avg_pool, input, 2, ksize, strides, padding, data_format)


def avg_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NDHWC", name: str | None = None
) -> Any:
    """`avg_pool` of a tensor of rank 5."""
    return _pooled(o.avg_pool, input, 3, ksize, strides, padding, data_format)


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
    row, first = (o.max_pool if pooling_type == "MAX" else o.avg_pool), channels_first(data_format, n)
    gap, stride = gaps(dilations, n, first), of_axes(strides, n, first, "strides")[1]
    if max(gap) == 1:
        y = _pooled(row, x, n, list(window_shape), stride, padding, data_format)
        return y[0] if row is o.max_pool else y
    if max(stride) > 1:
        told = f"Received: strides={list(stride)} and dilation_rate={list(gap)}"
        raise ValueError(f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. {told}")
    if padding != "VALID":
        told = f"Received: padding={padding} and dilation_rate={list(gap)}"
        raise ValueError(f"pooling with '{padding}' padding is not implemented for `dilation_rate` > 1. {told}")
    size = tuple(entries(window_shape))
    return channels_last(x, n, first, lambda x: _dilated(row, x, size, gap))


def _dilated(row: Any, x: Any, size: Ints, gap: Ints) -> Any:
    """A pool with gaps: the axis of each window's cells is made by slices, and a pool over it takes it away."""
    cells = [range(0, k * d, d) for k, d in zip(size, gap)]
    sizes = sizes_of(x)
    out = [n - (k - 1) * d for n, k, d in zip(sizes[1:-1], size, gap)]
    if any(isinstance(n, int) and n < 0 for n in out):
        raise invalid(f"Computed output size would be negative: {out}")
    moved = [
        x[(slice(None), *[slice(at, at + n) for at, n in zip(start, out)])] for start in itertools.product(*cells)
    ]
    stacked = apply(o.stack, *moved, axis=1)
    flat = reshape_to_sizes(stacked, [sizes[0], len(moved), product([*out, sizes[-1]])])
    y = apply(row, flat, ksize=(len(moved),), strides=(1,), padding="VALID")
    return reshape_to_sizes(y[0] if row is o.max_pool else y, [sizes[0], *out, sizes[-1]])
