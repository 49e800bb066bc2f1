"""The values of many variables at once: taken as they are together, and given all or not at all."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import of
from nbtape.core.engine import EagerTensor
from nbtape.core.errors import FailedPreconditionError, invalid
from nbtape.core.shape import TensorShape
from nbtape.graph.symbolic import session_for
from nbtape.state.graph_variable import GraphVariable
from nbtape.state.writes import writing

_UNINITIALIZED = (
    "Attempting to use uninitialized value {0}. Run tf.global_variables_initializer(), or {0}.initializer, "
    "in this session first."
)


def name_of(variable: Any) -> str:
    """The whole name of a variable, by which files know it."""
    return variable._name.removesuffix(":0")


def part_of(variable: Any) -> tuple[str, Sequence[int], tuple]:
    """The name and the shape of the whole that a variable is a part of, and its place there; or its own."""
    info = getattr(variable, "_save_slice_info", None)
    if info is None:
        return name_of(variable), [n or 0 for n in variable.shape.dims or ()], ()
    where = [slice(begin, begin + n) for begin, n in zip(info.var_offset, info.var_shape)]
    return info.full_name, info.full_shape, tuple(where)


def in_graph(variable: Any) -> bool:
    """Whether only a session has a value of the variable."""
    return isinstance(variable, GraphVariable)


def session_of(variable: Any, session: Any) -> Any:
    """`session`, or the one that is open, for a variable of a graph; raises ValueError where none is."""
    found = session_for(session, variable.graph, "save or restore variables", "save")
    if found._closed:
        raise RuntimeError("Attempted to use a closed Session.")
    return found


def _cells(variables: Sequence[Any], session: Any) -> list[Any]:
    """The variables that hold the values of `variables`: a session's own, for those of graphs."""
    return [session_of(v, session).cell(v) if in_graph(v) else v for v in variables]


def snapshot(variables: Sequence[Any], session: Any = None) -> list[np.ndarray]:
    """The values of all variables at one moment; later writes do not change them.

    Raises FailedPreconditionError for a variable of a graph that has no value in the session.
    """
    for variable in variables:
        if in_graph(variable) and variable._serial not in session_of(variable, session).initialized:
            raise FailedPreconditionError(None, None, _UNINITIALIZED.format(variable.op.name))
    with context.paused():
        cells = _cells(variables, session)
        with writing(list({v._serial: v for v in cells}.values())):
            return [v._value for v in cells]


def store(pairs: Iterable[tuple[Any, np.ndarray]], session: Any = None) -> None:
    """Give variables values, all or none.

    Raises InvalidArgumentError for a value of another dtype, ValueError for one whose shape does not fit.
    """
    pairs = list(pairs)
    for variable, value in pairs:
        check(variable, TensorShape(value.shape), of(value))
    with context.paused():
        cells = _cells([variable for variable, _ in pairs], session)
        with writing(list({v._serial: v for v in cells}.values())):
            for own, (_, value) in zip(cells, pairs):
                own._store(EagerTensor(plain(value)), False)
    for variable, _ in pairs:
        if in_graph(variable):
            session_of(variable, session).initialized[variable._serial] = variable


def check(variable: Any, shape: TensorShape, dtype: Any) -> None:
    """Raise where a variable cannot take a value of this shape and dtype."""
    name = variable._name
    if dtype != variable.dtype.base_dtype:
        raise invalid(
            f"{name}: expected dtype {variable.dtype.base_dtype.name} does not equal original dtype "
            f"{dtype.name}"
        )
    if not variable.shape.is_compatible_with(shape):
        raise ValueError(
            f"Received incompatible tensor with shape {shape} when attempting to restore variable with shape "
            f"{variable.shape} and name {name}."
        )


def plain(value: np.ndarray) -> Any:
    """A value as variables keep it: numbers without axes in no array."""
    return value if value.shape or value.dtype == object else value[()]
