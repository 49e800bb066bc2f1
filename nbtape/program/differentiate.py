"""Functions under an eager tape: one Node for a whole call, whose gradient is a graph of its own.

Of a graph two others are derived: one that also gives the intermediate values that the gradient takes, and
the gradient. Both run as any graph runs, compiled where that is. A call is recorded as two Nodes, one for the
results and one for the intermediate values: through the second go the derivatives of higher order, since the
first gradient is a call like any other.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from nbtape.autodiff.backward import backward
from nbtape.core import context, source
from nbtape.core.engine import EagerTensor, Node, Op, o
from nbtape.core.kernel import Extern
from nbtape.core.slices import IndexedSlices
from nbtape.graph.regions import again, is_float
from nbtape.graph.rows import PLACEHOLDER
from nbtape.graph.run import ancestors, unrepeatable
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.graph.trace import FunctionGraph, returned
from nbtape.program.call import Call, row
from nbtape.program.routine import Routine, listeners
from nbtape.program.watch import inherit

_local = context.local
# Who looks on while the interpreter runs for a call that is recorded as a whole: nobody. Tapes would take the
# empty tuple for a stop of the recording.
_UNSEEN = (context.Recorder(),)


class Differentiable(Routine):
    """A graph that open tapes see as one operation."""

    guards: Any = ()
    _derivatives: "Derivatives | bool | None" = False  # False: not asked for yet

    def run(self, tensors: Sequence[Any]) -> Any:
        """The result for these values of the inputs, in order."""
        if listeners:
            for listener in listeners:
                listener(self._graph)
        watch = _local.watch
        if watch is None:
            # The shortest way, for functions that take microseconds.
            ys = None if self.only is None else self.only(tensors)
            if ys is None:  # not compiled, or another thread is in there
                ys = self.execute(tensors)
            return tuple(ys) if self._tuple else self.result(ys)
        graph, recorders = _local.graph, watch[1]
        if graph is not None:
            inherit(self.guards)
        elif not recorders:  # the block around puts it on a card
            return self.result(self.execute(tensors))
        elif self.derivatives is not None and not any(recorder.each_op for recorder in recorders):
            return self.result(self.derivatives.record(self, tensors, recorders))
        return self.result(self._graph.run(tensors))

    @property
    def derivatives(self) -> "Derivatives | None":
        """What tapes need of the graph; None where they have to see each of its operations."""
        if self._derivatives is False:
            self._derivatives = None if _calls_python(self._graph) else _derivatives_of(self._graph)
        return self._derivatives  # type: ignore[return-value]

    @property
    def forward(self) -> Routine | None:
        """The graph that gives the outputs, and beside them what the gradient takes."""
        return None if self.derivatives is None else self.derivatives.forward

    @property
    def backward(self) -> "Differentiable | None":
        """The gradient: from cotangents of the float outputs, and what it takes beside, to cotangents of
        the inputs, of what was captured, and of what was read from variables.
        """
        return None if self.derivatives is None else self.derivatives.backward


class _Places(NamedTuple):
    """Where the values of a call are, in the list of what it was given and what came out.

    `sources` are what gradients go to and `results` the outputs, each once; `late` are the reads of variables
    after they were assigned. `taken` is what the gradient takes of all, `kept` the float part of that which
    is neither source nor result, and `drawn` what would come out otherwise if it ran again.
    """

    sources: list
    results: list
    outputs: list
    late: list
    taken: list
    kept: list
    drawn: list


class Derivatives:
    """The graphs that run in the place of one while a tape is open."""

    _backward_of_kept: Differentiable | None = None

    def __init__(self, graph: FunctionGraph):
        name = graph.name or "function"
        forward = FunctionGraph(name)
        with forward.as_default():
            inputs = [forward.add_input(x._spec, x.op.name) for x in graph.inputs]
            outputs = [_computed(y) for y in graph.run(inputs)]
            captured, reads, late = list(forward.captures.values()), *_reads(forward)
            given = [*inputs, *[inside for _, inside in captured], *reads]
            sources, results = [*given, *late], list({id(y): y for y in outputs}.values())
            back = _gradient_of(name, forward.nodes, results, sources)
        taken = _captured_as_inputs(back)
        known = {id(x) for x in (*sources, *results)}
        between = [x for x in taken if id(x) not in known]
        kept = [x for x in between if is_float(x)]
        drawn = [y for n in ancestors(forward.nodes, kept, ()) if unrepeatable(n) for y in n.outputs]
        forward.finish(tuple({id(y): y for y in (*results, *late, *between, *drawn)}.values()))
        self.forward, self.backward = Routine(forward), Differentiable(back)
        self._values = [*given, *forward.outputs]
        numbers = {id(x): k for k, x in enumerate(self._values)}
        groups = (sources, results, outputs, late, taken, kept, drawn)
        self._at = _Places(*[[numbers[id(x)] for x in group] for group in groups])
        self._floats = [k for k, y in enumerate(results) if is_float(y)]
        self._captured = [outside for outside, _ in captured]
        self._reads = [_origin(x) for x in reads]
        self._late_reads = [_origin(x) for x in late]
        self.op = row(name, len(results), [g is not None for g in back.structure], Derivatives.from_results)
        self._op_of_kept = row(name, len(kept), [is_float(x) for x in sources], Derivatives.from_kept)

    def record(self, function: Differentiable, tensors: Sequence[Any], recorders: tuple) -> list:
        """The outputs, from a run that `recorders` were shown as one operation."""
        reads = [_read(variable, place) for variable, place in self._reads]
        given, place = (*tensors, *self._captured, *reads), source.here()
        if not self._late_reads and not any([recorder.watches(given) for recorder in recorders]):
            with context.recording(_UNSEEN):
                ys = function.execute(tensors)
            for recorder in recorders:
                recorder.record(self.op, given, {}, tuple(ys), place)
            return ys
        with context.recording(_UNSEEN):
            values = [*given, *_distinct(self.forward.execute(tensors), given)]
        at = self._at
        for (variable, _), i in zip(self._late_reads, at.late):
            for recorder in recorders:
                recorder.read(variable, values[i])
        attrs = {"call": Call(self, values)}
        xs = tuple([values[i] for i in at.sources])
        for recorder in recorders:
            if at.kept:
                recorder.record(self._op_of_kept, xs, attrs, tuple([values[i] for i in at.kept]), place)
            recorder.record(self.op, xs, attrs, tuple([values[i] for i in at.results]), place)
        return [values[i] for i in at.outputs]

    def from_results(self, values: list, gs: tuple) -> Any:
        """The cotangents of the sources, from those of the results."""
        return self.backward.run([*[gs[k] for k in self._floats], *[values[i] for i in self._at.taken]])

    def from_kept(self, values: list, gs: tuple) -> Any:
        """The cotangents of the sources, from those of what was kept."""
        at = self._at
        return self.backward_of_kept.run([*[values[i] for i in (*at.sources, *at.drawn)], *gs])

    @property
    def backward_of_kept(self) -> Differentiable:
        """From the sources, what was drawn, and cotangents of what was kept, to those of the sources."""
        if self._backward_of_kept is None:
            self._backward_of_kept = Differentiable(self._gradient_of_kept())
        return self._backward_of_kept

    def _gradient_of_kept(self) -> FunctionGraph:
        forward = self.forward.graph
        groups = self._at.sources, self._at.drawn, self._at.kept
        sources, drawn, kept = ([self._values[i] for i in group] for group in groups)
        graph = FunctionGraph(f"{forward.name}_gradient")
        with graph.as_default():
            env = {id(x): graph.add_input(x._spec, "x") for x in (*sources, *drawn)}
            nodes = again(forward, graph, env)
            seeds: list = [(env[id(x)], graph.add_input(x._spec, "g")) for x in kept]
            found = backward(nodes, seeds, {id(env[id(x)]) for x in sources if is_float(x)})
            structure = returned(graph, tuple([found.get(id(env[id(x)])) for x in sources]))
        graph.finish(structure)
        return graph

    def nodes(self, values: list) -> Iterator[Node]:
        """What ran inside a call, on its values and on stand-ins for what did not come out."""
        env = {id(x): value for x, value in zip(self._values, values)}
        for node in self.forward.graph.nodes:
            for x in node.outputs:
                env.setdefault(id(x), SymbolicTensor(x._spec, x._op, x._index))
            xs, ys = ([env[id(x)] for x in tensors] for tensors in (node.inputs, node.outputs))
            yield node._replace(inputs=tuple(xs), outputs=tuple(ys))


def _derivatives_of(graph: FunctionGraph) -> Derivatives | None:
    try:
        with context.paused():
            return Derivatives(graph)
    except Exception:  # of a rule that the user wrote: it is raised where a gradient is asked for
        return None


class _Gradient(FunctionGraph):
    """A graph around which another is open, whose constants it has for itself."""

    def capture(self, x: Any) -> SymbolicTensor:
        if isinstance(x, SymbolicTensor) and x.op.node.op is o.const:
            return self.constant(x.op.node.attrs["value"].value)
        return super().capture(x)


def _gradient_of(name: str, nodes: list[Node], results: list, sources: list) -> FunctionGraph:
    """The graph that takes cotangents of the float results to those of the sources, None where none comes."""
    graph = _Gradient(f"{name}_gradient")
    with graph.as_default():
        seeds = [(y, graph.add_input(y._spec, "g")) for y in results if is_float(y)]
        found = backward(nodes, seeds, {id(x) for x in sources if is_float(x)})
        structure = returned(graph, tuple([found.get(id(x)) for x in sources]))
    graph.finish(structure)
    return graph


def _captured_as_inputs(graph: FunctionGraph) -> list[Any]:
    """Make inputs of what a graph captured from the one around it, and return what these stand for."""
    captured = {k: pair for k, pair in graph.captures.items() if isinstance(pair[0], SymbolicTensor)}
    graph.captures = {k: pair for k, pair in graph.captures.items() if k not in captured}
    graph.inputs += [inside for _, inside in captured.values()]
    return [outside for outside, _ in captured.values()]


def _reads(graph: FunctionGraph) -> tuple[list, list]:
    """What a graph reads from variables: as they are before it runs, and after it has assigned them."""
    before, after, assigned = [], [], set()
    for node in graph.nodes:
        if node.op is o.read_variable:
            late = node.attrs["variable"] in assigned
            (after if late else before).append(node.outputs[0])
        elif node.op is o.assign_variable:
            assigned.add(node.attrs["variable"])
    return before, after


def _origin(read: SymbolicTensor) -> tuple[Any, source.Place | None]:
    """The variable that was read, and the line that did it."""
    return read.op.node.attrs["variable"].deref(), read.op.node.place


def _read(variable: Any, place: source.Place | None) -> Any:
    """The value of a variable, which the tapes are told was read on the line in the function."""
    outer, source.told.place = source.told.place, place
    try:
        return variable.__tensor__()
    finally:
        source.told.place = outer


def _computed(y: Any) -> Any:
    """`y`, or another tensor of its value where it is a source itself."""
    return o.identity(y) if y.op.node.op in (PLACEHOLDER, o.read_variable) else y


def _distinct(ys: Sequence[Any], others: Sequence[Any]) -> list:
    """`ys` as objects of their own, since tapes tell tensors by identity."""
    seen = {*map(id, others)}
    if len({*map(id, ys)}) == len(ys) and seen.isdisjoint(map(id, ys)):
        return list(ys)
    fresh = []
    for y in ys:
        fresh.append(EagerTensor(y._value) if id(y) in seen else y)
        seen.add(id(y))
    return fresh


def _calls_python(graph: FunctionGraph) -> bool:
    """Whether a graph calls Python functions, whose gradient is that of what they do when they run."""
    for node in graph.nodes:
        inner = [value for value in node.attrs.values() if isinstance(value, FunctionGraph)]
        if node.op is o.py_function or any(_calls_python(value) for value in inner):
            return True
    return False
