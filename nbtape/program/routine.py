"""Routine: a finished graph as something that runs, compiled where that is."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any
from weakref import WeakSet

from nbtape.compile.settings import Settings
from nbtape.core.kernel import late
from nbtape.core.memory import state
from nbtape.graph.emit import packed
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.graph.trace import FunctionGraph
from nbtape.state.writes import writing

_WRITES = ("assign_variable", "scatter_variable", "spoil_variable")
_NOTHING = nullcontext()
# LLVM is loaded when the first function is compiled.
_executable = late("nbtape.compile.executable:Executable")
_direct: "WeakSet[Routine]" = WeakSet()  # those whose `only` answers without looking where values are
# What is told of each graph that a function runs.
listeners: list[Callable[[FunctionGraph], None]] = []
_source, _report = late("nbtape.compile.show:source"), late("nbtape.compile.show:report")


def _look() -> None:
    """Let all routines look where values are, now that some are on a card."""
    for routine in [*_direct]:
        routine.only = routine.compiled.only = None


state.listeners.append(_look)


class Routine:
    """A graph that is run with tensors for its inputs, and gives what its function returned."""

    compiled: Any = None  # its Executable, from the first run that asks for one
    _written: Any = None  # a block in which it may write to variables
    only: Any = None  # what answers all calls, where that is machine code for one signature

    def __init__(self, graph: FunctionGraph):
        self._graph = graph
        structure = graph.structure
        self._single = isinstance(structure, SymbolicTensor)
        self._tuple = type(structure) is tuple and all(type(x) is SymbolicTensor for x in structure)

    @property
    def graph(self) -> FunctionGraph:
        return self._graph

    def execute(self, tensors: Sequence[Any]) -> list:
        """The outputs of the graph, in order, for these values of its inputs."""
        compiled = self.compiled
        if compiled is None:
            if Settings.mode == "off":
                return self._interpreted(tensors)
            compiled = self.compiled = _executable(self._graph)
        ys = compiled.run(tensors)
        if compiled.only is not self.only:
            self.only = compiled.only
            _direct.add(self)
        return self._interpreted(tensors) if ys is None else ys

    def _interpreted(self, tensors: Sequence[Any]) -> list:
        """What the interpreter comes to, while no other thread writes to the variables that it assigns."""
        if self._written is None:
            found = [node.attrs["variable"].deref() for node in self._graph.nodes if node.op.name in _WRITES]
            self._written = writing(list({id(v): v for v in found}.values())) if found else _NOTHING
        with self._written:
            return self._graph.run(tensors)

    def _ready(self) -> Any:
        """The host that runs the graph, compiled now if it is not yet."""
        if self.compiled is None:
            self.compiled = _executable(self._graph)
        return self.compiled.ready()

    @property
    def source(self) -> str:
        """The Python source of what runs: the function that a call runs, and the kernels that Numba compiles.

        >>> f = tf.function(lambda x: tf.tanh(x) * 2.0).get_concrete_function(tf.TensorSpec([3]))
        >>> "tanh" in f.source
        True
        """
        return _source(self._ready())

    @property
    def plan(self) -> Any:
        """What runs, unit by unit, with the bytes that each moves, the operations that it does, and the
        memory between them; prints as a table.

        >>> f = tf.function(lambda x: tf.tanh(x) * 2.0).get_concrete_function(tf.TensorSpec([3]))
        >>> [unit.what for unit in f.plan.units]
        ['tanh mul']
        """
        return _report(self._ready())

    def result(self, ys: Sequence[Any]) -> Any:
        """Outputs, in the structure that the function returned."""
        if self._single:
            return ys[0]
        return tuple(ys) if self._tuple else packed(self._graph.structure, ys)
