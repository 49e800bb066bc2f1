"""What a session is given, as tensors, and what it gives, as arrays that are the user's own."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nbtape.core.convert import array_of
from nbtape.core.dtype import string
from nbtape.core.engine import EagerTensor, readable
from nbtape.core.memory import on_host
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.state.writes import exclusive


def pairs(feed_dict: Mapping) -> list[tuple[Any, Any]]:
    """Keys and values, those of tuples of tensors one by one."""
    left, found = list(feed_dict.items())[::-1], []
    while left:
        key, value = left.pop()
        if not isinstance(key, tuple):
            found.append((key, value))
        elif len(key) != len(value):
            raise ValueError(f"The feed of {key!r} has {len(value)} values for {len(key)} tensors.")
        else:
            left += list(zip(key, value))[::-1]
    return found


def fed_value(x: SymbolicTensor, value: Any, copy: bool) -> EagerTensor:
    """A value for `x`; a copy where a variable may keep the array."""
    if isinstance(value, SymbolicTensor):
        raise TypeError(
            "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python "
            f"scalars, strings, lists, numpy ndarrays. The feed of {x.name} is {value!r}: run it first."
        )
    spec = x._spec
    if type(value) is np.ndarray and value.dtype == spec.dtype != object:
        array = value
    elif spec.dtype == object:
        array = array_of(value.tolist() if isinstance(value, np.ndarray | np.generic) else value, string)
    elif isinstance(value, EagerTensor) and value._value.dtype == spec.dtype:
        array = on_host(value._value)
    else:
        if type(value) is int and spec.dtype.kind in "iu" and not _holds(spec.dtype, value):
            raise TypeError(
                f"Type of feed value {value} with type {type(value)} is not compatible with Tensor type "
                f"{spec.dtype}. Try explicitly setting the type of the feed tensor to a larger type (e.g. "
                "int64)."
            )
        array = np.asarray(value, spec.dtype)
    if spec.shape is not None and not _fits(array.shape, spec.shape):
        raise ValueError(
            f"Cannot feed value of shape {array.shape} for Tensor {x.name}, which has shape {x.shape}"
        )
    if not array.ndim:
        array = np.asarray(array)[()] if spec.dtype != object else array
    elif copy or not array.flags.carray:
        array = np.array(array, order="C")
    return EagerTensor(array)


def _holds(dtype: np.dtype, value: int) -> bool:
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max


def _fits(shape: tuple, wanted: tuple) -> bool:
    return len(shape) == len(wanted) and all([m is None or n == m for n, m in zip(shape, wanted)])


def given(y: EagerTensor) -> Any:
    """A value as an array that is the user's own: a copy of what somebody else holds too."""
    value = y._value
    if not isinstance(value, np.ndarray) or not value.ndim:
        return readable(on_host(value))
    del value
    return exclusive(y)
