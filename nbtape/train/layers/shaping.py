"""Layers that arrange elements otherwise: Flatten, Reshape, Permute, RepeatVector."""

import math
from collections.abc import Sequence
from typing import Any

from nbtape.ops.join import concat
from nbtape.ops.measure import shape
from nbtape.ops.shape import expand_dims, reshape, transpose
from nbtape.ops.tile import repeat
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer


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
