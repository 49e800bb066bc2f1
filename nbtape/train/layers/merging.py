"""Layers of several inputs: Add, Concatenate, Dot and their like."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from nbtape.ops.create import zeros_like
from nbtape.ops.functions import maximum, minimum
from nbtape.ops.join import concat
from nbtape.ops.linalg import matmul
from nbtape.ops.norm import l2_normalize
from nbtape.ops.reduce import reduce_any
from nbtape.ops.shape import expand_dims, squeeze, transpose
from nbtape.train.layers.layer import Layer


def _listed(inputs: Any, count: int = 1) -> list:
    if not isinstance(inputs, list | tuple):
        raise ValueError(
            f"A merge layer should be called on a list of inputs. Received: inputs={inputs} (not a list of "
            "tensors)"
        )
    if len(inputs) < count:
        raise ValueError(
            f"A merge layer should be called on a list of at least {count} input{'s' * (count > 1)}. "
            f"Received {len(inputs)} inputs. Full inputs received: {inputs}"
        )
    return list(inputs)


class _Merge(Layer):
    pair: Callable[[Any, Any], Any] = staticmethod(lambda a, b: a + b)

    def call(self, inputs: Any) -> Any:
        return functools.reduce(self.pair, _listed(inputs))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Where one of the inputs has a step, if all have masks."""
        if mask is None or any([m is None for m in mask]):
            return None
        return functools.reduce(lambda a, b: a | b, mask)


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

    def build(self, input_shape: Any) -> None:
        shapes = [tuple(shape) for shape in input_shape]
        axis = self.axis % max([len(shape) for shape in shapes])
        if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes if None not in shape}) > 1:
            raise ValueError(
                "A `Concatenate` layer requires inputs with matching shapes except for the concatenation "
                f"axis. Received: input_shape={shapes}"
            )

    def call(self, inputs: Any) -> Any:
        return concat(_listed(inputs), self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks, joined as the inputs are; one for each step."""
        if mask is None or all([m is None for m in mask]):
            return None
        whole = [_spread(m, x) for m, x in zip(mask, inputs)]
        return reduce_any(concat(whole, self.axis), -1)


def _spread(mask: Any, x: Any) -> Any:
    """A mask of the shape of `x`, all True where there is none."""
    nowhere = zeros_like(x, "bool")
    if mask is None:
        return ~nowhere
    return nowhere | (expand_dims(mask, -1) if mask.shape.rank < x.shape.rank else mask)


class Dot(Layer):
    """The products of two inputs along an axis of each, made of length 1 before if `normalize`.

    >>> tf.keras.layers.Dot(axes=1)([tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0]])]).numpy()
    array([[11.]], dtype=float32)
    """

    settings = ("axes", "normalize")

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.axes, self.normalize = axes, normalize

    def call(self, inputs: Any) -> Any:
        a, b = _listed(inputs, 2)
        i, j = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        i, j = i % a.shape.rank, j % b.shape.rank
        if self.normalize:
            a, b = l2_normalize(a, i), l2_normalize(b, j)
        return _batch_dot(a, b, i, j)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: what is summed over has no steps."""
        return None


def _batch_dot(a: Any, b: Any, i: int, j: int) -> Any:
    """The sum over axis i of `a` and j of `b`, example by example: their other axes, those of `a` first."""
    ranks: Sequence[int] = a.shape.rank, b.shape.rank
    if max(ranks) > 3:
        raise ValueError(f"Dot takes inputs of rank 2 or 3. Received: shapes {a.shape} and {b.shape}")
    if a.shape[i] != b.shape[j]:
        raise ValueError(
            f"Incompatible input shapes: axis values {a.shape[i]} (at axis {i}) != {b.shape[j]} (at axis "
            f"{j}). Full input shapes: {tuple(a.shape)}, {tuple(b.shape)}"
        )
    a = expand_dims(a, 1) if ranks[0] == 2 else a if i == 2 else transpose(a, [0, 2, 1])
    b = expand_dims(b, 2) if ranks[1] == 2 else b if j == 1 else transpose(b, [0, 2, 1])
    y = matmul(a, b)
    if ranks[1] == 2 and ranks[0] == 3:
        return squeeze(y, 2)
    return squeeze(y, 1) if ranks[0] == 2 else y


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of a list of inputs."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first of two inputs minus the second."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of a list of inputs."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of a list of inputs."""
    return Average(**kwargs)(inputs)


def maximum_of(inputs: Any, **kwargs: Any) -> Any:
    """The largest of a list of inputs, element by element."""
    return Maximum(**kwargs)(inputs)


def minimum_of(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of a list of inputs, element by element."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """A list of inputs, joined along `axis`."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """The products of two inputs along an axis of each."""
    return Dot(axes, **kwargs)(inputs)
