"""Layers that keep the largest or the mean of each window, or of each channel."""

from typing import Any

from nbtape.ops.arithmetic import cast
from nbtape.ops.mask import where
from nbtape.ops.pooling import pool
from nbtape.ops.reduce import reduce_max, reduce_mean, reduce_sum
from nbtape.ops.shape import expand_dims
from nbtape.train.layers.convolution import sizes
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer


class _Pooling(Layer):
    rank, kind = 2, "MAX"
    settings = ("pool_size", "strides", "padding", "data_format")

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.pool_size = sizes(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else sizes(strides, self.rank, "strides")
        self.padding, self.data_format = padding.lower(), data_format or "channels_last"
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        spatial = "DHW"[3 - self.rank :]
        layout = f"NC{spatial}" if self.data_format == "channels_first" else f"N{spatial}C"
        return pool(inputs, self.pool_size, self.kind, self.strides, self.padding.upper(), layout)


class MaxPooling1D(_Pooling):
    """The largest of each window of (batch, steps, channels)."""

    rank = 1


class MaxPooling2D(_Pooling):
    """The largest of each window of (batch, rows, columns, channels).

    >>> tf.keras.layers.MaxPooling2D()(tf.reshape(tf.range(4.0), [1, 2, 2, 1])).numpy().ravel()
    array([3.], dtype=float32)
    """


class MaxPooling3D(_Pooling):
    """The largest of each window of (batch, depth, rows, columns, channels)."""

    rank = 3


class AveragePooling1D(_Pooling):
    """The mean of each window of (batch, steps, channels)."""

    rank, kind = 1, "AVG"


class AveragePooling2D(_Pooling):
    """The mean of each window of (batch, rows, columns, channels)."""

    kind = "AVG"


class AveragePooling3D(_Pooling):
    """The mean of each window of (batch, depth, rows, columns, channels)."""

    rank, kind = 3, "AVG"


class _GlobalPooling(Layer):
    rank = 2
    settings = ("data_format", "keepdims")

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format, self.keepdims = data_format or "channels_last", keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _axes(self) -> list[int]:
        first = self.data_format == "channels_first"
        return [i + 1 + first for i in range(self.rank)]


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel over the steps, over those that there are if a mask says so."""

    rank = 1

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return reduce_mean(inputs, self._axes, self.keepdims)
        kept = expand_dims(cast(mask, inputs.dtype), 3 - self._axes[0])
        total = reduce_sum(where(kept > 0.0, inputs, 0.0), self._axes, self.keepdims)
        return total / reduce_sum(kept, self._axes, self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel over the image.

    >>> tf.keras.layers.GlobalAveragePooling2D()(tf.ones([2, 3, 3, 4])).shape
    TensorShape([2, 4])
    """

    def call(self, inputs: Any) -> Any:
        return reduce_mean(inputs, self._axes, self.keepdims)


class GlobalAveragePooling3D(GlobalAveragePooling2D):
    """The mean of each channel over (depth, rows, columns)."""

    rank = 3


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest of each channel over the image."""

    def call(self, inputs: Any) -> Any:
        return reduce_max(inputs, self._axes, self.keepdims)


class GlobalMaxPooling1D(GlobalMaxPooling2D):
    """The largest of each channel over the steps."""

    rank = 1


class GlobalMaxPooling3D(GlobalMaxPooling2D):
    """The largest of each channel over (depth, rows, columns)."""

    rank = 3
