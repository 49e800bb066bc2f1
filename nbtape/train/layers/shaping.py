"""Layers without weights that move elements, drop some, or apply a function: Flatten, Dropout..."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from nbtape.ops import activation as ops
from nbtape.ops.join import concat
from nbtape.ops.measure import shape
from nbtape.ops.nn import dropout
from nbtape.ops.random import normal
from nbtape.ops.shape import expand_dims, reshape, transpose
from nbtape.ops.tile import repeat
from nbtape.train import activations
from nbtape.train.keras_tensor import InputSpec
from nbtape.train.layer import Layer


def _reshaped(x: Any, sizes: Sequence[int]) -> Any:
    """`x` with other axes behind that of the batch."""
    batch = x.shape[0]
    if batch is not None:
        return reshape(x, (batch, *sizes))
    y = reshape(x, concat([shape(x)[:1], list(sizes)], 0)) if -1 not in sizes else reshape(x, (-1, *sizes))
    y.set_shape((None, *[None if n == -1 else n for n in sizes]))
    return y


class Flatten(Layer):
    """All axes behind that of the batch as one.

    >>> tf.keras.layers.Flatten()(tf.zeros([2, 3, 4])).shape
    TensorShape([2, 12])
    """

    settings = ("data_format",)

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(autocast=kwargs.pop("autocast", False), **kwargs)
        self.data_format, self.input_spec = data_format or "channels_last", InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and inputs.shape.rank > 2:
            inputs = transpose(inputs, [0, *range(2, inputs.shape.rank), 1])
        sizes = tuple(inputs.shape)[1:]
        return _reshaped(inputs, [-1 if None in sizes else math.prod(sizes)])


class Reshape(Layer):
    """Elements in another shape, that of the batch aside; one size may be -1.

    >>> tf.keras.layers.Reshape((2, -1))(tf.zeros([5, 6])).shape
    TensorShape([5, 2, 3])
    """

    settings = ("target_shape",)

    def __init__(self, target_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, inputs: Any) -> Any:
        given, target = tuple(inputs.shape)[1:], self.target_shape
        if None not in given:
            count, known = math.prod(given), math.prod(n for n in target if n != -1)
            if known * (count // known if known and -1 in target else 1) != count:
                raise ValueError(
                    "The total size of the tensor must be unchanged. Received: "
                    f"input_shape={given}, target_shape={target}"
                )
            target = [count // known if n == -1 else n for n in target]
        return _reshaped(inputs, target)


class Permute(Layer):
    """Axes in another order: `dims` counts from 1, behind the batch.

    >>> tf.keras.layers.Permute((2, 1))(tf.zeros([5, 2, 3])).shape
    TensorShape([5, 3, 2])
    """

    settings = ("dims",)

    def __init__(self, dims: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        return transpose(inputs, [0, *self.dims])


class RepeatVector(Layer):
    """Each vector of a batch, `n` times."""

    settings = ("n",)

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(n, int):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        self.n, self.input_spec = n, InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        return repeat(expand_dims(inputs, 1), self.n, 1)


class Dropout(Layer):
    """While training: a share `rate` of the elements set to 0, the others scaled up to keep the mean.

    >>> x = tf.ones([2, 2])
    >>> tf.keras.layers.Dropout(0.5)(x, training=False).numpy().tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    settings = ("rate", "seed", "noise_shape")

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
                f"Received: rate={rate}"
            )
        self.rate, self.seed, self.noise_shape = rate, seed, noise_shape

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return inputs * 0
        return dropout(inputs, self.rate, self._noise_shape(inputs), self.seed)

    def _noise_shape(self, inputs: Any) -> Any:
        if self.noise_shape is None:
            return None
        sizes = shape(inputs)
        return [sizes[i] if n is None else n for i, n in enumerate(self.noise_shape)]


class SpatialDropout1D(Dropout):
    """Dropout of whole channels of (batch, steps, channels)."""

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, (None, 1, None), seed, **kwargs)


class SpatialDropout2D(Dropout):
    """Dropout of whole channels of (batch, rows, columns, channels)."""

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, (None, 1, 1, None), seed, **kwargs)


class GaussianNoise(Layer):
    """While training: inputs plus normal noise of deviation `stddev`."""

    settings = ("stddev", "seed")

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.stddev, self.seed = stddev, seed

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        return inputs + normal(shape(inputs), stddev=self.stddev, dtype=inputs.dtype, seed=self.seed)


class Activation(Layer):
    """A function of each element, by name or as it is.

    >>> tf.keras.layers.Activation("relu")(tf.constant([-1.0, 2.0])).numpy()
    array([0., 2.], dtype=float32)
    """

    settings = ("activation",)

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class ReLU(Layer):
    """`tf.keras.activations.relu`, as a layer."""

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

    settings = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """`x` where it is positive, else `alpha * (exp(x) - 1)`."""

    settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        y = ops.elu(inputs)
        return y if self.alpha == 1 else ops.relu(inputs) - self.alpha * (ops.relu(y) - y)


class PReLU(Layer):
    """`x` where it is positive, else `alpha * x`, with a trained `alpha` for each element."""

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
    """Positive numbers along `axis` that sum to 1."""

    settings = ("axis",)

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return activations.softmax(inputs, self.axis)


class Lambda(Layer):
    """A function of the inputs, with `arguments`, as a layer."""

    def __init__(
        self, function: Callable, output_shape: Any = None, arguments: dict | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.function, self.arguments = function, dict(arguments or {})

    def call(self, inputs: Any) -> Any:
        return self.function(inputs, **self.arguments)


class Identity(Layer):
    """The inputs themselves."""

    def call(self, inputs: Any) -> Any:
        return inputs
