"""What converted code does where Python would ask a value for its truth: `if`, `and`, `or`, `not`, `assert`.

Python values are treated as Python does. A tensor, while a graph is open, has both branches traced, and they
become one node (see `emit`).
"""

import operator
from collections.abc import Callable
from typing import Any

from nbtape.core import context, nest, source
from nbtape.core.engine import Operators, apply, o, stands_for_tensor, tensor
from nbtape.graph import (
    control,
    emit,
)
from nbtape.graph.conversion.places import UNDEFINED, State
from nbtape.graph.effects import Assert
from nbtape.graph.trace import Region, returned
from nbtape.ops.create import zeros

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "is": operator.is_, "is not": operator.is_not,
    "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip
_NONE = "to check for None, use `is not None`"
_PLAIN = (bool, int, float, complex, str, bytes)


class _Mark:
    def __init__(self, name: str):
        self._name = name

    def __repr__(self) -> str:
        return self._name


MISSING = _Mark("MISSING")  # the result of a function that came to its end without a `return`
PENDING = _Mark("PENDING")  # its result as long as it has not returned; nobody reads it then
_FILLED = (UNDEFINED, PENDING)


def staged(x: Any) -> bool:
    """Whether what depends on `x` is decided when the graph runs, not while it is made."""
    return context.local.graph is not None and stands_for_tensor(x)


def result(value: Any) -> Any:
    """What a function returns that came to its end."""
    return None if value is MISSING or value is PENDING else value


def located(error: Exception) -> Exception:
    """`error`, which says in a note what line of the user's it is about."""
    error.add_note(f"in user code: {source.describe(source.here(2))}")
    return error


def condition(x: Any, statement: str) -> Any:
    """A tensor that decides something, as a boolean scalar."""
    x = tensor(x)
    told = f"condition of {statement} expected to be `tf.bool` scalar, got {x}; {{}}" + _NONE
    if not x.dtype.is_bool:
        raise located(ValueError(told.format("to use as boolean Tensor, use `tf.cast`; ")))
    if any(n is not None and n > 1 for n in x.shape.dims or ()):
        raise located(ValueError(told.format("")))
    return x if x.shape.rank == 0 else apply(o.reshape, x, shape=())


# if


def if_(test: Any, body: Callable, orelse: Callable, kept: tuple, others: tuple = ()) -> None:
    """The `if` statement; `kept` are the names that its branches bind and that are read after it."""
    if staged(test):
        choose(test, body, orelse, State(kept, others, body, orelse))  # type: ignore[arg-type]
    elif test:
        body()
    else:
        orelse()


def choose(test: Any, body: Callable, orelse: Callable, state: State) -> None:
    """Run one of two blocks on `state`, which one a tensor says."""
    pred, before = condition(test, "if statement"), state.get()
    try:
        branches = [
            _branch(name, lambda block=block: state.run(before, block))
            for name, block in (("cond_true", body), ("cond_false", orelse))
        ]
    finally:
        state.set(before)
    values = _merged(pred, state.names, *branches)
    state.set([*values, *before[len(values) :]])


def if_exp(test: Any, body: Callable, orelse: Callable, text: str) -> Any:
    """`body() if test else orelse()`; `text` is the source of the test."""
    if not staged(test):
        return body() if test else orelse()
    pred = condition(test, "conditional expression")
    branches = [_branch("cond_true", lambda: [body()]), _branch("cond_false", lambda: [orelse()])]
    return _merged(pred, [text], *branches)[0]


def _branch(name: str, block: Callable[[], list]) -> tuple[Region, list]:
    """A branch as a region that is still open, and what it made of each name."""
    region = Region(name)
    with region.as_default():
        return region, block()


def _merged(pred: Any, names: list[str], main: tuple[Region, list], other: tuple[Region, list]) -> list:
    """What each name is after one of two branches."""
    (true, ys), (false, zs) = main, other
    values, chosen = list(ys), []
    for i, (name, y, z) in enumerate(zip(names, ys, zs)):
        _check_assigned(name, y, z)
        if not same(y, z):
            chosen.append(i)
    pairs = [_pair(names[i], true, ys[i], false, zs[i]) for i in chosen]
    found = emit.cond(pred, true, [y for y, _ in pairs], false, [z for _, z in pairs])
    for i, y in zip(chosen, found):
        values[i] = y
    return values


