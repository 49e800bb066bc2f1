"""The functions that a dataset calls for its elements: traced once, like any function, and run as graphs."""

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

from nbtape.core import context, nest
from nbtape.core.engine import EagerTensor, o
from nbtape.core.errors import OpError, invalid
from nbtape.core.shape import TensorSpec
from nbtape.graph.batch import Batch, Batched
from nbtape.graph.emit import packed as filled
from nbtape.graph.run import acts, unrepeatable
from nbtape.graph.trace import FunctionGraph
from nbtape.program.function import Function
from nbtape.program.signature import plain_spec
from nbtape.train.data.element import (
    DatasetSpec,
    leaves,
    relaxed,
    specs_of,
    structured,
    values_of,
)
from nbtape.train.data.stream import Stream


def arguments(spec: Any, values: list) -> tuple:
    """What a user's function is called with: the components of a tuple, or one argument."""
    x = nest.pack_sequence_as(spec, values)
    return tuple(x) if isinstance(spec, tuple) else (x,)


class Call:
    """A user's function of an element; called with a flat element it gives a flat one, of `spec`.

    The function is traced. Only where an element holds datasets (windows) it is called anew for each.
    """

    def __init__(self, function: Callable, spec: Any, method: str, name: str | None = None):
        if not callable(function):
            raise ValueError(
                f"Argument `func` must be a callable. Received func={function} (of type {type(function)})"
            )
        self._function, self._given, self._method, self._name = function, spec, method, name
        self._places = [k for k, s in enumerate(leaves(spec)) if isinstance(s, TensorSpec)]
        self._holds_datasets = any(isinstance(s, DatasetSpec) for s in leaves(spec))
        self._concrete: Any = None
        self._joined: Any = None
        self.captured: list = []  # tensors of the graph around, which are further inputs
        self._values: tuple = ()  # and what they are
        if self._holds_datasets:
            self.spec: Any = specs_of(
                self._structured(function(*arguments(spec, [_stand_in(s) for s in leaves(spec)])))
            )
            return
        specs = [leaves(spec)[k] for k in self._places]
        with context.recording((), context.local.graph):
            self._concrete = Function(self._flat).get_concrete_function(*specs)
        self.captured = _as_inputs(self._concrete.graph)
        self.spec = specs_of(self._concrete.structured_outputs)

    def _flat(self, *tensors: Any) -> Any:
        values: list = [None] * len(leaves(self._given))
        for k, x in zip(self._places, tensors):
            values[k] = x
        return self._structured(self._function(*arguments(self._given, values)))

    def _structured(self, result: Any) -> Any:
        """What the function returned, with tensors as leaves; a list of results is a tuple of them."""
        result = tuple(result) if isinstance(result, list) else result
        try:
            return structured(result, lambda x: hasattr(x, "element_spec"))
        except (TypeError, ValueError):
            raise TypeError(
                f"Unsupported return value from function passed to Dataset.{self._method}(): {result}."
            ) from None

    def __call__(self, row: list) -> list:
        try:
            with context.recording(()):
                if self._concrete is None:
                    wrapped = [EagerTensor(v) if not hasattr(v, "element_spec") else v for v in row]
                    return values_of(self._structured(self._function(*arguments(self._given, wrapped))))
                given = [EagerTensor(row[k]) for k in self._places]
                return values_of(self._concrete.run([*given, *self._values]))
        except OpError as error:
            raise self._told(error) from error

    def _told(self, error: OpError) -> OpError:
        """An error of the function, with the name that the user gave to the transformation."""
        if self._name is None:
            return error
        text = f"Error in user-defined function passed to {self._name} transformation: {error.message}"
        return type(error)(error.node_def, error.op, text)

    def given(self, values: Sequence[Any]) -> "Call":
        """The same function, with values for the tensors that it takes of the graph around."""
        call = copy.copy(self)
        call._values, call.captured = tuple(values), []
        return call

    @property
    def draws(self) -> bool:
        """Whether the function draws random numbers, whose order threads would change."""
        return self._concrete is not None and any(
            unrepeatable(node) and node.op is not o.py_function for node in self._concrete.graph.nodes
        )

    @functools.cached_property
    def joins(self) -> bool:
        """Whether `of_all` can do what one call for each element does: nothing but compute tensors of known
        shapes from those of known shapes.
        """
        if self._concrete is None or len(self._places) < len(leaves(self._given)) or not self._places:
            return False
        specs = [*leaves(self._given), *leaves(self.spec)]
        known = all(isinstance(s, TensorSpec) and s.shape.is_fully_defined() for s in specs)
        nodes, captures = self._concrete.graph.nodes, self._concrete.captured_inputs
        if not known or self.captured or not all(isinstance(x, EagerTensor) for x in captures):
            return False
        return not any(acts(node) or unrepeatable(node) or "variable" in node.attrs for node in nodes)

    def of_all(self, columns: list) -> list:
        """What a call for each of several elements gives, stacked, from their stacked components."""
        if self._joined is None:
            self._joined = Function(self._together)
        try:
            with context.recording(()):
                return values_of(self._joined(*map(EagerTensor, columns)))
        except OpError as error:
            raise self._told(error) from error

    def _together(self, *columns: Any) -> Any:
        graph = self._concrete.graph
        n = columns[0].shape[0]
        return filled(graph.structure, Batch(n).run(graph, [Batched(x) for x in columns]))


