"""Dimension: one size of a shape, as TensorFlow 1 has it, with the size as its `value`."""

from typing import Any


class Dimension:
    """A size, or one that is unknown: `Dimension(None)`, which computes and compares to unknown.

    A known one is an int, too.

    >>> d = tf.compat.v1.Dimension(3)
    >>> d.value, d + 1, d == 3, (tf.compat.v1.Dimension(None) * 2).value
    (3, 4, True, None)
    """

    __slots__ = ()

    def __new__(cls, value: Any) -> Any:
        value = dimension_value(value)
        if value is None:
            return object.__new__(_Unknown)
        if value < 0:
            raise ValueError(f"Dimension {value} must be >= 0")
        return int.__new__(_Known, value)

    @property
    def value(self) -> int | None:
        """The size, None if it is unknown."""
        return None

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both may be the same size."""
        other = dimension_value(other)
        return None in (self.value, other) or self.value == other

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise ValueError unless both may be the same size."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {other} are not compatible")

    def merge_with(self, other: Any) -> "Dimension":
        """What is known of one or the other; raises ValueError where they differ."""
        self.assert_is_compatible_with(other)
        return Dimension(other if self.value is None else self.value)


class _Known(int, Dimension):
    @property
    def value(self) -> int:
        return int(self)

    def __repr__(self) -> str:
        return f"Dimension({int(self)})"

    def __str__(self) -> str:
        return str(int(self))


class _Unknown(Dimension):
    __slots__ = ()

    def _unknown(self, *_: Any) -> "Dimension":
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _unknown
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _unknown

    def _nothing(self, _: Any) -> None:
        return None

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _nothing  # type: ignore[assignment]
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "Dimension(None)"

    def __str__(self) -> str:
        return "?"


def dimension_value(dimension: Any) -> Any:
    """The size that a Dimension, or a size, is; None if it is unknown."""
    return dimension.value if isinstance(dimension, Dimension) else dimension
