"""Shapes as TensorFlow 1 gives them: their sizes are Dimensions."""

from collections.abc import Iterator
from typing import Any

from nbtape.core.dimension import Dimension
from nbtape.core.shape import TensorShape

_asked = False  # whether a program asked for them


class ShapeV1(TensorShape):
    """A TensorShape whose sizes are Dimensions."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return ShapeV1(found) if isinstance(key, slice) else Dimension(found)

    def __iter__(self) -> Iterator[Any]:
        return map(Dimension, super().__iter__())


def shown(shape: TensorShape) -> TensorShape:
    """A shape as `get_shape` gives it."""
    return ShapeV1(shape) if _asked else shape


def disable_v2_tensorshape() -> None:
    """Let `x.get_shape()` have Dimensions for sizes from now on, `x.get_shape()[0].value`."""
    global _asked
    _asked = True


def enable_v2_tensorshape() -> None:
    """Let `x.get_shape()` have plain ints for sizes, and None for those that are unknown."""
    global _asked
    _asked = False


def dimension_at_index(shape: Any, index: int) -> Dimension:
    """A size of a shape as a Dimension, unknown where the rank is.

    >>> tf.compat.v1.dimension_at_index(tf.TensorShape([None, 3]), 1).value
    3
    """
    shape = TensorShape(shape)
    return Dimension(None if shape.rank is None else shape[index])