def _as_inputs(graph: FunctionGraph) -> list:
    """Make inputs of what a graph captured from the one around it, and return what these stand for."""
    around = {key: pair for key, pair in graph.captures.items() if not isinstance(pair[0], EagerTensor)}
    graph.captures = {key: pair for key, pair in graph.captures.items() if key not in around}
    graph.inputs += [inside for _, inside in around.values()]
    return [outside for outside, _ in around.values()]


def _stand_in(spec: Any) -> Any:
    """Something like an element of `spec`, to see what a function makes of it."""
    if isinstance(spec, DatasetSpec):
        return spec.stand_in()
    return FunctionGraph().placeholder(plain_spec(spec)) if spec is not None else None


class Predicate(Call):
    """A user's function that says yes or no to an element."""

    def __init__(self, function: Callable, spec: Any, name: str | None = None):
        super().__init__(function, spec, "filter", name)
        if (
            not isinstance(self.spec, TensorSpec)
            or not self.spec.dtype.is_bool
            or self.spec.shape.rank not in (0, None)
        ):
            raise ValueError(
                "Invalid `predicate`. `predicate` must return a `tf.bool` scalar tensor, but its return "
                "type is "
                f"{self.spec}."
            )

    def holds(self, row: list) -> bool:
        return bool(self(row)[0])


class DatasetCall(Call):
    """A user's function that makes a dataset of an element."""

    def __init__(self, function: Callable, spec: Any, method: str):
        super().__init__(function, spec, method)
        if not isinstance(self.spec, DatasetSpec):
            raise TypeError(f"`map_func` must return a `Dataset` object. Got {self.spec}.")

    def rows(self, row: list, bound: dict) -> Stream:
        """A way through the dataset that is made of an element."""
        return self(row)[0]._rows(bound)


def reducer(function: Callable, state: Any, spec: Any) -> Call:
    """A user's `function(state, element)`, whose results are states; sizes of the state may change from
    step to step.
    """
    while True:
        call = Call(function, (state, spec), "reduce")
        new, old = leaves(call.spec), leaves(state)
        if len(new) != len(old):
            raise invalid(
                "The number of components of the initial state and the reduce function output does not "
                "match. "
                f"(initial_state={len(old)}, output={len(new)})."
            )
        for a, b in zip(old, new):
            if a.dtype is not b.dtype:
                raise TypeError(
                    f"The element types for the new state must match the initial state. Expected "
                    f"{a.dtype!s} but got "
                    f"{b.dtype!s}."
                )
        wide = [relaxed(a, b) for a, b in zip(old, new)]
        if wide == old:
            call.spec = nest.pack_sequence_as(state, new)
            return call
        state = nest.pack_sequence_as(state, wide)
