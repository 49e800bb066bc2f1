"""The drawing of a graph: its name scopes as groups, loops and branches as groups of what is in them."""

from typing import Any

from nbtape.core import nest
from nbtape.core.engine import o
from nbtape.graph.graph import Graph
from nbtape.graph.rows import PLACEHOLDER
from nbtape.graph.symbolic import Operation
from nbtape.graph.trace import FunctionGraph, Region
from nbtape.notebook.cards import plain_name
from nbtape.notebook.graphs.builder import Builder
from nbtape.notebook.graphs.parts import Drawing, Part

_STEP = {"while_": "loop", "cond": "branch"}


def drawing_of_graph(graph: Graph) -> Drawing:
    """The drawing of a graph.

    >>> from nbtape.notebook.graphs.of_graph import drawing_of_graph
    >>> g = tf.function(lambda x: tf.tanh(x) + 1.0).get_concrete_function(tf.TensorSpec([3])).graph
    >>> [(part.kind, part.label, part.note) for part in drawing_of_graph(g).root.parts]
    [('input', 'x', ''), ('op', 'Tanh', ''), ('op', 'AddV2', '1'), ('output', 'result', '')]
    """
    build = Builder(graph.name or "graph")
    _Level(build, build.root, graph).read()
    if isinstance(graph, FunctionGraph):
        _results(build, graph)
    return build.drawing()


def _results(build: Builder, graph: FunctionGraph) -> None:
    for name, y in _paths(graph.structure):
        part = build.add(build.root, f"result {name}", f"result{name}", "output")
        build.takes(part, [y])


def _paths(structure: Any) -> list[tuple[str, Any]]:
    """The tensors that a function returns, with what names them in its result."""
    if isinstance(structure, dict):
        found = [(f"[{key!r}]{path}", y) for key, x in structure.items() for path, y in _paths(x)]
    elif isinstance(structure, list | tuple):
        found = [(f"[{i}]{path}", y) for i, x in enumerate(structure) for path, y in _paths(x)]
    else:
        found = [("", y) for y in nest.flatten(structure, expand_composites=True)]
    return [(path, y) for path, y in found if y is not None]


class _Level:
    """One graph within the drawing: the whole, or the inside of a loop or a branch."""

    def __init__(self, build: Builder, top: Part, graph: Graph):
        self.build, self.operations = build, graph.get_operations()
        self.names = {op.name for op in self.operations}
        self.scopes: dict[str, Part] = {"": top}
        self.reads: dict[tuple, Part] = {}
        self.assigned: dict[int, int] = {}  # how often each variable was, by serial number

    def read(self) -> None:
        for operation in self.operations:
            known = [id(y) in self.build.givers for y in operation.outputs]  # as what flows into a region
            if not known or not all(known):
                self._operation(operation)

    def scope(self, path: str) -> Part:
        """The group of a name scope; what stands under the name of an operation stands beside it."""
        while path in self.names and "/" in path:
            path = path.rpartition("/")[0]
        path = "" if path in self.names else path
        if path not in self.scopes:
            above, _, name = path.rpartition("/")
            self.scopes[path] = self.build.add(self.scope(above), name, name, "group")
        return self.scopes[path]

    def _operation(self, operation: Operation) -> None:
        build, node = self.build, operation.node
        above, _, name = operation.name.rpartition("/")
        if node.op is o.const and build.literal(operation.outputs[0], node.attrs["value"].value):
            return
        group = self.scope(above)
        if node.op is o.read_variable:
            build.gives(operation.outputs[0], self._variable(group, operation))
            return
        if node.op.name in _STEP:
            self._region(group, operation)
            return
        part = build.add(group, name, *_told(operation), node=node, place=node.place)
        part.outputs = operation.values()
        if (reference := node.attrs.get("variable")) is not None:
            part.variable = variable = reference.deref()
            self.assigned[variable._serial] = self.assigned.get(variable._serial, 0) + 1
        for y in operation.outputs:
            build.gives(y, part)
        build.takes(part, operation.inputs)

    def _variable(self, group: Part, operation: Operation) -> Part:
        """The box of a variable, one in each group for as long as it holds the same value."""
        variable = operation.node.attrs["variable"].deref()
        key = group, variable._serial, self.assigned.get(variable._serial, 0)
        if key not in self.reads:
            name = plain_name(variable)
            part = self.build.add(group, f"variable {name}", self._within(group, name), "variable")
            part.place, part.variable, part.outputs = operation.node.place, variable, operation.values()
            self.reads[key] = part
        return self.reads[key]

    def _within(self, group: Part, name: str) -> str:
        """The name of a variable, without the scope that it is in if the group bears its name."""
        scope = name.rpartition("/")[0]
        return name.rpartition("/")[2] if scope and self.scopes.get(scope) is group else name

    def _region(self, group: Part, operation: Operation) -> None:
        """A loop or a branch: its regions are groups, into which its inputs flow."""
        build, node = self.build, operation.node
        kind = _STEP[node.op.name]
        label = "while" if node.attrs.get("cond") is not None else "for each row" if kind == "loop" else "if"
        part = build.add(group, operation.name.rpartition("/")[2], label, kind, node=node, place=node.place)
        part.outputs = operation.values()
        (_loop if kind == "loop" else _branches)(build, part, node)


