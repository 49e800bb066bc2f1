"""Activations as layers: Activation, ReLU and its kin, Softmax."""

from typing import Any

from nbtape.ops import activation as ops
from nbtape.ops.arithmetic import cast
from nbtape.ops.create import zeros_like
from nbtape.ops.functions import exp
from nbtape.ops.mask import where
from nbtape.ops.reduce import reduce_logsumexp
from nbtape.train import activations
from nbtape.train.layers.layer import Layer


class Activation(Layer):
    """A function of each element, by name or as it is.

    >>> tf.keras.layers.Activation("relu")(tf.constant([-1.0, 2.0])).numpy()
    array([0., 2.], dtype=float32)
    """

    supports_masking = True
    settings = ("activation",)

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class ReLU(Layer):
    """`tf.keras.activations.relu`, as a layer."""

    supports_masking = True
    settings = ("max_value", "negative_slope", "threshold")

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        given = {"max_value": max_value, "negative_slope": negative_slope, "threshold": threshold}
        for setting, value in given.items():
            if value is not None and value < 0:
                raise ValueError(f"{setting} of a ReLU layer cannot be negative. Received: {setting}={value}")
        self.max_value, self.negative_slope, self.threshold = (
            max_value,
            negative_slope or 0.0,
            threshold or 0.0,
        )

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """`x` where it is positive, else `negative_slope * x`."""

    supports_masking = True
    settings = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """`x` where it is positive, else `alpha * (exp(x) - 1)`."""

    supports_masking = True
    settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, self.alpha)


class PReLU(Layer):
    """`x` where it is positive, else `alpha * x`, with a trained `alpha` for each element."""

    supports_masking = True
    settings = ("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer, self.alpha_regularizer = alpha_initializer, alpha_regularizer
        self.alpha_constraint = alpha_constraint
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or ())

    def build(self, input_shape: Any) -> None:
        sizes = [1 if i in self.shared_axes else n for i, n in enumerate(input_shape)][1:]
        self.alpha = self.add_weight(
            sizes,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )

    def call(self, inputs: Any) -> Any:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


class Softmax(Layer):
    """Positive numbers along `axis` that sum to 1; those that `mask` leaves out are 0.

    >>> layer = tf.keras.layers.Softmax()
    >>> layer(tf.constant([1.0, 1.0, 5.0]), mask=tf.constant([True, True, False])).numpy()
    array([0.5, 0.5, 0. ], dtype=float32)
    """

    settings = ("axis",)
    supports_masking = True

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return masked_softmax(inputs, mask, self.axis)


def masked_softmax(x: Any, mask: Any, axis: Any = -1, settle: bool = True) -> Any:
    """The softmax, over one axis or several, of what `mask` leaves.

    Where it leaves nothing, 0 if `settle`; else as if it left all.
    """
    kept = None if mask is None else cast(mask, "bool")
    if kept is not None:
        x = where(kept, x, -0.7 * x.dtype.max)
    if isinstance(axis, int):
        y = activations.softmax(x, axis)
    else:
        y = exp(x - reduce_logsumexp(x, list(axis), keepdims=True))
    return y if kept is None or not settle else where(kept, y, zeros_like(y))
