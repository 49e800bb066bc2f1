"""A loop of converted code as a `while_` node: what it carries, and what a step must leave as it found it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from nbtape.core import context, nest
from nbtape.core.engine import Operators, Tensor, tensor
from nbtape.core.report import spec_of
from nbtape.core.shape import Spec, TensorShape
from nbtape.graph import emit
from nbtape.graph.conversion.arrays import settle, shapes
from nbtape.graph.conversion.operators import MISSING, PENDING, and_, located, zeros_like
from nbtape.graph.conversion.places import UNDEFINED, Internal, State
from nbtape.graph.effects import Assert
from nbtape.graph.trace import Region

_SHAPE_CHANGED = (
    "'{name}' has shape {before} before the loop, but shape {after} after one iteration. Use "
    "tf.autograph.experimental.set_loop_options to set shape invariants."
)
_BEYOND = (
    "'{name}' has shape {after} after one iteration, which does not conform with the shape invariant "
    "{before}."
)
_NOT_DEFINED = "'{}' must be defined before the loop"
_NOT_NONE = "'{}' is not allowed to be None before the loop"


class LoopOptions(NamedTuple):
    """What `set_loop_options` says of a loop."""

    parallel_iterations: Any = None
    swap_memory: Any = None
    maximum_iterations: Any = None
    shape_invariants: Any = None


class Loop:
    """A loop in a graph, of blocks that work on `state`."""

    def __init__(self, state: State, options: LoopOptions):
        self.options = options
        self._state, self._streams = state, ()
        self._found: dict[str, TensorShape] = {}  # the shapes of names that the first step gives a value

    def carry(self, name: str, value: Any) -> Internal:
        """One more thing that goes from step to step."""
        place = Internal(name, value)
        self._state.carry(place)
        return place

    def run(self, test: Callable | None, body: Callable, stream: Any = None) -> None:
        """`body()` while `test()`, or `body(x)` for each x along the first axis of `stream`."""
        self._streams = () if stream is None else (stream,)
        if self.options.maximum_iterations is not None and test is not None:
            test, body = self._limited(test, body)
        values = self._state.get()
        self._settle(values, body)
        unset = self._define(values, body)
        if unset and not (stream is not None and stream.shape[0]):
            self._run_at_least_once(unset, values, test, body)
        else:
            self._run(values, test, body)

    def _limited(self, test: Callable, body: Callable) -> tuple[Callable, Callable]:
        steps, limit = self.carry("<steps>", tensor(0)), tensor(self.options.maximum_iterations)

        def step() -> None:
            body()
            steps.value = steps.value + 1

        return lambda: and_(steps.value < limit, test), step

    def _run_at_least_once(self, unset: list[str], values: list, test: Any, body: Callable) -> None:
        """Run, and refuse to go on with names that no step has given a value."""
        ran = self.carry("<ran>", False)

        def step(*xs: Any) -> None:
            body(*xs)
            ran.value = True

        self._run([False, *values], test, step)
        Assert(ran.value, [f"loop must iterate at least once to initialize {', '.join(unset)}"])

    # What is carried

    def _settle(self, values: list, body: Callable) -> None:
        """Find out what TensorArrays will hold, before the loop carries them."""

        def step(*kept: Any) -> list:
            return self._state.run([*kept, *values[len(kept) :]], lambda: body(*self._elements()))

        settle(step, values[: len(self._state.names)])
        self._state.set(values)

    def _elements(self) -> list:
        """Placeholders for the elements of the streams."""
        graph: Any = context.local.graph
        specs = [spec_of(x) for x in self._streams]
        return [graph.placeholder(Spec(spec.shape[1:], spec.dtype)) for spec in specs]  # type: ignore[index]

    def _define(self, values: list, body: Callable) -> list[str]:
        """Put zeros for names that have no value yet and get one in a step; these names.

        The step that shows of what shape and dtype they are is traced once more, and forgotten.
        """
        names = self._state.names
        unset = [i for i in range(len(names)) if _is_unset(values[i])]
        if not unset:
            return []
        found = self._first_step(values, body, unset)
        given = [i for i in unset if not _is_unset(found[i])]
        asked = [names[i] for i in given if values[i] is not PENDING]
        for i in given:
            values[i] = nest.map_structure(_zero, found[i], expand_composites=True)
            if isinstance(found[i], Operators):
                self._found[names[i]] = found[i].shape
        return asked

    def _first_step(self, values: list, body: Callable, unset: list[int]) -> list:
        region = Region("first_step")
        try:
            with region.as_default():
                entry = [nest.map_structure(_stand_in, value, expand_composites=True) for value in values]
                return self._state.run(entry, lambda: body(*self._elements()))
        except (NameError, TypeError, ValueError, LookupError) as error:
            told = _NOT_NONE if values[unset[0]] is None else _NOT_DEFINED
            told += "\nNote: AutoGraph tried to define it automatically, but ran into a {}: {}"
            name = self._state.names[unset[0]]
            raise located(ValueError(told.format(name, type(error).__name__, error))) from error
        finally:
            self._state.set(values)

    # The node

    def _run(self, values: list, test: Callable | None, body: Callable) -> None:
        state, names = self._state, self._state.names
        carried = [i for i in range(len(names)) if not _is_unset(values[i])]
        start = [nest.map_structure(_as_tensor, values[i], expand_composites=True) for i in carried]
        carry, kept = emit.leaves(start), []
        for i, x in zip(carried, start):
            kept += self._shapes(names[i], values[i], emit.leaves(x))

        def entered(xs: Any) -> list:
            now = dict(zip(carried, emit.packed(start, xs)))
            return [now.get(i, value) for i, value in enumerate(values)]

        def step(*xs: Any) -> tuple[list, list]:
            before = entered(xs[: len(carry)])
            after = state.run(before, lambda: body(*xs[len(carry) :]))
            return [y for i in carried for y in self._left(names[i], before[i], after[i])], []

        def going_on(*xs: Any) -> Any:
            state.set(entered(xs))
            assert test is not None
            return test()

        try:
            ys, _ = emit.loop(test and going_on, step, carry, kept, self._streams)
        finally:
            state.set(values)
        state.set(entered(ys))

    def _invariant(self, value: Any) -> Any:
        """The shapes that `set_loop_options` gave for a value."""
        given = self.options.shape_invariants or ()
        return next((shapes for x, shapes in given if x is value), None)

    def _shapes(self, name: str, value: Any, xs: list) -> list[TensorShape]:
        """The shapes of what is carried for a name: those that hold at every step."""
        given = self._invariant(value)
        if given is None:
            found = self._found.get(name)
            return shapes(value, xs) if found is None else [found] * len(xs)
        parts = nest.flatten(given) if nest.is_nested(value) else [given]
        wanted = [x.shape if s is None else _shape(s) for s, x in zip(parts, xs)]
        for x, shape in zip(xs, wanted):
            if not x.shape.is_subtype_of(shape):
                told = f"'{name}' has shape {x.shape} before the loop, which does not conform with the shape "
                raise located(ValueError(f"{told}invariant {shape}."))
        return wanted

    def _left(self, name: str, before: Any, after: Any) -> list:
        """The tensors that a step leaves for a name, like those that it found."""
        if _is_unset(after):
            raise located(ValueError(f"'{name}' is {after} at the end of the iteration."))
        try:
            nest.assert_same_structure(before, after, expand_composites=True)
        except (TypeError, ValueError) as error:
            told = f"'{name}' does not have the same nested structure after one iteration.\n\n{error}"
            raise located(TypeError(told)) from None
        pairs = zip(nest.flatten(before, True), nest.flatten(after, True))
        left = [self._leaf(name, x, y) for x, y in pairs]
        return [y for y in left if y is not None]

    def _leaf(self, name: str, x: Any, y: Any) -> Any:
        if not isinstance(x, Tensor):
            if x is y:
                return None
            raise located(TypeError(f"'{name}' is {x!r} before the loop, but {y!r} after one iteration."))
        y = tensor(y)
        if y.dtype is not x.dtype:
            kinds = f"dtype {x.dtype.name} before the loop, but dtype {y.dtype.name} after one iteration"
            raise located(TypeError(f"'{name}' has {kinds}"))
        if not y.shape.is_subtype_of(x.shape):
            told = _BEYOND if self.options.shape_invariants else _SHAPE_CHANGED
            raise located(ValueError(told.format(name=name, before=x.shape, after=y.shape)))
        return y


def _shape(x: Any) -> TensorShape:
    return TensorShape(getattr(x, "shape", x))


def _is_unset(x: Any) -> bool:
    return x is None or x is UNDEFINED or x is PENDING or x is MISSING


def _as_tensor(x: Any) -> Any:
    """`x` as a tensor, if it can be one."""
    try:
        return x if _is_unset(x) else tensor(x)
    except (TypeError, ValueError):
        return x


def _stand_in(x: Any) -> Any:
    """A placeholder like `x`."""
    graph: Any = context.local.graph
    x = _as_tensor(x)
    return graph.placeholder(spec_of(x)) if isinstance(x, Tensor) else x


def _zero(x: Any) -> Any:
    if isinstance(x, Operators):
        return zeros_like(x)
    return type(x)() if isinstance(x, bool | int | float | complex | str) else x