def _loop(build: Builder, part: Part, node: Any) -> None:
    cond, body = node.attrs["cond"], node.attrs["body"]
    carries, scanned = node.attrs["carries"], node.attrs["scanned"]
    steps = carries + scanned
    carried = []
    for k, (inside, outside) in enumerate(zip(body.inputs, node.inputs)):
        if k < steps:
            word = "carried" if k < carries else "row by row"
            name = inside.op.node.attrs["name"]
            carried.append(build.add(part, f"{word} {k}", name, "carry", word, outputs=(inside,)))
            build.takes(carried[-1], [outside])
            build.gives(inside, carried[-1])
        else:
            build.same(inside, outside)
    if cond is not None:
        for inside, k in zip(cond.inputs, [*range(carries), *range(steps, len(node.inputs))]):
            build.same(inside, body.inputs[k])
        _inside(build, part, "test", cond)
    _inside(build, part, "body", body)
    for y, result in zip(node.outputs, body.results):
        build.same(y, result)
    for y in node.outputs[len(body.results) :]:  # what a gradient needs of each step
        build.gives(y, *carried[:1])


def _branches(build: Builder, part: Part, node: Any) -> None:
    pred, *xs = node.inputs
    build.takes(test := build.add(part, "test", "test", "op", node=node, place=node.place), [pred])
    given: list[tuple] = []
    for name, region in (("then", node.attrs["true"]), ("else", node.attrs["false"])):
        for inside, outside in zip(region.inputs, xs):
            build.same(inside, outside)
        _inside(build, part, name, region)
        given.append(tuple([build.givers.get(id(y), ()) for y in region.results]))
    for k, y in enumerate(node.outputs):
        found = [giver for results in given if k < len(results) for giver in results[k]]
        build.gives(y, *(dict.fromkeys(found) or (test,)))


def _inside(build: Builder, part: Part, name: str, region: Region) -> None:
    """The group of a region, without it where nothing is in it."""
    group = build.add(part, name, name, "group")
    _Level(build, group, region).read()
    if not group.parts:
        part.parts.remove(group)


def _told(operation: Operation) -> tuple[str, str]:
    """What stands in the box of an operation, and its kind."""
    node = operation.node
    if node.op is PLACEHOLDER:
        return operation.name.rpartition("/")[2], "input"
    if node.op is o.const:
        return "constant", "constant"
    reference = node.attrs.get("variable")
    if reference is not None and node.op.name in ("assign_variable", "scatter_variable"):
        return plain_name(reference.deref()), "assign"
    return operation.type, "op"
