"""Initializers: callables that make the first value of a variable of a given shape and dtype.

Keras's, `tf.keras.initializers.RandomNormal`, and at the end TensorFlow's own,
`tf.random_normal_initializer`, which differ in their defaults and in what they refuse. Those that scale with
the shape are in `scaling.py`.
"""

import math
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.convert import array_of
from nbtape.core.dtype import DType, as_dtype, float32, int32
from nbtape.core.engine import Tensor, tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorShape, bracket
from nbtape.ops.random import normal as random_normal, uniform as random_uniform
from nbtape.ops.sampler import fresh_seed
from nbtape.ops.stateless import stateless_normal, stateless_truncated_normal, stateless_uniform


class Initializer:
    """The base of all initializers: subclasses make values in `__call__(shape, dtype=None)`.

    >>> class Threes(tf.keras.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return tf.fill(shape, 3.0)
    >>> tf.Variable(Threes()([2])).numpy().tolist()
    [3.0, 3.0]
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict:
        """The arguments that make this initializer again."""
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Initializer":
        """An initializer made from `get_config()`."""
        return cls(**config)

    def clone(self) -> "Initializer":
        return self.__class__.from_config(self.get_config())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def sizes(shape: Any) -> tuple[int, ...]:
    """`shape` as a tuple of sizes that are all known."""
    if isinstance(shape, Tensor):
        shape = np.atleast_1d(np.asarray(shape)).tolist()
    shape = TensorShape(shape)
    shape.assert_is_fully_defined()
    return tuple(shape)  # type: ignore[arg-type]


def dtype_of(dtype: Any) -> DType:
    return float32 if dtype is None else as_dtype(dtype)


class Zeros(Initializer):
    """Zeros.

    >>> tf.keras.initializers.Zeros()((2,)).numpy().tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        dtype = dtype_of(dtype)
        return tensor(np.full(sizes(shape), b"" if dtype.name == "string" else 0, dtype.np))


class Ones(Initializer):
    """Ones."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return tensor(np.ones(sizes(shape), dtype_of(dtype).np))


class Constant(Initializer):
    """`value`, broadcast to the shape."""

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        shape, value = sizes(shape), np.asarray(self.value)
        try:
            values = np.broadcast_to(value, shape)
        except ValueError:
            raise invalid(
                f"Incompatible shapes: {bracket(value.shape)} vs. {bracket(shape)}: the value of a constant "
                "initializer is broadcast to the shape asked for."
            ) from None
        return tensor(values.astype(dtype_of(dtype).np))

    def get_config(self) -> dict:
        return {"value": self.value}


class Identity(Initializer):
    """`gain` times the identity matrix; raises ValueError unless the shape has rank 2."""

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        shape = sizes(shape)
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        return tensor((self.gain * np.eye(*shape)).astype(dtype_of(dtype).np))

    def get_config(self) -> dict:
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """An initializer with a seed: an integer, or None for one drawn now. Calls of one object agree."""

    def __init__(self, seed: int | None = None):
        if seed is not None and not isinstance(seed, int | np.integer):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an integer. "
                f"Received: seed={seed}"
            )
        self._init_seed = seed
        self.seed = fresh_seed() if seed is None else int(seed)

    @property
    def key(self) -> Any:
        """The seed as `tf.random.stateless_*` take it. In a graph of TensorFlow 1 one that was not given is
        drawn anew each time that a session initializes variables.
        """
        graph = context.local.graph
        if self._init_seed is None and graph is not None and not graph.building_function:
            return random_uniform([2], 0, 2**31 - 1, int32)
        return [self.seed, 0]

    def get_config(self) -> dict:
        return {"seed": self._init_seed}


class RandomNormal(RandomInitializer):
    """Normally distributed values."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return stateless_normal(sizes(shape), self.key, self.mean, self.stddev, dtype_of(dtype))

    def get_config(self) -> dict:
        return super().get_config() | {"mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normally distributed values, those beyond two standard deviations drawn again."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return stateless_truncated_normal(sizes(shape), self.key, self.mean, self.stddev, dtype_of(dtype))


class RandomUniform(RandomInitializer):
    """Values evenly distributed from `minval` to `maxval`."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return stateless_uniform(sizes(shape), self.key, self.minval, self.maxval, dtype_of(dtype))

    def get_config(self) -> dict:
        return super().get_config() | {"minval": self.minval, "maxval": self.maxval}


# TensorFlow's own


def _numeric(dtype: Any) -> DType:
    dtype = as_dtype(dtype)
    if dtype.name == "string":
        raise ValueError(f"Argument `dtype` expected to be numeric or boolean. Received {dtype}.")
    return dtype


class zeros_initializer(Zeros):
    """Zeros; raises ValueError for strings.

    >>> tf.zeros_initializer()([2], tf.int32).numpy().tolist()
    [0, 0]
    """

    def __call__(self, shape: Any, dtype: Any = float32) -> Any:
        return super().__call__(shape, _numeric(dtype))


class ones_initializer(Ones):
    """Ones; raises ValueError for strings."""

    def __call__(self, shape: Any, dtype: Any = float32) -> Any:
        return super().__call__(shape, _numeric(dtype))


class constant_initializer(Initializer):
    """`value`: a number for all elements, or as many numbers as the shape has, in a list or array.

    The dtype is that of the value, unless given. Raises TypeError where the numbers are too few or too many.

    >>> tf.constant_initializer([1, 2, 3, 4])([2, 2]).numpy().tolist()
    [[1, 2], [3, 4]]
    """

    def __init__(self, value: Any = 0, support_partition: bool = False):
        if not (np.isscalar(value) or isinstance(value, list | tuple | np.ndarray)):
            raise TypeError(
                f"Invalid type for initial value: {type(value).__name__}. Expected Python scalar, list or "
                "tuple of values, or numpy.ndarray."
            )
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        shape = sizes(shape)
        value = np.asarray(array_of(self.value, None if dtype is None else as_dtype(dtype)))
        if value.ndim and value.size != math.prod(shape):
            raise TypeError(
                f"Eager execution of tf.constant with unsupported shape. Tensor {value} (converted from "
                f"{self.value}) has {value.size} elements, but got `shape` {shape} with "
                f"{math.prod(shape)} elements)."
            )
        return tensor(value.reshape(shape) if value.ndim else np.broadcast_to(value, shape))

    def get_config(self) -> dict:
        return {"value": self.value}


class random_normal_initializer(Initializer):
    """Normally distributed values: the same at each call with a `seed`, others at each without.

    Raises ValueError for a dtype that is not floating point.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = float32) -> Any:
        dtype = as_dtype(dtype)
        if not dtype.is_floating:
            raise ValueError(f"Argument `dtype` is expected to be floating point. Received: {dtype}.")
        if self.seed is None:
            return random_normal(sizes(shape), self.mean, self.stddev, dtype)
        return stateless_normal(sizes(shape), [self.seed, 0], self.mean, self.stddev, dtype)

    def get_config(self) -> dict:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class random_uniform_initializer(Initializer):
    """Values evenly distributed in [minval, maxval): with a `seed` the same at each call, without others."""

    def __init__(self, minval: Any = -0.05, maxval: Any = 0.05, seed: int | None = None):
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Any, dtype: Any = float32) -> Any:
        dtype = _numeric(dtype)
        if self.seed is None:
            return random_uniform(sizes(shape), self.minval, self.maxval, dtype)
        return stateless_uniform(sizes(shape), [self.seed, 0], self.minval, self.maxval, dtype)

    def get_config(self) -> dict:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}
