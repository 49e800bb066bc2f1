"""Layers that do something while training only: leave elements out, add noise, add to the loss."""

from typing import Any

from nbtape.ops.mask import where
from nbtape.ops.measure import shape
from nbtape.ops.nn import dropout
from nbtape.ops.random import normal, uniform
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer
from nbtape.train.regularizers import L1L2

_LOWEST = -1.7580993408473766  # of what `selu` gives


def checked_rate(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(
            "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
            f"Received: rate={rate}"
        )
    return rate


class Dropout(Layer):
    """While training: a share `rate` of the elements set to 0, the others scaled up to keep the mean.

    >>> x = tf.ones([2, 2])
    >>> tf.keras.layers.Dropout(0.5)(x, training=False).numpy().tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    supports_masking = True
    settings = ("rate", "seed", "noise_shape")

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate, self.seed, self.noise_shape = checked_rate(rate), seed, noise_shape

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


class _SpatialDropout(Dropout):
    rank = 2
    settings = ("rate", "seed", "data_format")

    def __init__(self, rate: float, seed: int | None = None, data_format: str | None = None, **kwargs: Any):
        self.data_format = data_format or "channels_last"
        ones = [1] * self.rank
        shape = (None, None, *ones) if self.data_format == "channels_first" else (None, *ones, None)
        super().__init__(rate, shape, seed, **kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 2)


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of (batch, steps, channels)."""

    rank = 1


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of (batch, rows, columns, channels)."""


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of (batch, depth, rows, columns, channels)."""

    rank = 3


class GaussianNoise(Layer):
    """While training: inputs plus normal noise of deviation `stddev`."""

    supports_masking = True
    settings = ("stddev", "seed")

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.stddev, self.seed = stddev, seed

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        return inputs + normal(shape(inputs), stddev=self.stddev, dtype=inputs.dtype, seed=self.seed)


class GaussianDropout(Layer):
    """While training: inputs times normal numbers of mean 1, that vary as much as dropout at `rate` makes."""

    supports_masking = True
    settings = ("rate", "seed")

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate, self.seed = checked_rate(rate), seed

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        deviation = (self.rate / (1.0 - self.rate)) ** 0.5
        return inputs * normal(shape(inputs), 1.0, deviation, inputs.dtype, self.seed)


class AlphaDropout(Dropout):
    """Dropout for networks of `selu`, to whose lowest value elements are set: mean and variance stay."""

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        sizes = self._noise_shape(inputs)
        drawn = uniform(shape(inputs) if sizes is None else sizes, dtype=inputs.dtype, seed=self.seed)
        a = ((1 - self.rate) * (1 + self.rate * _LOWEST**2)) ** -0.5
        return a * where(drawn >= self.rate, inputs, _LOWEST) - a * _LOWEST * self.rate


class ActivityRegularization(Layer):
    """Inputs as they are, whose sizes are added to the loss: `l1` times their sum, `l2` times their squares'.

    >>> layer = tf.keras.layers.ActivityRegularization(l2=0.5)
    >>> layer(tf.constant([[1.0, 2.0]])).numpy(), [float(x) for x in layer.losses]
    (array([[1., 2.]], dtype=float32), [2.5])
    """

    supports_masking = True
    settings = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        return inputs
