"""Graph: a program as a list of Nodes over SymbolicTensors.

While a graph is open (`with graph.as_default()`, or in a trace) operations do not run: `core.engine.run`
hands them to `Graph.record`, which checks dtypes and shapes, and appends a Node. `graph.run` is the
interpreter of such lists.
"""

from contextlib import contextmanager
from typing import Any

import numpy as np

from nbtape.core import context, source
from nbtape.core.engine import EagerTensor, Node, Op, Tensor, o, tensor
from nbtape.core.errors import OpError
from nbtape.core.memory import on_host
from nbtape.core.report import specs_of, with_report
from nbtape.core.shape import Spec
from nbtape.graph.rows import PLACEHOLDER, Literal, at_building, check_dtypes, spec_of_variable
from nbtape.graph.run import acts, ancestors, evaluate, unrepeatable
from nbtape.graph.symbolic import Operation, SymbolicTensor, spelled
from nbtape.graph.v1 import device
from nbtape.graph.v1.contents import Contents

_OUT_OF_SCOPE = (
    "{!r} is out of scope and cannot be used here. Use return values, explicit Python locals or TensorFlow "
    "collections to access it: it belongs to a function or graph whose trace has ended."
)
_KNOWN_SIZE = 10_000  # elements; what is larger is not worked out while tracing


