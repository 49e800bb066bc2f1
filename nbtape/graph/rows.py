"""What graphs are made of beside the operations on arrays: constants, inputs, reads and assignments of
variables, and the errors that are found while a graph is built.
"""

from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.engine import EagerTensor, Op
from nbtape.core.errors import InvalidArgumentError
from nbtape.core.kernel import Extern
from nbtape.core.report import infer_dtypes
from nbtape.core.shape import Spec
from nbtape.core.slices import IndexedSlices
from nbtape.ops.row import op


class GraphShapeError(InvalidArgumentError, ValueError):
    """Shapes that do not fit, found while a graph is built: TensorFlow raises ValueError then, and eagerly
    the other.
    """


class GraphTypeError(InvalidArgumentError, TypeError):
    """Dtypes that do not fit, found while a graph is built: TensorFlow raises TypeError then, and eagerly
    the other.
    """


class Literal:
    """The value of a constant, hashable by its contents, so that equal constants can be shared."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def _key(self) -> tuple:
        value = np.asarray(self.value)
        return value.dtype, value.shape, tuple(value.ravel()) if value.dtype == object else value.tobytes()

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Literal) and (other is self or self._key() == other._key())

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        value = np.asarray(self.value)
        return str(value.tolist()) if value.size <= 6 else f"<{value.size} values>"


def _unfed(*, spec: Spec, name: str) -> Any:
    raise InvalidArgumentError(None, None, f"You must feed a value for placeholder tensor '{name}'")


def _unknown(*xs: Any, variable: Any) -> Any:
    raise AssertionError(f"only a session knows whether {variable.deref().name} has a value")


def _read(*, variable: Any) -> Any:
    with context.recording(()):
        return variable.deref().__tensor__()._value


def _assign(x: Any, *, variable: Any) -> Any:
    with context.recording(()):
        variable.deref().assign(EagerTensor(x))
    return x


def _scatter(i: Any, rows: Any, *, variable: Any, kind: str) -> tuple:
    """Combine `rows` with those rows of a variable that `i` names."""
    target = variable.deref()
    i = i.reshape(-1)
    values = np.broadcast_to(rows, (i.size, *target.shape[1:]))
    with context.recording(()):
        getattr(target, f"scatter_{kind}")(IndexedSlices(EagerTensor(values), EagerTensor(i)))
    return ()


def _spoil(factor: Any, *, variable: Any) -> tuple:
    """Add `0 * factor` to a variable, of which only some rows were changed by multiples of the factor."""
    if not np.isfinite(factor).all():
        target = variable.deref()
        with context.recording(()), np.errstate(invalid="ignore"):
            target.assign_add(EagerTensor(np.zeros(target.shape, factor.dtype) * factor))
    return ()


# An input of a graph is no operation on arrays, and so not in the table.
PLACEHOLDER = Op("placeholder", _unfed, lambda *, spec, name: spec, None, Extern())
op("const", lambda *, value: value.value, lambda *, value: Spec(np.shape(value.value), value.value.dtype))
op("read_variable", _read, lambda *, variable: spec_of_variable(variable.deref()))
# Two of graphs alone: whoever runs the graph says which of its variables have values.
op("is_initialized", _unknown, lambda *, variable: Spec((), np.dtype(np.bool_)))
op("initialized_value", _unknown, lambda initial, *, variable: initial, lambda g, y, initial, **attrs: None)
op("placeholder_with_default", lambda x, *, shape: x, lambda x, *, shape: Spec(shape, x.dtype),
   lambda g, y, x, *, shape: g)  # fmt: skip
op("scatter_variable", _scatter, lambda i, rows, *, variable, kind: (), None, many=True)
op("spoil_variable", _spoil, lambda factor, *, variable: (), None, many=True)
op("assign_variable", _assign, lambda x, *, variable: x, None)


def spec_of_variable(variable: Any) -> Spec:
    shape = variable.shape
    return Spec(None if shape.rank is None else tuple(shape), variable.dtype.np)


def check_dtypes(op: Op, specs: list) -> None:
    for spec in specs:
        if spec.dtype.kind not in op.kinds or spec.dtype != specs[0].dtype:
            infer_dtypes(op, specs)


def at_building(error: Exception) -> Exception:
    """The error as TensorFlow raises it while a graph is built, which is still one that eager code may
    catch.
    """
    if type(error) is not InvalidArgumentError:
        return error
    about_dtypes = "expected to be a" in error.message or "list of allowed values" in error.message
    return (GraphTypeError if about_dtypes else GraphShapeError)(None, None, error.message)
