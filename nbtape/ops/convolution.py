"""Convolutions: the public functions."""

from typing import Any

from nbtape.core.engine import Op, apply, pair, tensor
from nbtape.core.errors import invalid
from nbtape.ops.conv import conv, conv_input_grad, depthwise, depthwise_input_grad, depthwise_kernel_grad
from nbtape.ops.shape import broadcast_to_sizes
from nbtape.ops.static import entries, is_static, partial_dims, rank_of
from nbtape.ops.window import channels_first, channels_last, gaps, one_batch, padded, steps, to_first, to_last


def _convolved(
    row: Op, x: Any, k: Any, n: int, strides: Any, padding: Any, data_format: Any, dilations: Any
) -> Any:
    """A convolution over n spatial dims; dims of `x` in front of those of an image are all batch."""
    x, k = pair(x, k)
    first = channels_first(data_format, n)
    attrs = _attrs(n, first, strides, padding, dilations)
    return channels_last(x, n, first, lambda x: one_batch(x, n, lambda x: apply(row, x, k, **attrs)))


def _attrs(n: int, first: bool, strides: Any, padding: Any, dilations: Any) -> dict:
    return {
        "strides": steps(strides, n, first),
        "padding": padded(padding, n, first),
        "dilations": gaps(dilations, n, first),
    }


