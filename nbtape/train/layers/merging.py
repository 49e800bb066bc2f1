"""Layers of several inputs: Add, Concatenate and their like."""

import functools
from collections.abc import Callable
from typing import Any

from nbtape.ops.functions import maximum, minimum
from nbtape.ops.join import concat
from nbtape.train.layer import Layer


class _Merge(Layer):
    pair: Callable[[Any, Any], Any] = staticmethod(lambda a, b: a + b)

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, list | tuple) or not inputs:
            raise ValueError(
                f"A merge layer should be called on a list of at least 1 input. Received: inputs={inputs}"
            )
        return functools.reduce(self.pair, inputs)


class Add(_Merge):
    """The sum of a list of inputs.

    >>> tf.keras.layers.Add()([tf.constant([1.0]), tf.constant([2.0])]).numpy()
    array([3.], dtype=float32)
    """


class Subtract(_Merge):
    """The first of two inputs minus the second."""

    pair = staticmethod(lambda a, b: a - b)


class Multiply(_Merge):
    """The product of a list of inputs."""

    pair = staticmethod(lambda a, b: a * b)


class Average(_Merge):
    """The mean of a list of inputs."""

    def call(self, inputs: Any) -> Any:
        return super().call(inputs) / float(len(inputs))


class Maximum(_Merge):
    """The largest of a list of inputs, element by element."""

    pair = staticmethod(maximum)


class Minimum(_Merge):
    """The smallest of a list of inputs, element by element."""

    pair = staticmethod(minimum)


class Concatenate(Layer):
    """A list of inputs, joined along `axis`.

    >>> tf.keras.layers.Concatenate()([tf.ones([2, 3]), tf.ones([2, 1])]).shape
    TensorShape([2, 4])
    """

    settings = ("axis",)

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return concat(list(inputs), self.axis)
