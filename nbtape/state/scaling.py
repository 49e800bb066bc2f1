"""Initializers that scale with the number of units, or are orthogonal; and all initializers by name."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import float32, float64
from nbtape.core.engine import Tensor, tensor
from nbtape.ops.stateless import stateless_normal, stateless_truncated_normal, stateless_uniform
from nbtape.state.custom import custom_object_scope, described, resolved
from nbtape.state.initializers import (
    Constant,
    Identity,
    Initializer,
    Ones,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    Zeros,
    dtype_of,
    sizes,
)

_TRUNCATED = 0.87962566103423978  # standard deviation of a standard normal cut off at 2


class VarianceScaling(RandomInitializer):
    """Random values whose variance is `scale` over the number of units, so that signals keep their size.

    `mode` says which units count, "fan_in", "fan_out" or "fan_avg"; `distribution` is "truncated_normal" (or
    "normal"), "untruncated_normal" or "uniform". Units are counted along `input_axes` and `output_axes`, by
    default the last axes of a weight matrix or a convolution kernel. Raises ValueError for other words and
    for scale <= 0.

    >>> w = tf.keras.initializers.VarianceScaling(2.0, seed=1)((400, 300))
    >>> bool(abs(tf.math.reduce_std(w) - (2.0 / 400) ** 0.5) < 1e-3)
    True
    """

    _MODES = ("fan_in", "fan_out", "fan_avg")
    _DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in self._MODES:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {self._MODES}")
        distribution = distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in self._DISTRIBUTIONS:
            raise ValueError(
                f"Invalid `distribution` argument: {distribution}. Please use one of {self._DISTRIBUTIONS}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        shape, dtype = sizes(shape), dtype_of(dtype)
        fan_in, fan_out = _fans(shape, self.input_axes, self.output_axes)
        units = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        scale = self.scale / max(1.0, units)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            return stateless_uniform(shape, self.key, -limit, limit, dtype)
        if self.distribution == "untruncated_normal":
            return stateless_normal(shape, self.key, 0.0, math.sqrt(scale), dtype)
        return stateless_truncated_normal(shape, self.key, 0.0, math.sqrt(scale) / _TRUNCATED, dtype)

    def get_config(self) -> dict:
        config = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return super().get_config() | config | self._axes()

    def _axes(self) -> dict:
        return {"input_axes": self.input_axes, "output_axes": self.output_axes}


def _fans(
    shape: tuple, input_axes: Sequence[int] | None, output_axes: Sequence[int] | None
) -> tuple[int, int]:
    """How many input and output units a weight of `shape` joins."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return n, n
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


class _Scaled(VarianceScaling):
    """A variance scaling with its scale, mode and distribution fixed."""

    _fixed: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(*self._fixed, seed, input_axes, output_axes)

    def get_config(self) -> dict:
        return RandomInitializer.get_config(self) | self._axes()


class GlorotUniform(_Scaled):
    """Uniform in [-l, l] with l = sqrt(6 / (fan_in + fan_out)); also called Xavier's."""

    _fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal with variance 2 / (fan_in + fan_out); also called Xavier's."""

    _fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform in [-l, l] with l = sqrt(6 / fan_in), for relu."""

    _fixed = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal with variance 2 / fan_in, for relu."""

    _fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform in [-l, l] with l = sqrt(3 / fan_in)."""

    _fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal with variance 1 / fan_in, for selu."""

    _fixed = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """`gain` times a random matrix with orthonormal rows or columns, whichever there are fewer of.

    All axes but the last are taken as one; raises ValueError for rank 1.

    >>> q = tf.keras.initializers.Orthogonal(seed=0)((3, 3))
    >>> bool(tf.reduce_max(abs(q @ tf.transpose(q) - tf.eye(3))) < 1e-5)
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        shape = sizes(shape)
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        rows, columns, dtype = math.prod(shape[:-1]), shape[-1], dtype_of(dtype)
        tall = max(rows, columns), min(rows, columns)
        with context.paused():
            precise = float64 if dtype is float64 else float32
            q, r = np.linalg.qr(stateless_normal(tall, self.key, dtype=precise).numpy())
        q *= np.where(np.diagonal(r) < 0, -1, 1)  # so that each orthogonal matrix is as likely
        return tensor((self.gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype.np))

    def get_config(self) -> dict:
        return super().get_config() | {"gain": self.gain}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


_ALL: tuple[type[Initializer], ...] = (
    Zeros, Ones, Constant, Identity, Orthogonal, RandomNormal, RandomUniform, TruncatedNormal,
    VarianceScaling, GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform,
)  # fmt: skip
_NAMED: dict[str, type[Initializer]] = {}
for _class in _ALL:
    _NAMED[_class.__name__] = _NAMED[_snake(_class.__name__)] = _class
_NAMED |= {"IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal, "normal": RandomNormal,
           "uniform": RandomUniform, "one": Ones, "zero": Zeros}  # fmt: skip


def get(identifier: Any) -> Any:
    """The initializer that `identifier` means.

    A name, a config, a class, an initializer or other function of (shape, dtype), a tensor of the shape that
    will be asked for; None stays None. Raises ValueError for anything else.

    >>> tf.keras.initializers.get("ones")
    Ones()
    """
    if identifier is None:
        return None
    if isinstance(identifier, Tensor | np.ndarray | np.generic):
        return _Given(identifier)
    found = identifier
    if isinstance(identifier, str | dict):
        config = {"class_name": identifier, "config": {}} if isinstance(identifier, str) else identifier
        found = resolved(config.get("class_name", ""), _NAMED)
        if isinstance(found, type):
            return found.from_config(config.get("config", {}))
    if not callable(found):
        raise ValueError(f"Could not interpret initializer identifier: {identifier}")
    return found() if isinstance(found, type) else found


def serialize(initializer: Initializer) -> dict:
    """A dict from which `deserialize` makes the initializer again."""
    return described(initializer, "keras.initializers")


def deserialize(config: dict, custom_objects: dict | None = None) -> Any:
    """The initializer that `serialize` wrote; classes of your own are given by name in `custom_objects`."""
    with custom_object_scope(custom_objects):
        return get(config)


class _Given(Initializer):
    """The value of a tensor, for its own shape."""

    def __init__(self, value: Any):
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        value = np.asarray(self.value)
        if sizes(shape) != value.shape:
            raise ValueError(
                f"Expected `shape` to be {value.shape} for direct tensor as initializer. "
                f"Received shape={shape}"
            )
        return tensor(value.astype(dtype_of(dtype).np))