def conv1d(
    input: Any, filters: Any, stride: Any, padding: Any, data_format: str = "NWC", dilations: Any = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """Convolve `input`, (batch, width, channels), with `filters`, (size, channels in, channels out).

    See `conv2d` for the arguments.

    >>> x, k = tf.reshape([1.0, 2.0, 3.0, 4.0], [1, 4, 1]), tf.reshape([1.0, -1.0], [2, 1, 1])
    >>> tf.nn.conv1d(x, k, stride=1, padding="VALID").numpy().ravel()
    array([-1., -1., -1.], dtype=float32)
    """
    return _convolved(conv, input, filters, 1, stride, padding, data_format, dilations)


def conv2d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: str = "NHWC", dilations: Any = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """Convolve `input`, (batch, height, width, channels), with `filters`, (height, width, channels in, out).

    The filters are not flipped. Where they take a part of the channels, each such part, a group, has filters
    of its own. `strides` and `dilations` are an int, one a spatial dim, or one an axis; `padding` is "VALID",
    "SAME", or a (low, high) pair for each axis. `data_format` "NCHW" has channels before height. Raises
    InvalidArgumentError for depths that do not fit.

    >>> x, k = tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 1, 1])
    >>> tf.nn.conv2d(x, k, strides=1, padding="SAME").numpy()[0, :, :, 0]
    array([[4., 4., 2.],
           [4., 4., 2.],
           [2., 2., 1.]], dtype=float32)
    """
    return _convolved(conv, input, filters, 2, strides, padding, data_format, dilations)


def conv3d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: str = "NDHWC", dilations: Any = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """Convolve `input`, (batch, depth, height, width, channels), with `filters`, (*size, channels in, out).

    See `conv2d` for the arguments.

    >>> x, k = tf.ones([1, 2, 2, 2, 1]), tf.ones([2, 2, 2, 1, 1])
    >>> tf.nn.conv3d(x, k, strides=[1, 1, 1, 1, 1], padding="VALID").numpy().ravel()
    array([8.], dtype=float32)
    """
    return _convolved(conv, input, filters, 3, strides, padding, data_format, dilations)


def convolution(
    input: Any, filters: Any, strides: Any = None, padding: Any = "VALID", data_format: str | None = None,
    dilations: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """`conv1d`, `conv2d` or `conv3d`, by the rank of `filters`.

    >>> tf.nn.convolution(tf.ones([1, 5, 2]), tf.ones([3, 2, 4]), padding="SAME").shape
    TensorShape([1, 5, 4])
    """
    x, k = pair(input, filters)
    return _convolved(conv, x, k, _spatial_rank(k), strides, padding, data_format, dilations)


def _spatial_rank(filters: Any) -> int:
    n = rank_of(filters) - 2
    if n not in (1, 2, 3):
        raise ValueError(f"`num_spatial_dims` must be 1, 2, or 3. Received: num_spatial_dims={n}.")
    return n


def atrous_conv2d(value: Any, filters: Any, rate: Any, padding: Any, name: str | None = None) -> Any:
    """`conv2d` whose filters read every `rate`-th row and column.

    >>> tf.nn.atrous_conv2d(tf.ones([1, 5, 5, 1]), tf.ones([2, 2, 1, 1]), rate=2, padding="VALID").shape
    TensorShape([1, 3, 3, 1])
    """
    if int(rate) < 1:
        told = f"Received: dilation_rate=[{rate} {rate}]"
        raise ValueError(f"all values of `dilation_rate` must be positive. {told}")
    return _convolved(conv, value, filters, 2, 1, padding, None, rate)


def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: Any, data_format: str | None = None,
    dilations: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """Convolve each channel of `input` with filters of its own.

    `filter` is (height, width, channels, multiplier); the result has channels * multiplier channels. See
    `conv2d` for the other arguments.

    >>> tf.nn.depthwise_conv2d(tf.ones([1, 3, 3, 2]), tf.ones([2, 2, 2, 3]), [1, 1, 1, 1], "VALID").shape
    TensorShape([1, 2, 2, 6])
    """
    return _convolved(depthwise, input, filter, 2, strides, padding, data_format, dilations)


def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any,
    data_format: str | None = None, dilations: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """`depthwise_conv2d`, then `conv2d` with `pointwise_filter`, (1, 1, channels * multiplier, channels out).

    >>> x, d, p = tf.ones([1, 3, 3, 2]), tf.ones([2, 2, 2, 1]), tf.ones([1, 1, 2, 4])
    >>> tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "SAME").shape
    TensorShape([1, 3, 3, 4])
    """
    point = tensor(pointwise_filter)
    for size in partial_dims(point)[:2]:  # type: ignore[index]
        if size not in (1, None):
            raise ValueError(f"Dimensions {size} and 1 are not compatible: pointwise_filter is {point.shape}")
    y = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return conv2d(y, point, 1, "VALID", data_format or "NHWC")


# Transposed


def _transposed(
    row: Op, g: Any, k: Any, output_shape: Any, n: int, strides: Any, padding: Any, data_format: Any,
    dilations: Any = None
) -> Any:  # fmt: skip
    """The input gradient of a convolution that gives a tensor of `output_shape`."""
    g, k = pair(g, k)
    first = channels_first(data_format, n)
    attrs = _attrs(n, first, strides, padding, dilations)
    sizes = entries(output_shape)
    if rank_of(g) != n + 2:
        raise invalid(f"input_sizes must be {n + 2}-dimensional, got: {rank_of(g)}")
    if isinstance(sizes, list) and len(sizes) != n + 2:
        raise invalid(
            f"Conv{n}DBackpropInput requires input_sizes to contain {n + 2} values, but got: {len(sizes)}"
        )
    if isinstance(sizes, list) and first:
        sizes = [sizes[0], *sizes[2:], sizes[1]]
    _check_batch(sizes, partial_dims(g)[0], n)  # type: ignore[index]
    g = to_last(g, n) if first else g
    if isinstance(sizes, list) and is_static(sizes[1:]):
        y = apply(row, g, k, shape=tuple(sizes[1:]), **attrs)
    else:
        like = broadcast_to_sizes(tensor(0, g.dtype), sizes)
        if first and not isinstance(sizes, list):
            like = to_last(like, n)
        y = apply(row, g, k, like, shape=None, **attrs)
    return to_first(y, n) if first else y


def _check_batch(sizes: Any, batch: int | None, n: int) -> None:
    wanted = sizes[0] if isinstance(sizes, list) else None
    if isinstance(wanted, int) and batch is not None and wanted not in (-1, batch):
        raise invalid(
            f"Conv{max(n, 2)}DCustomBackpropInput: input and out_backprop must have the same batch size. "
            f"Input batch: {wanted}, outbackprop batch: {batch}, batch_dim: 0"
        )


def conv1d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: str = "NWC", dilations: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """The transpose of `conv1d`; `filters` is (size, channels out, channels in).

    >>> x, k = tf.reshape([1.0, 2.0], [1, 2, 1]), tf.reshape([1.0, 10.0], [2, 1, 1])
    >>> tf.nn.conv1d_transpose(x, k, output_shape=[1, 4, 1], strides=2).numpy().ravel()
    array([ 1., 10.,  2., 20.], dtype=float32)
    """
    g, k = input, filters
    return _transposed(conv_input_grad, g, k, output_shape, 1, strides, padding, data_format, dilations)


def conv2d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: str = "NHWC", dilations: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """The transpose of `conv2d`: what its gradient makes of `input`, of the shape `output_shape`.

    `filters` is (height, width, channels out, channels in). Raises InvalidArgumentError where `conv2d` of a
    tensor of `output_shape` does not have the shape of `input`.

    >>> x, k = tf.ones([1, 2, 2, 1]), tf.ones([2, 2, 3, 1])
    >>> tf.nn.conv2d_transpose(x, k, output_shape=[1, 4, 4, 3], strides=2).shape
    TensorShape([1, 4, 4, 3])
    """
    g, k = input, filters
    return _transposed(conv_input_grad, g, k, output_shape, 2, strides, padding, data_format, dilations)


def conv3d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: str = "NDHWC", dilations: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """The transpose of `conv3d`; `filters` is (*size, channels out, channels in).

    >>> x, k = tf.ones([1, 1, 1, 1, 1]), tf.ones([2, 2, 2, 3, 1])
    >>> tf.nn.conv3d_transpose(x, k, output_shape=[1, 2, 2, 2, 3], strides=2).shape
    TensorShape([1, 2, 2, 2, 3])
    """
    g, k = input, filters
    return _transposed(conv_input_grad, g, k, output_shape, 3, strides, padding, data_format, dilations)


def conv_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: str | None = None, dilations: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """`conv1d_transpose`, `conv2d_transpose` or `conv3d_transpose`, by the rank of `filters`.

    >>> tf.nn.conv_transpose(tf.ones([1, 2, 1]), tf.ones([2, 3, 1]), [1, 4, 3], strides=2).shape
    TensorShape([1, 4, 3])
    """
    g, k = pair(input, filters)
    n = _spatial_rank(k)
    return _transposed(conv_input_grad, g, k, output_shape, n, strides, padding, data_format, dilations)


def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: Any, padding: Any, name: str | None = None
) -> Any:
    """The transpose of `atrous_conv2d`; `filters` is (height, width, channels out, channels in).

    >>> x, k = tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 1, 1])
    >>> tf.nn.atrous_conv2d_transpose(x, k, [1, 5, 5, 1], rate=2, padding="VALID").shape
    TensorShape([1, 5, 5, 1])
    """
    return _transposed(conv_input_grad, value, filters, output_shape, 2, 1, padding, None, rate)


def depthwise_conv2d_backprop_input(
    input_sizes: Any, filter: Any, out_backprop: Any, strides: Any, padding: Any, data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1), name: str | None = None
) -> Any:  # fmt: skip
    """The gradient of `depthwise_conv2d` with respect to its input, which has the shape `input_sizes`.

    >>> k, g = tf.ones([2, 2, 3, 1]), tf.ones([1, 3, 3, 3])
    >>> tf.nn.depthwise_conv2d_backprop_input([1, 4, 4, 3], k, g, [1, 1, 1, 1], "VALID").shape
    TensorShape([1, 4, 4, 3])
    """
    return _transposed(
        depthwise_input_grad, out_backprop, filter, input_sizes, 2, strides, padding, data_format, dilations
    )


def depthwise_conv2d_backprop_filter(
    input: Any, filter_sizes: Any, out_backprop: Any, strides: Any, padding: Any, data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1), name: str | None = None
) -> Any:  # fmt: skip
    """The gradient of `depthwise_conv2d` with respect to its filter, which has the shape `filter_sizes`.

    >>> x, g = tf.ones([1, 4, 4, 3]), tf.ones([1, 3, 3, 3])
    >>> tf.nn.depthwise_conv2d_backprop_filter(x, [2, 2, 3, 1], g, [1, 1, 1, 1], "VALID").shape
    TensorShape([2, 2, 3, 1])
    """
    x, g = pair(input, out_backprop)
    first = channels_first(data_format, 2)
    attrs = _attrs(2, first, strides, padding, dilations)
    shape: Any = entries(filter_sizes)
    if not is_static(shape):
        raise TypeError(f"`filter_sizes` must be known while a function is traced, got {filter_sizes!r}")
    if first:
        x, g = to_last(x, 2), to_last(g, 2)
    return apply(depthwise_kernel_grad, x, g, shape=tuple(shape), **attrs)
