"""What `cond` and `while_`, the rows that carry graphs, have in common: the gradients of regions.

Both take tensors and give tensors: what a branch or a body captured are inputs like the others. The gradient
of a `cond` is a `cond` over the gradients of its branches, the gradient of a loop is a loop that runs
backwards over the values that the carries had at each step. Both compute again what the forward pass computed
in between, except what may come out otherwise a second time (random numbers, Python functions): that is kept
as a further output.
"""

from collections.abc import Callable
from typing import Any

from nbtape.autodiff.backward import backward, differentiable
from nbtape.core import context, source
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import Node, apply, o
from nbtape.core.kernel import View
from nbtape.core.slices import IndexedSlices
from nbtape.graph.rows import PLACEHOLDER
from nbtape.graph.run import acts, once
from nbtape.graph.trace import FunctionGraph, Region
from nbtape.ops.row import op


def is_float(x: Any) -> bool:
    return x._spec.dtype.kind in FLOATS


def floats(xs: Any) -> list[int]:
    """The positions of the tensors that gradients flow through."""
    return [i for i, x in enumerate(xs) if is_float(x)]


def gradient_of(region: Region) -> Region:
    """The region that takes the inputs of `region`, what it kept, and cotangents of its float results to the
    cotangents of its float inputs."""
    if region.back is None:
        region.back = _gradient_of(region)
    return region.back


def _gradient_of(region: Region) -> Region:
    graph = Region(f"{region.name}_gradient")
    with graph.as_default():
        inputs = [graph.add_input(x._spec, "x") for x in region.inputs]
        env = {id(x): new for x, new in zip(region.inputs, inputs)}
        env |= {id(x): graph.add_input(x._spec, "kept") for x in region.kept}
        gs = {i: graph.add_input(region.results[i]._spec, "g") for i in floats(region.results)}
        nodes = again(region, graph, env)
        seeds: list = [(env[id(region.results[i])], g) for i, g in gs.items()]
        wanted = [x for x in inputs if is_float(x)]
        found = backward(nodes, seeds, {id(x) for x in wanted})
        outputs = [_dense(found.get(id(x)), x) for x in wanted]
    graph.close([graph.own(y) for y in outputs])
    return graph


def _dense(g: Any, x: Any) -> Any:
    if g is None:
        return o.zeros_like(x)
    return g.dense() if isinstance(g, IndexedSlices) else g


def again(region: FunctionGraph, graph: FunctionGraph, env: dict) -> list[Node]:
    """Record the nodes of `region` once more; those that were kept only stand for their values."""
    nodes: list[Node] = []
    outer = source.told.place
    try:
        for node in region.nodes:
            source.told.place = node.place
            nodes += _node_again(node, graph, env)
    finally:
        source.told.place = outer
    return nodes


def _node_again(node: Node, graph: FunctionGraph, env: dict) -> list[Node]:
    kept = [env.get(id(y)) for y in node.outputs]
    if node.op is PLACEHOLDER or not node.outputs or kept[0] is None and acts(node):
        return []
    xs = [env[id(x)] for x in node.inputs]
    if kept[0] is not None:
        return [node._replace(inputs=tuple(xs), outputs=tuple(kept))]
    start = len(graph.nodes)
    ys = once(node, xs)
    env.update({id(old): new for old, new in zip(node.outputs, ys if node.op.many else (ys,))})
    return graph.nodes[start:]


class Once:
    """The last gradients computed for a node: its rule is asked for one input after another."""

    def __init__(self) -> None:
        self._last: tuple[Any, list] = (None, [])

    def get(self, i: int, g: Any, compute: Callable[[], list]) -> Any:
        """Entry i of `compute()` for the cotangents `g`, the object."""
        known, found = self._last
        if known is not g:
            found = compute()
            self._last = g, found
        return found[i]


# The tapes see the ops of a branch or a body; that the outputs could have depended on an input is seen here:
# its
# gradient is zero then, and not None, as in TensorFlow.
op("linked", lambda y, *xs: y, lambda y, *xs: y, kernel=View(),
   variadic=lambda i, g, y, *xs: g if i == 0 else o.zeros_like(xs[i]))  # fmt: skip


def linked(ys: list, xs: list) -> tuple:
    """`ys`, tied to the inputs `xs` for the tapes that are open."""
    inputs = [x for x in xs if differentiable(x)]
    if not context.local.recorders or not inputs:
        return tuple(ys)
    return tuple([apply(o.linked, y, *inputs) if differentiable(y) else y for y in ys])
