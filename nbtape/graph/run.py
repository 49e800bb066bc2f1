"""The interpreter: runs the Nodes of a graph one after another through `core.engine.apply`.

So the open tapes and accumulators see each op, gradients flow through a function call by themselves, and
while another trace is open the Nodes are taken into its graph. Compiled code is held against what this gives.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nbtape.core import context, source
from nbtape.core.engine import EagerTensor, Node, Tensor, apply
from nbtape.ops.draw import STATEFUL

# Rows that do something beside giving a value: they run once for each run of the graph, used or not, in
# order.
EFFECTS = {"assign_variable", "scatter_variable", "spoil_variable"}
EFFECTS |= {"print_", "assert_true", "assert_relation", "py_function"}
# Rows that may give another value when they run again, as the random ones, so that a gradient keeps their
# value.
UNREPEATABLE = {"py_function"}
# How rows run that are no functions of arrays: `replay(node, xs)` gives the output, a tuple where the row has
# many.
REPLAYS: dict[str, Callable[[Node, list], Any]] = {}
# Rows that can do without some of their outputs: `narrow(node, used)`, for the ids in use, gives the Node to
# put instead.
NARROWINGS: dict[str, Callable[[Node, set[int]], Node]] = {}


def acts(node: Node) -> bool:
    """Whether a node does something beside giving a value, itself or in a region that it carries."""
    return node.op.name in EFFECTS or any(getattr(value, "acts", False) for value in node.attrs.values())


def unrepeatable(node: Node) -> bool:
    """Whether computing a node again may give something else, or do something twice."""
    if node.op.name in UNREPEATABLE or node.op.name in STATEFUL:
        return True
    return any(not getattr(value, "repeatable", True) for value in node.attrs.values())


def evaluate(
    nodes: Sequence[Node],
    env: dict[int, Any],
    drops: Sequence[Iterable[int]] | None = None,
    do: Callable[[Node, list], Any] | None = None,
) -> dict[int, Any]:
    """Run `nodes` in order; `env` maps the ids of symbolic tensors to their values, and is filled.

    A tensor that has a value already is not computed. `drops` names, for each node, the ids that nobody needs
    after it; `do` runs one, as `once` does.
    """
    do = do or once
    outer = source.told.place
    try:
        for i, node in enumerate(nodes):
            op, inputs, _, outputs, source.told.place = node
            if outputs and id(outputs[0]) in env:
                continue
            found = do(node, [env[id(x)] for x in inputs])
            if op.many:
                for y, value in zip(outputs, found):
                    env[id(y)] = value
            else:
                env[id(outputs[0])] = found
            if drops is not None:
                for key in drops[i]:
                    env.pop(key, None)
    finally:
        source.told.place = outer
    return env


def once(node: Node, xs: list) -> Any:
    """The op of one node, applied to `xs`: its output, or the tuple of them."""
    replay = REPLAYS.get(node.op.name)
    return replay(node, xs) if replay is not None else apply(node.op, *xs, **node.attrs)


def ancestors(
    nodes: Sequence[Node], outputs: Iterable[Any], given: Iterable[int], effects: bool = False
) -> list[Node]:
    """The nodes that `outputs` depend on, in order; nothing beyond the ids `given`; with `effects`, those
    too.
    """
    wanted = {id(y) for y in outputs}
    found = []
    for node in reversed(nodes):
        if effects and acts(node) or any(id(y) in wanted and id(y) not in given for y in node.outputs):
            found.append(node)
            wanted.update([id(x) for x in node.inputs])
    return found[::-1]


def pruned(nodes: Sequence[Node], outputs: Iterable[Any]) -> dict[int, Node]:
    """What is left, by the id of the node it stands for, when all goes that neither counts for `outputs`
    nor acts.
    """
    kept = ancestors(nodes, outputs, (), effects=True)
    used = {id(x) for node in kept for x in node.inputs} | {id(y) for y in outputs}
    return {id(n): NARROWINGS[n.op.name](n, used) if n.op.name in NARROWINGS else n for n in kept}


def last_uses(nodes: Sequence[Node], outputs: Iterable[Any]) -> list[list[int]]:
    """For each node the ids that are not needed after it: neither by later nodes nor as outputs."""
    later = {id(y) for y in outputs}
    drops = []
    for node in reversed(nodes):
        here = {id(x) for x in (*node.inputs, *node.outputs)} - later
        drops.append(list(here))
        later |= here
    return drops[::-1]


def constant(value: Any) -> Tensor:
    """A fresh tensor of this array: symbolic where a trace is open."""
    taker = context.local.taker
    return EagerTensor(value) if taker is None else taker.constant(value)


def _assign(node: Node, xs: list) -> Any:
    node.attrs["variable"].deref().assign(xs[0], read_value=False)
    return xs[0]


REPLAYS["const"] = lambda node, xs: constant(node.attrs["value"].value)
REPLAYS["read_variable"] = lambda node, xs: node.attrs["variable"].deref().__tensor__()
REPLAYS["assign_variable"] = _assign
