"""Layers that cut borders off, put borders of zeros on, or repeat rows and columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core.engine import tensor
from nbtape.ops.cut import pad
from nbtape.ops.einsum import tensordot
from nbtape.ops.shape import transpose
from nbtape.ops.tile import repeat
from nbtape.train.layers.convolution import sizes
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer


def _borders(value: Any, rank: int, name: str) -> tuple[tuple[int, ...], ...]:
    """How much before and behind, along each axis: from one number, one an axis, or a pair an axis."""
    listed = [value] * rank if isinstance(value, int) else list(value)
    if rank == 1 and len(listed) == 2:
        listed = [listed]
    pairs = [(x, x) if isinstance(x, int) else tuple(x) for x in listed]
    if len(pairs) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ValueError(f"`{name}` should be {rank} pairs of numbers that are not negative. Got {value}.")
    return tuple(pairs)


class _Spatial(Layer):
    """A layer of images or their like, of `rank` axes beside those of the batch and the channels."""

    rank = 2

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format or "channels_last"
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _first(self) -> int:
        """Where the axes that are not the batch's or the channels' begin."""
        return 2 if self.data_format == "channels_first" else 1


class _ZeroPadding(_Spatial):
    settings = ("padding", "data_format")

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.padding = _borders(padding, self.rank, "padding")

    def call(self, inputs: Any) -> Any:
        borders: list[tuple[int, ...]] = [(0, 0)] * (self.rank + 2)
        borders[self._first : self._first + self.rank] = self.padding
        return pad(inputs, borders)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and behind the steps of (batch, steps, channels)."""

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images: `padding` is a number, (rows, columns), or ((top, bottom), (left, right)).

    >>> tf.keras.layers.ZeroPadding2D(((1, 0), (2, 2)))(tf.ones([1, 3, 3, 1])).shape
    TensorShape([1, 4, 7, 1])
    """


class ZeroPadding3D(_ZeroPadding):
    """Zeros around (batch, depth, rows, columns, channels)."""

    rank = 3


class _Cropping(_Spatial):
    settings = ("cropping", "data_format")

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.cropping = _borders(cropping, self.rank, "cropping")

    def call(self, inputs: Any) -> Any:
        key: list[Any] = [slice(None)] * (self.rank + 2)
        for i, (low, high) in enumerate(self.cropping, self._first):
            size = inputs.shape[i]
            if size is not None and low + high >= size:
                raise ValueError(
                    f"`cropping` parameter of {type(self).__name__} layer must be smaller than the input "
                    f"shape. Received: input_shape={tuple(inputs.shape)}, cropping={self.cropping}"
                )
            key[i] = slice(low, -high if high else None)
        return inputs[tuple(key)]


class Cropping1D(_Cropping):
    """Steps of (batch, steps, channels) without the first and the last."""

    rank = 1


class Cropping2D(_Cropping):
    """Images without their borders: `cropping` is as the `padding` of ZeroPadding2D.

    >>> tf.keras.layers.Cropping2D(((1, 0), (1, 1)))(tf.ones([1, 3, 3, 1])).shape
    TensorShape([1, 2, 1, 1])
    """


class Cropping3D(_Cropping):
    """(batch, depth, rows, columns, channels) without their borders."""

    rank = 3


class _UpSampling(_Spatial):
    settings: tuple[str, ...] = ("size", "data_format")

    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.size = sizes(size, self.rank, "size")

    def call(self, inputs: Any) -> Any:
        for i, n in enumerate(self.size, self._first):
            inputs = repeat(inputs, n, i)
        return inputs


class UpSampling1D(_UpSampling):
    """Each step, `size` times.

    >>> tf.keras.layers.UpSampling1D()(tf.constant([[[1.0], [2.0]]])).numpy().ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """

    rank = 1

    def __init__(self, size: Any = 2, **kwargs: Any):
        super().__init__(size, **kwargs)


class UpSampling2D(_UpSampling):
    """Images `size` times as large: each pixel repeated, or what lies between them if "bilinear".

    >>> tf.keras.layers.UpSampling2D((2, 3))(tf.ones([1, 4, 4, 1])).shape
    TensorShape([1, 8, 12, 1])
    """

    settings = ("size", "data_format", "interpolation")

    def __init__(
        self, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ):
        super().__init__(size, data_format, **kwargs)
        self.interpolation = interpolation.lower()
        if self.interpolation not in ("nearest", "bilinear"):
            raise ValueError(f"`interpolation` may be 'nearest' or 'bilinear'. Received: {interpolation!r}")

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        for i, n in enumerate(self.size, self._first):
            weights = tensor(_between(inputs.shape[i], n).astype(inputs.dtype.np))
            order = list(range(inputs.shape.rank))
            order.insert(i, order.pop())
            inputs = transpose(tensordot(inputs, weights, [[i], [0]]), order)
        return inputs


class UpSampling3D(_UpSampling):
    """Each voxel of (batch, depth, rows, columns, channels), `size` times along each axis."""

    rank = 3


def _between(n: int, times: int) -> np.ndarray:
    """What each of `n` pixels in a row counts in each of `n * times` that lie evenly over the same length."""
    places = np.clip((np.arange(n * times) + 0.5) / times - 0.5, 0, n - 1)
    return np.maximum(0.0, 1.0 - np.abs(places - np.arange(n)[:, None]))
