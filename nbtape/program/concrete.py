"""ConcreteFunction: one trace of a function, for one signature."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core import nest
from nbtape.core.dtype import as_dtype
from nbtape.core.engine import Tensor, tensor
from nbtape.core.errors import invalid
from nbtape.core.report import spec_of
from nbtape.core.shape import TensorSpec
from nbtape.graph.trace import FunctionGraph
from nbtape.ops.create import constant
from nbtape.program.differentiate import Differentiable
from nbtape.program.guards import Guards
from nbtape.program.signature import Composite, Signature, accepts, spelled, tensor_spec

_VALUES = list, int, float, complex, str, bytes, np.ndarray, np.generic  # what stands for a tensor


class ConcreteFunction(Differentiable):
    """A graph with the signature that it was traced for; called like the function, or with its tensors alone.

    >>> f = tf.function(lambda x: x * 2).get_concrete_function(tf.TensorSpec([None], tf.float32))
    >>> f(tf.constant([1.0, 2.0])).numpy()
    array([2., 4.], dtype=float32)
    """

    def __init__(
        self,
        name: str,
        graph: FunctionGraph,
        parameters: inspect.Signature,
        template: tuple,
        names: list[str],
        guards: Guards,
    ):
        super().__init__(graph)
        self._name, self._parameters, self.guards = name, parameters, guards
        self._template, self._names = template, names
        self._signature = Signature(template)
        self._specs = [x._spec for x in graph.inputs]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            given = self._structured(args, kwargs)
        except TypeError as structured:
            try:
                given = self._flat(args, kwargs)
            except TypeError as flat:
                raise TypeError(
                    f"Binding inputs to tf.function failed due to `{structured}`. Received args: {args} and "
                    f"kwargs: {kwargs} for signature: {self._told()}.\nFallback to flat signature also "
                    f"failed due to: {flat}"
                ) from None
        return self.run([self._checked(i, x) for i, x in enumerate(given)])

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the trace by name, with a TensorSpec for each tensor."""
        args, kwargs = self._template
        return self._parameters.bind(*args, **kwargs).arguments

    def _structured(self, args: tuple, kwargs: dict) -> list:
        """The tensors of a call with the function's own parameters; the other arguments are those
        of the trace.
        """
        bound = self._parameters.bind_partial(*args, **kwargs)
        before = self.arguments
        for key, value in before.items():
            if key not in bound.arguments and any(
                isinstance(x, TensorSpec | Composite) for x in nest.flatten(value)
            ):
                raise TypeError(f"missing a required argument: {key!r}")
            bound.arguments.setdefault(key, value)
        full = self._parameters.bind(*bound.args, **bound.kwargs)
        for key, spec in before.items():
            if isinstance(spec, TensorSpec) and isinstance(full.arguments[key], _VALUES):
                full.arguments[key] = constant(full.arguments[key], spec.dtype)
        given = Signature((full.args, full.kwargs))
        if _without_dtypes(given.key) != _without_dtypes(self._signature.key):
            raise TypeError(self._difference(full.arguments, before))
        return given.tensors

    def _difference(self, given: dict, before: dict) -> str:
        for key, value in before.items():
            if Signature(given[key]).key != Signature(value).key:
                came = given[key] if not isinstance(given[key], Tensor) else spelled(given[key])
                return f"Can not cast {came} to {spelled(value)}"
        return "the arguments differ from those of the trace"

    def _flat(self, args: tuple, kwargs: dict) -> list:
        """The tensors of a call with tensors alone, in order or by name."""
        told = f"{self._name}({', '.join(self._names)})"
        if len(args) > len(self._names):
            raise TypeError(f"{told} takes {len(self._names)} positional arguments, got {len(args)}.")
        by_name = dict(zip(self._names, args))
        for key, value in kwargs.items():
            if key not in self._names or key in by_name:
                raise TypeError(f"{told} got unexpected keyword arguments: {key}.")
            by_name[key] = value
        missing = [name for name in self._names if name not in by_name]
        if missing:
            raise TypeError(f"{told} missing required arguments: {', '.join(missing)}.")
        for i, name in enumerate(self._names):
            if not isinstance(by_name[name], Tensor) and not hasattr(type(by_name[name]), "__tensor__"):
                raise TypeError(
                    f"{told}: expected argument #{i}(zero-based) to be a Tensor; got "
                    f"{type(by_name[name]).__name__} ({by_name[name]})."
                )
        return [by_name[name] for name in self._names]

    def _checked(self, i: int, x: Any) -> Tensor:
        x = tensor(x)
        wanted, spec = self._specs[i], spec_of(x)
        if spec.dtype != wanted.dtype:
            raise invalid(
                f"cannot compute {self._name} as input #{i}(zero-based) was expected to be a "
                f"{as_dtype(wanted.dtype).name} tensor but is a {x.dtype.name} tensor [Op:{self._name}]"
            )
        if not x.shape.is_compatible_with(wanted.shape):
            raise TypeError(
                f"Can not cast {spelled(x)} to {spelled(tensor_spec(wanted))}: the trace took its shape."
            )
        return x

    def _told(self) -> str:
        given = ", ".join(f"{key}: {spelled(value)}" for key, value in self.arguments.items())
        return f"({given}) -> {spelled(self._graph.structure)}"

    def accepts(self, specs: Sequence) -> bool:
        return all(accepts(wide, narrow) for wide, narrow in zip(self._specs, specs))

    @property
    def name(self) -> str:
        return self._name

    @property
    def inputs(self) -> list:
        """The inputs, then those that hold what was captured."""
        return [*self._graph.inputs, *[inside for _, inside in self._graph.captures.values()]]

    @property
    def outputs(self) -> list:
        return list(self._graph.outputs)

    @property
    def captured_inputs(self) -> list:
        return [outside for outside, _ in self._graph.captures.values()]

    @property
    def structured_outputs(self) -> Any:
        return self._graph.structure

    @property
    def structured_input_signature(self) -> tuple:
        """The arguments, with a TensorSpec for each tensor, as (args, kwargs)."""
        return self._template

    @property
    def output_dtypes(self) -> Any:
        return nest.map_structure(lambda y: None if y is None else y.dtype, self._graph.structure)

    @property
    def output_shapes(self) -> Any:
        return nest.map_structure(lambda y: None if y is None else y.shape, self._graph.structure)

    @property
    def variables(self) -> tuple:
        """The variables that the function reads or assigns."""
        found = {}
        for node in self._graph.nodes:
            if "variable" in node.attrs:
                variable = node.attrs["variable"].deref()
                found.setdefault(variable._serial, variable)
        return tuple(found.values())

    @property
    def trainable_variables(self) -> tuple:
        return tuple([v for v in self.variables if v.trainable])

    def pretty_printed_signature(self, verbose: bool = True) -> str:
        """The parameters and the result, a line each."""
        kinds = {name: parameter.kind.name for name, parameter in self._parameters.parameters.items()}
        given = [f"  {key} ({kinds[key]}): {spelled(value)}" for key, value in self.arguments.items()]
        captured = [f"  {spelled(x)}" for x in self.captured_inputs]
        lines = [
            "Input Parameters:",
            *(given or ["  None"]),
            "Output Type:",
            f"  {spelled(self._graph.structure)}",
        ]
        return "\n".join([*lines, "Captures:", *(captured or ["  None"])])

    def __str__(self) -> str:
        return f"ConcreteFunction {self.pretty_printed_signature()}"

    def __repr__(self) -> str:
        return f"<ConcreteFunction {self._told()}>"


def _without_dtypes(key: Any) -> Any:
    if isinstance(key, tuple):
        return (Tensor,) if len(key) == 2 and key[0] is Tensor else tuple([_without_dtypes(k) for k in key])
    return key
