"""A Step: what a session runs for some fetches and feeds, as a function of the feeds.

It has those operations of the session's graph that the fetches need, and reads and assigns the session's own
variables. So it runs, and is compiled, as the trace of a `tf.function` is.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nbtape.core import context, source
from nbtape.core.engine import Tensor, o
from nbtape.core.errors import FailedPreconditionError, invalid
from nbtape.core.kernel import View
from nbtape.graph.rows import PLACEHOLDER
from nbtape.graph.run import once, unrepeatable
from nbtape.graph.symbolic import Operation, SymbolicTensor
from nbtape.graph.trace import FunctionGraph, returned
from nbtape.program.routine import Routine
from nbtape.state.graph_variable import GraphVariable

_UNINITIALIZED = (
    "Could not find variable {0}. This could mean that the variable has been deleted. In TF1, it can also "
    "mean the variable is uninitialized: run tf.global_variables_initializer(), or {0}.initializer, in this "
    "session first. (Defined at {1})"
)


def needed(wanted: Iterable[Operation], fed: Iterable[int], is_set: Any) -> list[Operation]:
    """The operations that `wanted` need, in the order in which they were made; nothing beyond the tensors
    `fed`.
    """
    fed, found, left = set(fed), set(), list(wanted)
    while left:
        operation = left.pop()
        if id(operation) in found:
            continue
        found.add(id(operation))
        left += operation._controls
        if operation.node.op is o.initialized_value and is_set(operation.node.attrs["variable"].deref()):
            continue
        left += [x._op for x in operation.node.inputs if id(x) not in fed]
    graph = next(iter(wanted))._graph if found else None
    return [operation for operation in graph._operations if id(operation) in found] if graph else []


class Step(FunctionGraph):
    """The part of a graph that one kind of `Session.run` needs."""

    def __init__(self, session: Any, fetches: Sequence[Any], feeds: Sequence[SymbolicTensor]):
        super().__init__("session")
        self._session, self.held = session, (*fetches, *feeds)  # which keeps their ids from being used again
        self.asked: dict[int, bool] = {}  # what it was told of variables, by serial: whether they had a value
        self.reads: dict[int, Any] = {}  # the variables whose value it needs
        self.writes: dict[int, Any] = {}  # those that have a value afterwards
        tensors = [x for x in fetches if isinstance(x, Tensor)]
        fed = {id(x) for x in feeds}
        wanted = [x if isinstance(x, Operation) else x._op for x in fetches if id(x) not in fed]
        operations = needed(wanted, fed, self._is_set)
        session.placed(operations)
        with context.paused(), self.as_default():  # the operations have been put where they are
            env = {id(x): self.add_input(x._spec, x._op.name) for x in feeds}
            self._take(operations, env)
            # Checks give their input, which need not be used for them to be made.
            checks = [made.outputs[0] for made in operations if made.node.op is o.check_numerics]
            structure = returned(self, tuple([env[id(x)] for x in (*tensors, *checks)]))
        self.finish(structure)
        self.draws = any(unrepeatable(node) for node in self.nodes)  # whether random numbers may be in it
        self.copied = [_kept(x, self) for x in self.inputs]
        self._routine = Routine(self) if any(node.op.name not in _MOVES for node in self.nodes) else None
        self._checked = False

    def _take(self, operations: Sequence[Operation], env: dict[int, Any]) -> None:
        """Do again what `operations` do, in this graph; `env` maps the ids of their tensors to ours."""
        outer = source.told.place
        try:
            for operation in operations:
                node = operation.node
                source.told.place = node.place
                found = self._again(node, env)
                for y, value in zip(node.outputs, found if node.op.many else (found,)):
                    env.setdefault(id(y), value)
        finally:
            source.told.place = outer

    def _again(self, node: Any, env: dict[int, Any]) -> Any:
        if node.op is PLACEHOLDER:
            y = node.outputs[0]
            return None if id(y) in env else self._unfed(y)
        if node.op is o.is_initialized:
            return self.constant(np.bool_(self._is_set(node.attrs["variable"].deref())))
        if node.op is o.initialized_value:
            variable = node.attrs["variable"].deref()
            return self.read(variable) if self._is_set(variable) else env[id(node.inputs[0])]
        return once(node, [env[id(x)] for x in node.inputs])

    def _unfed(self, x: SymbolicTensor) -> Any:
        shape = x._spec.shape
        sizes = "<unknown>" if shape is None else f"[{','.join('?' if n is None else str(n) for n in shape)}]"
        kind = _KINDS.get(x.dtype.name, x.dtype.name)
        raise invalid(
            f"You must feed a value for placeholder tensor '{x._op.name}' with dtype {kind} and shape "
            f"{sizes} (made at {x._op.traceback})"
        )

    def _is_set(self, variable: Any) -> bool:
        if variable._serial in self.writes:
            return True
        known = variable._serial in self._session.initialized
        return self.asked.setdefault(variable._serial, known)

    def append(self, op: Any, inputs: tuple, attrs: dict, *args: Any) -> tuple:
        """Append a Node, of the session's own variables."""
        if "variable" in attrs:
            variable = attrs["variable"].deref()
            if op is o.assign_variable:
                self.writes[variable._serial] = variable
            elif variable._serial not in self.writes:
                self.reads[variable._serial] = variable
            attrs = attrs | {"variable": self._session.cell(variable).ref()}
        return super().append(op, inputs, attrs, *args)

    def stands(self) -> bool:
        """Whether what the step was told of variables is still so."""
        initialized = self._session.initialized
        return all((serial in initialized) == known for serial, known in self.asked.items())

    def execute(self, values: Sequence[Any]) -> list:
        """The values of the fetched tensors for those of the feeds."""
        initialized = self._session.initialized
        if not self._checked:
            for serial, variable in self.reads.items():
                if serial not in initialized and isinstance(variable, GraphVariable):
                    name, place = variable.op.name, variable.op.traceback
                    raise FailedPreconditionError(None, None, _UNINITIALIZED.format(name, place))
        if self._checked and self._routine is not None:
            return self._routine.execute(values)
        # What runs once, as initializers do, and what computes nothing, is not worth compiling.
        ys = self.run(values)
        initialized.update(self.writes)
        self._checked = True
        return ys


def _kept(x: SymbolicTensor, graph: FunctionGraph) -> bool:
    """Whether a variable may go on holding the array of an input when the step is over."""
    same = {id(x)}
    for node in graph.nodes:
        if not any(id(y) in same for y in node.inputs):
            continue
        if node.op is o.assign_variable or node.op.name in ("cond", "while_"):
            return True
        if isinstance(node.op.kernel, View) or node.op is o.identity:
            same.update([id(y) for y in node.outputs])
    return False


# Rows that only move what is there from one place to another.
_MOVES = {"placeholder", "const", "identity", "read_variable", "assign_variable", "no_op"}
_KINDS = {"float32": "float", "float64": "double", "float16": "half"}
