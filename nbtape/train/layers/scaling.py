"""Layers that bring inputs to a scale, the same for all examples: Rescaling, Normalization."""

from typing import Any

import numpy as np

from nbtape.core.engine import tensor
from nbtape.ops.arithmetic import cast
from nbtape.ops.functions import maximum, sqrt
from nbtape.ops.shape import reshape
from nbtape.train.layers.layer import Layer
from nbtape.train.models.batches import Batches, unpacked


class Rescaling(Layer):
    """`inputs * scale + offset`, such as bytes brought to [0, 1].

    >>> tf.keras.layers.Rescaling(1.0 / 255)(tf.constant([0, 255])).numpy()
    array([0., 1.], dtype=float32)
    """

    supports_masking = True
    settings = ("scale", "offset")

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Any) -> Any:
        return cast(inputs, self._dtype) * self.scale + self.offset


class Normalization(Layer):
    """Each feature along `axis` with mean 0 and variance 1 over the data that `adapt` was shown, or by the
    `mean` and `variance` given. `axis=None` takes all of an example as one; `invert` goes back.

    >>> layer = tf.keras.layers.Normalization()
    >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> layer(tf.constant([[3.0, 10.0]])).numpy()
    array([[ 1., -1.]], dtype=float32)
    """

    supports_masking = True
    settings = ("axis", "input_mean", "input_variance", "invert")

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. Received: "
                f"mean={mean} and variance={variance}"
            )
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert

    def build(self, input_shape: Any) -> None:
        kept = sorted(i % len(input_shape) for i in self.axis)
        self._sizes = [n if i in kept else 1 for i, n in enumerate(input_shape)]
        self._summed = tuple([i for i in range(len(input_shape)) if i not in kept])
        if self.input_mean is None:
            sizes = [input_shape[i] for i in kept]
            self.adapt_mean = self.add_weight(sizes, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(sizes, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")

    @property
    def mean(self) -> Any:
        return self._spread(self.adapt_mean if self.input_mean is None else self.input_mean)

    @property
    def variance(self) -> Any:
        return self._spread(self.adapt_variance if self.input_mean is None else self.input_variance)

    def _spread(self, x: Any) -> Any:
        x = cast(tensor(x), self._dtype)
        return x if x.shape.rank == 0 else reshape(x, self._sizes)

    def adapt(self, data: Any) -> None:
        """Take the mean and the variance of an array, or of all batches of a dataset."""
        if self.input_mean is not None:
            raise ValueError("Cannot `adapt` a Normalization layer whose `mean` and `variance` were given.")
        total, squares, count = np.zeros(()), np.zeros(()), 0
        for batch in Batches(data, batch_size=8192):
            x = unpacked(batch)[0]
            if not self.built:
                self.build((None, *x.shape[1:]))
            values = np.asarray(x, np.float64)
            total, squares = total + values.sum(self._summed), squares + (values**2).sum(self._summed)
            count += int(np.prod([values.shape[i] for i in self._summed]))
        mean = total / count
        self.adapt_mean.assign(mean.astype(self._dtype.np))
        self.adapt_variance.assign((squares / count - mean**2).astype(self._dtype.np))
        self.count.assign(count)

    def call(self, inputs: Any) -> Any:
        x, deviation = cast(inputs, self._dtype), maximum(sqrt(self.variance), 1e-7)
        return self.mean + x * deviation if self.invert else (x - self.mean) / deviation

    def get_config(self) -> dict:
        config = super().get_config()
        return config | {"mean": config.pop("input_mean"), "variance": config.pop("input_variance")}
