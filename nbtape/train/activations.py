"""Activations by the names that Keras gives them: `tf.keras.activations`."""

from typing import Any

from nbtape.ops.activation import (
    elu as plain_elu,
    gelu,
    leaky_relu as scaled_relu,
    relu as plain_relu,
    relu6,
    selu,
    silu,
)
from nbtape.ops.arithmetic import cast, softplus, softsign
from nbtape.ops.clip import clip_by_value
from nbtape.ops.functions import (
    abs as absolute,
    exp,
    expm1,
    log_sigmoid,
    maximum,
    minimum,
    sigmoid,
    sqrt,
    square,
    tanh,
)
from nbtape.ops.join import split
from nbtape.ops.mask import where
from nbtape.ops.measure import shape as measured
from nbtape.ops.reduce import reduce_sum
from nbtape.ops.scan import cumsum
from nbtape.ops.sequence import range as counted
from nbtape.ops.shape import reshape
from nbtape.ops.softmax import log_softmax, softmax as softmax_along
from nbtape.ops.sort import sort
from nbtape.state.custom import custom_object_scope, resolved


def linear(x: Any) -> Any:
    """`x` itself."""
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """`x` where it is above `threshold`, at most `max_value`; below, `negative_slope * (x - threshold)`.

    >>> tf.keras.activations.relu(tf.constant([-2.0, 0.5, 3.0]), negative_slope=0.5, max_value=1.0).numpy()
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    if threshold:
        x = where(x > threshold, x, negative_slope * (x - threshold))
    elif negative_slope:
        x = scaled_relu(x, negative_slope)
    else:
        x = plain_relu(x)
    return x if max_value is None else minimum(x, max_value)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x` where it is positive, else `negative_slope * x`."""
    return scaled_relu(x, negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where it is positive, else `alpha * (exp(x) - 1)`.

    >>> tf.keras.activations.elu(tf.constant([-1.0, 2.0]), alpha=2.0).numpy().round(3)
    array([-1.264,  2.   ], dtype=float32)
    """
    y = plain_elu(x)
    return y if alpha == 1 else plain_relu(x) - alpha * (plain_relu(y) - y)


def softmax(x: Any, axis: int = -1) -> Any:
    """Positive numbers along `axis` that sum to 1."""
    return softmax_along(x, axis)


def hard_sigmoid(x: Any) -> Any:
    """`x / 6 + 1/2`, clipped to [0, 1].

    >>> tf.keras.activations.hard_sigmoid(tf.constant([-4.0, 0.0, 4.0])).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return clip_by_value(x / 6.0 + 0.5, 0.0, 1.0)


def hard_silu(x: Any) -> Any:
    """`x * hard_sigmoid(x)`."""
    return x * hard_sigmoid(x)


def hard_tanh(x: Any) -> Any:
    """`x` clipped to [-1, 1]."""
    return maximum(minimum(x, 1.0), -1.0)


def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`."""
    return x * tanh(softplus(x))


def exponential(x: Any) -> Any:
    """`e ** x`."""
    return exp(x)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where it is positive, else `alpha * (exp(x / alpha) - 1)`, which goes on smoothly."""
    return maximum(x, 0.0) + alpha * expm1(minimum(x, 0.0) / alpha)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half along `axis` times the sigmoid of the second."""
    if x.shape[axis] % 2:
        raise ValueError(f"axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}")
    a, b = split(x, 2, axis)
    return a * sigmoid(b)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` where it is farther than `threshold` from 0, else 0."""
    return where(absolute(x) > threshold, x, 0.0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x`, brought nearer to 0 by `threshold`.

    >>> tf.keras.activations.soft_shrink(tf.constant([-2.0, 0.25, 2.0])).numpy()
    array([-1.5,  0. ,  1.5], dtype=float32)
    """
    return where(x > threshold, x - threshold, where(x < -threshold, x + threshold, 0.0))


def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`."""
    return x - tanh(x)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`x` where it is above `threshold`, else `default_value`."""
    return where(x > threshold, x, default_value)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, `x` from 1 on, and a parabola between them."""
    return where(x <= -1.0, 0.0, where(x < 1.0, 0.25 * square(x + 1.0), x))


def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, 1 from 1 on, and a line between them."""
    return clip_by_value(0.5 * (x + 1.0), 0.0, 1.0)


def squareplus(x: Any, b: float = 4) -> Any:
    """`(x + sqrt(x ** 2 + b)) / 2`, a smooth relu."""
    return (x + sqrt(square(x) + float(b))) / 2.0


def sparsemax(x: Any, axis: int = -1) -> Any:
    """Numbers along `axis` that are not negative and sum to 1, the nearest such to `x`.

    >>> tf.keras.activations.sparsemax(tf.constant([2.0, 1.5, -1.0])).numpy()
    array([0.75, 0.25, 0.  ], dtype=float32)
    """
    order = sort(x, axis, "DESCENDING")
    sums = cumsum(order, axis)
    shape = [1] * x.shape.rank
    shape[axis] = -1
    counts = reshape(cast(counted(1, measured(x)[axis] + 1), x.dtype), shape)
    support = order - (sums - 1.0) / counts > 0.0
    k = reduce_sum(cast(support, x.dtype), axis, keepdims=True)
    level = (reduce_sum(where(support, order, 0.0), axis, keepdims=True) - 1.0) / k
    return maximum(x - level, 0.0)


_NAMED = {f.__name__: f for f in (
    celu, glu, hard_shrink, soft_shrink, tanh_shrink, threshold, sparse_plus, sparse_sigmoid, squareplus,
    sparsemax, log_sigmoid, linear, relu, leaky_relu, softmax, hard_sigmoid, hard_silu, hard_tanh, mish,
    exponential, elu, gelu, relu6, selu, silu, softplus, softsign, sigmoid, tanh, log_softmax,
)} | {"swish": silu, "hard_swish": hard_silu}  # fmt: skip


def named(name: str) -> Any:
    """The activation of a name, or None."""
    return _NAMED.get(name)


def get(identifier: Any) -> Any:
    """The activation that `identifier` means: a name, a function of a tensor, or None for none.

    >>> tf.keras.activations.get("relu")(tf.constant([-1.0, 2.0])).numpy()
    array([0., 2.], dtype=float32)
    """
    found = identifier or linear
    if isinstance(identifier, str):
        found = resolved(identifier, _NAMED)
    if not callable(found):
        raise ValueError(f"Could not interpret activation function identifier: {identifier}")
    return found


def serialize(activation: Any) -> Any:
    """An activation's name; a function of your own as a dict with its name."""
    name = activation.__name__
    return name if named(name) is activation else {"class_name": "function", "config": name}


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The activation that `serialize` named; functions of your own are given by name in `custom_objects`."""
    with custom_object_scope(custom_objects):
        return get(config["config"] if isinstance(config, dict) else config)
