"""Tracing: a Python function is called once on SymbolicTensors, and what it does becomes a graph.

`FunctionGraph` is the graph of a whole function: it reads and assigns variables in program order. `Region` is
a part of one that runs never, once or often (a branch, a loop body): a function of tensors alone, which has
the variables that it reads as inputs and those that it assigns as outputs, so that gradients and compilers
need to know nothing of variables.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from nbtape.core import context, nest, source
from nbtape.core.engine import EagerTensor, Tensor, apply, o, tensor
from nbtape.core.shape import Spec
from nbtape.graph.graph import Graph
from nbtape.graph.rows import PLACEHOLDER, spec_of_variable
from nbtape.graph.run import acts, ancestors, evaluate, last_uses, once, pruned, unrepeatable
from nbtape.graph.symbolic import SymbolicTensor, spelled
from nbtape.graph.v1.device import device
from nbtape.ops.row import op

_SINGLETON = (
    "tf.function only supports singleton tf.Variables created on the first call. Make sure the tf.Variable "
    "is only "
    "created once or created outside tf.function. See "
    "https://www.tensorflow.org/guide/function#creating_tfvariables "
    "for more information."
)


# The value of a variable after an assignment in a region: as in TensorFlow no gradient goes through the
# assignment,
# and that of later reads goes to the variable.
op(
    "reassigned",
    lambda value, before: value,
    lambda value, before: value,
    None,
    lambda g, y, value, before: g,
)


class FunctionGraph(Graph):
    """The graph of one traced function: inputs, outputs, and what it captured from outside."""

    building_function = True

    def __init__(self, name: str = ""):
        super().__init__(name)
        self.outer = context.local.graph
        self.converts = getattr(self.outer, "converts", False)  # whether Python's control flow is converted
        self.outer_recorders = context.local.recorders
        self.inputs: list[SymbolicTensor] = []
        self.outputs: list[SymbolicTensor] = []
        self.structure: Any = None  # the function's result, with the outputs where its tensors are
        self.captures: dict[int, tuple[Tensor, SymbolicTensor]] = {}
        self.examples: dict[
            int, Any
        ] = {}  # values of the inputs in the call that is traced, for initial values
        self.variables_made: list = []
        self.may_make_variables = True
        self._drops: list[list[int]] = []
        self._do: Callable = once  # what runs a node

    def add_input(self, spec: Spec, name: str, example: Any = None) -> SymbolicTensor:
        """One more input; `example` is its value in the call that caused the trace."""
        x = self.placeholder(spec, name)
        self.inputs.append(x)
        if isinstance(example, EagerTensor):
            self.examples[id(x)] = example
        return x

    def capture(self, x: Any) -> SymbolicTensor:
        """A Tensor from outside, as an input that is filled in by itself at each run."""
        found = self.captures.get(id(x))
        if found is None:
            if isinstance(x, SymbolicTensor) and not self._within(x.graph):
                raise self.stranger(x)
            spec = x._spec if isinstance(x, SymbolicTensor) else Spec(x._value.shape, x._value.dtype)
            found = self.captures[id(x)] = x, self.placeholder(spec, "captured")
        return found[1]

    def _within(self, graph: Graph) -> bool:
        outer = self.outer
        while outer is not None and outer is not graph:
            outer = outer.outer
        return outer is not None

    @property
    def strangers(self) -> list[Graph]:
        """Graphs whose tensors this one captured, and without which it cannot run."""
        return [x.graph for x, _ in self.captures.values() if isinstance(x, SymbolicTensor)]

    def created(self, variable: Any) -> None:
        if not self.may_make_variables:
            raise ValueError(_SINGLETON)
        self.variables_made.append(variable)

    def lift(self, x: Any) -> Any:
        x = self.own(x)
        given = dict(self.examples)
        for outside, inside in self.captures.values():
            if isinstance(outside, EagerTensor):
                given[id(inside)] = outside
            elif any(id(inside) == id(y) for node in ancestors(self.nodes, [x], given) for y in node.outputs):
                given[id(inside)] = EagerTensor(self._outer_lift(outside))
        return self.value_of(x, given)

    def _outer_lift(self, x: Tensor) -> Any:
        with self.outside():
            return self.outer.lift(x)  # type: ignore[union-attr]

    def control_dependencies(self, control_inputs: Any) -> Any:
        """A `with` block; nothing has to be told, since what is written later runs later."""
        return nullcontext()

    def outside(self):
        """The context in which the trace was opened."""
        return context.recording(self.outer_recorders, self.outer)

    def finish(self, structure: Any) -> None:
        """Close the graph: `structure` is what it computes. What neither counts for that nor has an effect
        is dropped.
        """
        self.structure = structure
        self.close(
            [y for y in nest.flatten(structure, expand_composites=True) if isinstance(y, SymbolicTensor)]
        )

    def close(self, outputs: list[SymbolicTensor]) -> None:
        self.outputs = outputs
        kept = pruned(self.nodes, [*outputs, *self.inputs])
        self.keep(kept)
        used = {id(y) for node in self.nodes for y in node.outputs}
        self.captures = {key: pair for key, pair in self.captures.items() if id(pair[1]) in used}
        self._drops = last_uses(self.nodes, outputs)
        put = any(node.outputs and node.outputs[0].op.device for node in self.nodes)
        self._do = _where_it_was_put if put else once
        self.examples, self.outer, self.outer_recorders = {}, None, ()
        self.finalize()

    def run(self, inputs: Sequence[Any]) -> list:
        """What the outputs come to for `inputs`, through `apply`: the tapes that are open see each op."""
        outer = context.local.graph
        if outer is None or outer.building_function or not any(acts(node) for node in self.nodes):
            return self._run(inputs)
        with outer.in_order():
            return [apply(o.identity, y) for y in self._run(inputs)]

    def _run(self, inputs: Sequence[Any]) -> list:
        env: dict[int, Any] = {id(p): x for p, x in zip(self.inputs, inputs, strict=True)}
        for outside, inside in self.captures.values():
            env[id(inside)] = outside
        evaluate(self.nodes, env, self._drops, self._do)
        return [env[id(y)] for y in self.outputs]

    def __str__(self) -> str:
        given = ", ".join(spelled(x) for x in self.inputs)
        lines = [_line for _line in super().__str__().split("\n")[1:] if " = placeholder(" not in _line]
        return "\n".join(
            [f"graph {self.name}({given})", *lines, f"  return {', '.join(y.name for y in self.outputs)}"]
        )


def _where_it_was_put(node: Any, xs: list) -> Any:
    """Run a node on the device of its operation."""
    name = node.outputs[0].op.device if node.outputs else ""
    if not name:
        return once(node, xs)
    with device(name):
        return once(node, xs)


class Region(FunctionGraph):
    """A part of a graph that runs under a condition or repeatedly: a function of tensors, without variables.

    `entries` are the variables it reads, each with the input that holds its value; `assigned` those it
    changes, each with the tensor that is its new value.
    """

    def __init__(self, name: str = ""):
        super().__init__(name)
        self.entries: dict[int, tuple[Any, SymbolicTensor]] = {}
        self.assigned: dict[int, tuple[Any, SymbolicTensor]] = {}
        self.results: list[SymbolicTensor] = []  # the outputs, without `kept`
        self.kept: list[SymbolicTensor] = []  # what its gradient cannot compute again
        self.ragged = False  # whether a loop may stack rows of several shapes that it makes
        self.acts = False  # whether it does something beside computing its outputs
        self.back: Any = (
            None  # its gradient, and the region made of that which stands in a graph, once asked for
        )
        self.step: Any = None

    def entry(self, variable: Any) -> SymbolicTensor:
        """The input that holds the value a variable has when the region is entered."""
        found = self.entries.get(variable._serial)
        if found is None:
            found = variable, self.placeholder(spec_of_variable(variable), "variable")
            self.entries[variable._serial] = found
        return found[1]

    def now(self, variable: Any) -> SymbolicTensor:
        """The value of a variable at this point of the region."""
        found = self.assigned.get(variable._serial)
        return self.entry(variable) if found is None else found[1]

    def _read(self, variable: Any) -> SymbolicTensor:
        now = self.now(variable)
        return self.append(o.identity, (now,), {}, (now._spec,), source.here(2))[0]

    def _assign(self, variable: Any, value: SymbolicTensor) -> None:
        new = self.append(o.reassigned, (value, self.entry(variable)), {}, (value._spec,), source.here(2))[0]
        self.assigned[variable._serial] = variable, new

    def created(self, variable: Any) -> None:
        if self.outer is not None:
            self.outer.created(variable)

    def bind(self, captured: Sequence[Tensor], variables: Sequence[Any]) -> None:
        """Add inputs for tensors from outside and for the values of variables, used here or not."""
        self.inputs += [self.capture(x) for x in captured]
        self.inputs += [self.entry(v) for v in variables]

    def close(self, outputs: list[SymbolicTensor]) -> None:
        self.captures = {}
        self.results = outputs
        alive = ancestors(self.nodes, outputs, (), effects=True)
        self.acts = any(acts(node) for node in alive)
        self.kept = [y for node in alive if unrepeatable(node) for y in node.outputs]
        super().close([*outputs, *self.kept])

    @property
    def repeatable(self) -> bool:
        return not self.acts and not self.kept


def trace(
    function: Callable, specs: Sequence[Spec], name: str = "", names: Sequence[str] = ()
) -> FunctionGraph:
    """The graph of `function`, called with a SymbolicTensor for each spec; `graph.structure` is what it
    returned.
    """
    graph = FunctionGraph(name or getattr(function, "__name__", ""))
    return fill(graph, function, specs, names)


def fill(graph: FunctionGraph, function: Callable, specs: Sequence[Spec], names: Sequence[str] = ()) -> Any:
    """`graph`, filled by a call of `function` and finished."""
    names = names or ["x"] * len(specs)
    with graph.as_default():
        inputs = [graph.add_input(spec, name) for spec, name in zip(specs, names, strict=True)]
        structure = returned(graph, function(*inputs))
    graph.finish(structure)
    return graph


def returned(graph: FunctionGraph, result: Any, name: str = "function") -> Any:
    """What a traced function returned, with a tensor of its graph at each leaf that is not None."""

    def leaf(x: Any) -> Any:
        if x is None:
            return None
        if not isinstance(x, Tensor):
            try:
                x = tensor(x)
            except (TypeError, ValueError):
                raise TypeError(
                    "To be compatible with tf.function, Python functions must return zero or more Tensors or "
                    f"ExtensionTypes or None values; in compilation of {name}, found return value of type "
                    f"{type(x).__name__}, which is not a Tensor or ExtensionType."
                ) from None
        x = graph.own(x)
        return graph.record(o.identity, (x,), {}) if x.op.node.op is PLACEHOLDER else x

    return nest.map_structure(leaf, result, expand_composites=True)
