"""Layers of TensorFlow 1: functions that make variables with `get_variable`, in a scope of their name."""

from collections.abc import Callable, Sequence
from typing import Any

from nbtape.core import context
from nbtape.core.engine import Tensor, tensor
from nbtape.graph.control import cond
from nbtape.ops.convolution import conv2d as convolved
from nbtape.ops.create import identity
from nbtape.ops.einsum import tensordot
from nbtape.ops.linalg import matmul
from nbtape.ops.nn import batch_normalization as normalized, bias_add, dropout as dropped
from nbtape.ops.pooling import avg_pool2d, max_pool2d
from nbtape.ops.shape import reshape
from nbtape.ops.statistics import moments
from nbtape.state.initializers import Ones, Zeros
from nbtape.state.scopes.collection import GraphKeys
from nbtape.state.scopes.opening import variable_scope
from nbtape.state.scopes.store import get_variable

_ZEROS, _ONES = Zeros(), Ones()


def dense(
    inputs: Any,
    units: int,
    activation: Callable | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = _ZEROS,
    kernel_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    kernel_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Any:
    """`activation(inputs @ kernel + bias)`, over the last axis.

    >>> with tf.Graph().as_default():
    ...     y = tf.compat.v1.layers.dense(tf.ones([2, 3]), 4)
    ...     y.shape, [v.name for v in tf.compat.v1.trainable_variables()]
    (TensorShape([2, 4]), ['dense/kernel:0', 'dense/bias:0'])
    """
    x = tensor(inputs)
    with variable_scope(name, "dense", reuse=reuse):
        kernel = get_variable("kernel", [x.shape[-1], units], x.dtype, kernel_initializer, kernel_regularizer,
                              trainable, constraint=kernel_constraint)  # fmt: skip
        y = matmul(x, kernel) if x.shape.rank == 2 else tensordot(x, kernel, 1)
        if use_bias:
            y = bias_add(y, get_variable("bias", [units], x.dtype, bias_initializer, bias_regularizer,
                                         trainable, constraint=bias_constraint))  # fmt: skip
        return _activated(y, activation, activity_regularizer)


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = (1, 1),
    activation: Callable | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = _ZEROS,
    kernel_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    kernel_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Any:
    """A convolution of images with `filters` filters, plus a bias.

    >>> with tf.Graph().as_default():
    ...     tf.compat.v1.layers.conv2d(tf.ones([1, 8, 8, 3]), 4, 3).shape
    TensorShape([1, 6, 6, 4])
    """
    x, form = tensor(inputs), _format(data_format)
    channels = x.shape[-1 if form == "NHWC" else 1]
    with variable_scope(name, "conv2d", reuse=reuse):
        kernel = get_variable("kernel", [*_pair(kernel_size), channels, filters], x.dtype, kernel_initializer,
                              kernel_regularizer, trainable, constraint=kernel_constraint)  # fmt: skip
        y = convolved(x, kernel, _pair(strides), padding.upper(), form, _pair(dilation_rate))
        if use_bias:
            y = bias_add(y, get_variable("bias", [filters], x.dtype, bias_initializer, bias_regularizer,
                                         trainable, constraint=bias_constraint), form)  # fmt: skip
        return _activated(y, activation, activity_regularizer)


def _activated(y: Any, activation: Callable | None, regularizer: Callable | None) -> Any:
    y = y if activation is None else activation(y)
    if regularizer is not None and context.local.graph is not None:
        context.local.graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, regularizer(y))
    return y


def _pair(x: int | Sequence[int]) -> list[int]:
    return [x, x] if isinstance(x, int) else list(x)


def _format(data_format: str) -> str:
    known = {"channels_last": "NHWC", "channels_first": "NCHW"}
    if data_format not in known:
        raise ValueError(f"`data_format` is channels_last or channels_first, got {data_format!r}.")
    return known[data_format]


def max_pooling2d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Any:
    """The largest of each window of images."""
    return max_pool2d(inputs, _pair(pool_size), _pair(strides), padding.upper(), _format(data_format), name)


def average_pooling2d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Any:
    """The mean of each window of images."""
    return avg_pool2d(inputs, _pair(pool_size), _pair(strides), padding.upper(), _format(data_format), name)


def flatten(inputs: Any, name: str | None = None, data_format: str = "channels_last") -> Any:
    """All axes but the first as one."""
    x = tensor(inputs)
    size = None if x.shape.rank is None else x.shape[1:].num_elements()
    return reshape(x, [-1, size] if size is not None else [x.shape[0], -1], name)


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: Any = None,
    training: Any = False,
    name: str | None = None,
) -> Any:
    """`inputs` with a part `rate` of them 0 and the others larger, if `training`, which may be a tensor."""
    x = tensor(inputs)
    return _either(training, lambda: dropped(x, rate, noise_shape, seed, name), lambda: identity(x))


def _either(training: Any, yes: Callable, no: Callable) -> Any:
    """What `yes` or `no` gives, decided now or, for a tensor, when the graph runs."""
    if isinstance(training, Tensor) or hasattr(type(training), "__tensor__"):
        return cond(training, yes, no)
    return yes() if training else no()


def batch_normalization(
    inputs: Any,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = _ZEROS,
    gamma_initializer: Any = _ONES,
    moving_mean_initializer: Any = _ZEROS,
    moving_variance_initializer: Any = _ONES,
    beta_regularizer: Callable | None = None,
    gamma_regularizer: Callable | None = None,
    beta_constraint: Callable | None = None,
    gamma_constraint: Callable | None = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Any:
    """`inputs` shifted and scaled to mean 0 and variance 1 along all axes but `axis`: those of the batch if
    `training`, else moving averages of them.

    What moves the averages is put in the collection UPDATE_OPS, for the training step to depend on.

    >>> with tf.Graph().as_default():
    ...     y = tf.compat.v1.layers.batch_normalization(tf.ones([4, 3]), training=True)
    ...     len(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS))
    2
    """
    x = tensor(inputs)
    rank = len(x.shape)
    axis = axis % rank
    shape = [x.shape[axis]]
    with variable_scope(name, "batch_normalization", reuse=reuse):
        gamma = get_variable("gamma", shape, x.dtype, gamma_initializer, gamma_regularizer, trainable,
                             constraint=gamma_constraint) if scale else None  # fmt: skip
        beta = get_variable("beta", shape, x.dtype, beta_initializer, beta_regularizer, trainable,
                            constraint=beta_constraint) if center else None  # fmt: skip
        moving = [
            get_variable("moving_mean", shape, x.dtype, moving_mean_initializer, trainable=False),
            get_variable("moving_variance", shape, x.dtype, moving_variance_initializer, trainable=False),
        ]
        others = [i for i in range(rank) if i != axis]
        mean, variance = _either(training, lambda: moments(x, others), lambda: tuple(map(tensor, moving)))
        if training is not False:
            _move(moving, (mean, variance), momentum)
        along = [1] * rank
        along[axis] = -1
        shift, spread = reshape(mean, along), reshape(variance, along)
        offset, factor = [None if p is None else reshape(p, along) for p in (beta, gamma)]
        return normalized(x, shift, spread, offset, factor, epsilon)


def _move(averages: Sequence, values: Sequence, momentum: float) -> None:
    """Put in UPDATE_OPS what moves averages towards values."""
    for average, value in zip(averages, values):
        update = average.assign_sub((average - value) * (1 - momentum), read_value=False)
        if context.local.graph is not None:
            context.local.graph.add_to_collection(GraphKeys.UPDATE_OPS, update)
