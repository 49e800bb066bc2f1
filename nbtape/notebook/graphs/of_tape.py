"""The drawing of a tape: what it recorded, from the variables and tensors that it watches."""

from collections.abc import Sequence
from typing import Any

from nbtape.autodiff.tape import GradientTape
from nbtape.core.engine import Node
from nbtape.core.report import describe
from nbtape.notebook.cards import plain_name
from nbtape.notebook.graphs.builder import Builder
from nbtape.notebook.graphs.parts import Drawing, Part


def drawing_of_tape(tape: GradientTape, title: str = "tape") -> Drawing:
    """The drawing of a tape.

    >>> from nbtape.notebook.graphs.of_tape import drawing_of_tape
    >>> w = tf.Variable([1.0, 2.0], name="w")
    >>> with tf.GradientTape() as tape:
    ...     y = tf.reduce_sum(w * 3.0)
    >>> [(part.kind, part.label, part.note) for part in drawing_of_tape(tape).root.parts]
    [('variable', 'w', ''), ('op', 'Mul', '3'), ('op', 'Sum', '')]
    """
    build = Builder(title)
    for v in tape.watched_variables():
        reads = tape._reads.get(v._serial, [])
        name = plain_name(v)
        part = build.add(build.root, f"variable {name}", name, "variable")
        part.variable, part.outputs = v, tuple(reads[:1])
        for read in reads:
            build.gives(read, part)
    for x in tape.watched_tensors():
        build.gives(x, build.add(build.root, "watched", describe(x), "input", "watched", outputs=(x,)))
    calls: dict[int, Part] = {}
    for node in tape.nodes:
        if "call" in node.attrs:
            _call(build, node, calls)
        else:
            _node(build, build.root, node)
    return build.drawing(by_variables=True)


def _node(build: Builder, group: Part, node: Node) -> None:
    part = build.add(group, node.op.label, node.op.label, node=node, place=node.place, outputs=node.outputs)
    build.takes(part, node.inputs)
    for y in node.outputs:
        build.gives(y, part)


def _call(build: Builder, node: Node, calls: dict[int, Part]) -> None:
    """A call of a function: on the tape once for its results, and once for what its gradient takes."""
    call = node.attrs["call"]
    inside: Sequence[Node] = list(call.nodes(node.op))
    if not inside:
        return
    part = calls.get(id(call))
    if part is None:
        name = node.op.name.rpartition(":")[2]
        part = calls[id(call)] = build.add(build.root, name, name, "function", node=node, place=node.place)
    for inner in inside:
        if inner.op.name == "const" and build.literal(inner.outputs[0], inner.attrs["value"].value):
            continue
        if not all(id(y) in build.givers for y in inner.outputs) or not inner.outputs:
            _node(build, part, inner)