def same(y: Any, z: Any) -> bool:
    """Whether two values need not be told apart: one object, or equal Python values."""
    if y is z or {id(y), id(z)} == {id(None), id(MISSING)}:
        return True
    return type(y) is type(z) and isinstance(y, _PLAIN) and y == z


def _check_assigned(name: str, y: Any, z: Any) -> None:
    for value, other, branch in (y, z, "main"), (z, y, "else"):
        if value is UNDEFINED and other is not UNDEFINED:
            raise located(ValueError(f"'{name}' must also be initialized in the {branch} branch"))
        if value is MISSING and other is not MISSING and other is not None:
            raise located(ValueError(f"the {branch} branch must also have a return statement."))


def _pair(name: str, true: Region, y: Any, false: Region, z: Any) -> tuple[Any, Any]:
    """The values of a name in two branches, as tensors of these that go together."""
    if y is PENDING or z is PENDING:
        return _filled(name, true, y, false, z)
    for value, branch in (y, "main"), (z, "else"):
        if value is None:
            raise located(ValueError(f"'{name}' is None at the end of the {branch} branch."))
    try:
        nest.assert_same_structure(y, z, expand_composites=True)
    except (TypeError, ValueError) as error:
        told = f"'{name}' must have the same nested structure in the main and else branches:\n\n{error}"
        raise located(TypeError(told)) from None
    y, z = _within(true, y, name), _within(false, z, name)
    for a, b in zip(nest.flatten(y, True), nest.flatten(z, True)):
        if (a is None) != (b is None):
            raise located(ValueError(f"'{name}' is None at the end of one branch, and not of the other."))
        if a is not None and a.dtype is not b.dtype:
            told = f"dtype {a.dtype.name} in the main branch, but dtype {b.dtype.name} in the else branch"
            raise located(TypeError(f"'{name}' has {told}"))
    return y, z


def _filled(name: str, true: Region, y: Any, false: Region, z: Any) -> tuple[Any, Any]:
    """A result, and zeros like it where one branch has not returned."""
    if z is PENDING:
        y = _within(true, y, name)
        with false.as_default():
            return y, returned(false, zeros_like(y))
    return _filled(name, false, z, true, y)[::-1]


def _within(region: Region, value: Any, name: str) -> Any:
    with region.as_default():
        return returned(region, value, f"'{name}'")


def zeros_like(structure: Any) -> Any:
    """Zeros of the shapes and dtypes of tensors; a size that is not known is 0."""

    def zeros_of(x: Any) -> Any:
        return zeros([n or 0 for n in x.shape.dims or ()], x.dtype) if isinstance(x, Operators) else x

    return nest.map_structure(zeros_of, structure, expand_composites=True)


# Expressions


def and_(first: Any, *rest: Callable) -> Any:
    """`first and rest[0]() and ...`, where nothing is computed that need not be."""
    if not rest:
        return first
    if staged(first):
        return control.cond(first, lambda: and_(rest[0](), *rest[1:]), lambda: first)
    return and_(rest[0](), *rest[1:]) if first else first


def or_(first: Any, *rest: Callable) -> Any:
    """`first or rest[0]() or ...`, where nothing is computed that need not be."""
    if not rest:
        return first
    if staged(first):
        return control.cond(first, lambda: first, lambda: or_(rest[0](), *rest[1:]))
    return first if first else or_(rest[0](), *rest[1:])


def not_(x: Any) -> Any:
    """`not x`."""
    return apply(o.logical_not, tensor(x)) if staged(x) else not x


def compare(left: Any, *links: tuple[str, Callable]) -> Any:
    """`left < a() <= b() ...`, where each operand is computed once, if at all."""
    (sign, operand), rest = links[0], links[1:]
    right = operand()
    holds = _COMPARISONS[sign](left, right)
    return and_(holds, lambda: compare(right, *rest)) if rest else holds


def checked(test: Any, message: Callable[[], Any] | None = None) -> Any:
    """What `assert` is given: a tensor is asserted each time that the graph runs, and is true meanwhile."""
    if not staged(test):
        return test
    Assert(tensor(test), [] if message is None else [message()])
    return True
