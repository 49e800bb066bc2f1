"""Activations by the names that Keras gives them: `tf.keras.activations`."""

from typing import Any

from nbtape.ops.activation import (
    elu,
    gelu,
    leaky_relu as scaled_relu,
    relu as plain_relu,
    relu6,
    selu,
    silu,
)
from nbtape.ops.arithmetic import softplus, softsign
from nbtape.ops.clip import clip_by_value
from nbtape.ops.functions import exp, maximum, minimum, sigmoid, tanh
from nbtape.ops.mask import where
from nbtape.ops.softmax import log_softmax, softmax as softmax_along


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


_NAMED = {f.__name__: f for f in (
    linear, relu, leaky_relu, softmax, hard_sigmoid, hard_silu, hard_tanh, mish, exponential, elu, gelu,
    relu6, selu, silu, softplus, softsign, sigmoid, tanh, log_softmax,
)} | {"swish": silu, "hard_swish": hard_silu}  # fmt: skip


def named(name: str) -> Any:
    """The activation of a name, or None."""
    return _NAMED.get(name)


def get(identifier: Any) -> Any:
    """The activation that `identifier` means: a name, a function of a tensor, or None for none.

    >>> tf.keras.activations.get("relu")(tf.constant([-1.0, 2.0])).numpy()
    array([0., 2.], dtype=float32)
    """
    found = _NAMED.get(identifier) if isinstance(identifier, str) else identifier or linear
    if not callable(found):
        raise ValueError(f"Could not interpret activation function identifier: {identifier}")
    return found