class Graph(Contents):
    """A list of operations that run later: what `tf.function` traces, and what TensorFlow 1 programs build.

    >>> g = tf.Graph()
    >>> with g.as_default():
    ...     y = tf.constant(1.0) + 2.0
    >>> y, [op.type for op in g.get_operations()]
    (<tf.Tensor 'add:0' shape=() dtype=float32>, ['Const', 'Const', 'AddV2'])
    """

    building_function = False
    outer: "Graph | None" = None

    def __init__(self, name: str = ""):
        super().__init__(name)
        self._controls: tuple[Operation, ...] = ()  # what runs before the operations that are made now
        self._ordered = False
        self.seed: int | None = None  # with which the random numbers of each session start
        self._known: dict[int, Any] = {}
        self._reads: dict[int, list[SymbolicTensor]] = {}
        self._finalized = False

    # Recording

    def record(self, op: Op, xs: tuple, attrs: dict) -> Any:
        """Append `op` to the list; what `core.engine.apply` calls while the graph is open."""
        place = source.here(2)
        try:
            inputs = self.inputs_of(xs)
            specs = [x._spec for x in inputs]
            if op.kinds and specs:
                check_dtypes(op, specs)
            found = op.infer(*specs, **attrs)
        except (OpError, ValueError, TypeError) as error:
            raise with_report(at_building(error), op, xs, place) from None
        ys = self.append(op, inputs, attrs, found if op.many else (found,), place)
        for recorder in context.local.recorders:
            recorder.record(op, xs, attrs, ys, place)
        return ys if op.many else ys[0]

    def append(
        self,
        op: Op,
        inputs: tuple,
        attrs: dict,
        specs: tuple,
        place: source.Place | None,
        name: str | None = None,
        kind: str = "",
    ) -> tuple:
        """Append a Node whose outputs have `specs`, and return these; `kind` is its type for the user."""
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        operation = Operation(self, kind or op.label, None, self._controls)  # type: ignore[arg-type]
        ys = tuple([SymbolicTensor(spec, operation, i) for i, spec in enumerate(specs)])
        operation.node = Node(op, inputs, attrs, ys, place)
        if context.local.device:
            device.place(operation)
        if operation._type in self._gradients:
            self.overrides[id(operation.node)] = self._gradients[operation._type]
        self.names.add(operation, name)
        self._operations.append(operation)
        self.nodes.append(operation.node)
        if self._ordered and acts(operation.node):
            self._controls = (operation,)  # which itself runs after those that were here
        return ys

    def inputs_of(self, xs: tuple) -> tuple:
        """The inputs of an op as tensors of this graph; numbers take the dtype of the tensors beside them."""
        if all(type(x) is SymbolicTensor and x._op._graph is self for x in xs):
            return xs
        return tuple([
            self.own(x) if isinstance(x, Tensor) else self.constant(np.asarray(x, spec.dtype)[()])
            for x, spec in zip(xs, specs_of(xs))
        ])  # fmt: skip

    def own(self, x: Any) -> SymbolicTensor:
        """A Tensor as one of this graph."""
        if isinstance(x, SymbolicTensor) and x.graph is self:
            return x
        return self.capture(x)

    def capture(self, x: Any) -> SymbolicTensor:
        """A Tensor from outside, as one of this graph: by value."""
        if isinstance(x, EagerTensor):
            return self.constant(on_host(x._value))
        raise self.stranger(x)

    def stranger(self, x: Any) -> Exception:
        if self.building_function:
            return TypeError(_OUT_OF_SCOPE.format(x))
        return ValueError(f"{x} must be from the same graph as {self!r}: it belongs to {x.graph!r}.")

    def constant(self, value: Any) -> SymbolicTensor:
        """A tensor of this array (or NumPy scalar)."""
        attrs = {"value": Literal(value)}
        return self.append(o.const, (), attrs, (Spec(value.shape, value.dtype),), source.here(2))[0]

    def placeholder(self, spec: Spec, name: str = "Placeholder") -> SymbolicTensor:
        """A tensor whose value is given when the graph runs."""
        return self.append(PLACEHOLDER, (), {"spec": spec, "name": name}, (spec,), source.here(2), name)[0]

    @property
    def last(self) -> Operation:
        """The operation that was made last."""
        return self._operations[-1]

    @contextmanager
    def control_dependencies(self, control_inputs: Any):
        """A `with` block: what is made in it runs after `control_inputs`; None forgets those of blocks
        around it.
        """
        saved = self._controls
        if control_inputs is None:
            self._controls = ()
        else:
            added = [self.operation_of(x) for x in control_inputs]
            self._controls = tuple(dict.fromkeys([*saved, *added]))
        try:
            yield
        finally:
            self._controls = saved

    @contextmanager
    def in_order(self):
        """A `with` block in which what acts runs before what follows, as in a function."""
        saved = self._ordered, self._controls
        self._ordered = True
        try:
            yield
        finally:
            self._ordered, self._controls = saved

    def operation_of(self, x: Any) -> Operation:
        """The operation that stands for `x`: an Operation, a tensor or a variable."""
        operation = x if isinstance(x, Operation) else getattr(x, "op", None)
        if not isinstance(operation, Operation):
            operation = tensor(x).op
        if operation.graph is not self:
            raise ValueError(f"{x!r} must be from the same graph as {self!r}.")
        return operation

    # Variables, whose methods call these while the graph is open

    def read(self, variable: Any) -> Any:
        """The value that a variable has when the program comes to this point."""
        read = self._read(variable)
        self._reads.setdefault(variable._serial, []).append(read)
        for recorder in context.local.recorders:
            recorder.read(variable, read)
        return read

    def reads_of(self, variable: Any) -> list[int]:
        """The ids of the tensors that were read from a variable so far."""
        return [id(x) for x in self._reads.get(variable._serial, ())]

    def _read(self, variable: Any) -> SymbolicTensor:
        attrs = {"variable": variable.ref()}
        return self.append(o.read_variable, (), attrs, (spec_of_variable(variable),), source.here(2))[0]

    def assign(self, variable: Any, value: Any, how: str = "assign") -> None:
        """Give a variable the value of a tensor when the program comes to this point."""
        if how != "assign":
            value = getattr(o, how.removeprefix("assign_"))(variable.__tensor__(), value)
        for recorder in context.local.recorders:
            recorder.assigned(variable, value)
        self._assign(variable, self.own(value))

    def _assign(self, variable: Any, value: SymbolicTensor) -> None:
        self.append(o.assign_variable, (value,), {"variable": variable.ref()}, (value._spec,), source.here(3))

    def created(self, variable: Any) -> None:
        """A variable was made while the graph was open."""

    def lift(self, x: Any) -> Any:
        """The array that a tensor of this graph stands for: an initial value, which variables need at
        once.
        """
        return self.value_of(self.own(x), {})

    def value_of(self, x: SymbolicTensor, given: dict[int, Any]) -> Any:
        """What `x` comes to for `given` values (EagerTensors by id) of inputs; raises ValueError if that
        takes others.
        """
        nodes = ancestors(self.nodes, [x], given)
        if any(node.op is PLACEHOLDER and id(node.outputs[0]) not in given for node in nodes):
            raise ValueError(
                "Tensor-typed variable initializers must either be wrapped in an init_scope or callable "
                "(e.g., "
                "`tf.Variable(lambda : tf.random.truncated_normal([10, 40]))`) when building functions: "
                f"{x!r} depends on an input that has no value yet."
            )
        with context.recording(()):
            return evaluate(nodes, dict(given))[id(x)]._value

    def known(self, x: SymbolicTensor) -> Any:
        """The value of a tensor of this graph that follows from constants alone, None for any other."""
        key = id(x)
        if key not in self._known:
            self._known[key] = self._folded(x)
        return self._known[key]

    def _folded(self, x: SymbolicTensor) -> Any:
        nodes = ancestors(self.nodes, [x], {})
        for node in nodes:
            sizes = [
                np.prod(y._spec.shape) if y._spec.shape and None not in y._spec.shape else 1
                for y in node.outputs
            ]
            if (
                node.op.name in _UNKNOWN
                or acts(node)
                or unrepeatable(node)
                or max(sizes, default=0) > _KNOWN_SIZE
            ):
                return None
        with context.at_home():
            return on_host(evaluate(nodes, {})[id(x)]._value)

    # Opening

    @contextmanager
    def as_default(self):
        """Let the operations of this block go into the graph; tapes that are open do not see them."""
        outer = context.local.scope, context.local.device, context.local.creators
        context.local.scope = ""
        if not self.building_function or context.local.graph is None:
            context.local.device = ()
        if not self.building_function:
            context.local.creators = ()
        try:
            with context.recording((), self):
                yield self
        finally:
            self.names.settle()
            context.local.scope, context.local.device, context.local.creators = outer

    def device(self, device_name_or_function: Any) -> Any:
        """A `with` block whose operations are put on a device."""
        return device.device(device_name_or_function)

    def finalize(self) -> None:
        """Refuse further operations."""
        self._finalized = True

    @property
    def finalized(self) -> bool:
        return self._finalized

    def __repr__(self) -> str:
        return f"<tf.Graph {self.name!r} of {len(self.nodes)} operations>"

    def __str__(self) -> str:
        return "\n".join([f"graph {self.name}".rstrip(), *[f"  {_line(node)}" for node in self.nodes]])


_UNKNOWN = {"placeholder", "placeholder_with_default", "read_variable", "is_initialized", "initialized_value"}


def _line(node: Node) -> str:
    """A node as a line of text."""
    left = ", ".join(spelled(y) for y in node.outputs)
    given = [x.name for x in node.inputs] + [f"{k}={_shown(v)}" for k, v in node.attrs.items() if k != "name"]
    where = f"  # {source.describe(node.place)}" if node.place else ""
    return f"{left} = {node.op.name}({', '.join(given)}){where}"


def _shown(value: Any) -> str:
    if isinstance(value, Graph):
        return value.name or "<graph>"
    if hasattr(value, "deref"):
        return repr(value.deref().name)
    return str(value)
