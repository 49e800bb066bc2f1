"""gradients and hessians of tensors of a graph, as TensorFlow 1 takes them: `backward` over the graph's
own nodes.
"""

from typing import Any

from nbtape.autodiff.backward import backward, differentiable
from nbtape.autodiff.tape import UnconnectedGradients
from nbtape.core import context, nest
from nbtape.core.engine import Tensor, apply, o, tensor
from nbtape.graph.graph import Graph
from nbtape.graph.v1.overrides import overridden

_EAGER = "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape instead."


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = UnconnectedGradients.NONE,
) -> list:
    """The gradient of the sum of `ys` for each of `xs`, inside a function or a graph; None where there is no
    path.

    `grad_ys` weighs the ys; nothing flows through the tensors in `stop_gradients`. Raises RuntimeError
    eagerly.

    >>> f = tf.function(lambda x: tf.gradients(x ** 3, x)[0])
    >>> float(f(tf.constant(2.0)))
    12.0
    """
    graph: Any = context.local.graph
    if graph is None:
        raise RuntimeError(_EAGER)
    try:
        unconnected = UnconnectedGradients(unconnected_gradients)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}") from None
    targets, sources = [tensor(y) for y in nest.flatten(ys)], nest.flatten(xs)
    scope = context.local.scope
    if not graph.building_function:
        context.local.scope = graph.enter_scope(scope, name or "gradients")
    try:
        return _gradients(graph, targets, sources, grad_ys, stop_gradients, unconnected)
    finally:
        context.local.scope = scope


def _gradients(
    graph: Graph, targets: list, sources: list, grad_ys: Any, stop_gradients: Any, unconnected: Any
) -> list:
    seeds = _seeds(targets, grad_ys)
    wanted = [_identities(graph, x) for x in sources]
    blocked = {key for x in nest.flatten(stop_gradients or []) for key in _identities(graph, x)}
    nodes = [n for n in graph.nodes if not any(id(y) in blocked for y in n.outputs)]
    if graph.overrides:
        nodes = [overridden(n, graph.overrides[id(n)]) if id(n) in graph.overrides else n for n in nodes]
    found = backward(nodes, seeds, {key for keys in wanted for key in keys})
    results = [_total([found[key] for key in keys if key in found]) for keys in wanted]
    if unconnected is UnconnectedGradients.ZERO:
        results = [o.zeros_like(tensor(x)) if g is None else g for g, x in zip(results, sources)]
    return results


def _seeds(targets: list, grad_ys: Any) -> list:
    given = [None] * len(targets) if grad_ys is None else nest.flatten(grad_ys)
    if len(given) != len(targets):
        raise ValueError(f"Length mismatch. Passed {len(given)} grad_ys for {len(targets)} ys")
    graph = context.local.graph
    return [
        (graph.own(y), apply(o.ones_like, y) if g is None else tensor(g, y.dtype))  # type: ignore[union-attr]
        for y, g in zip(targets, given)
        if differentiable(y)
    ]


def _identities(graph: Graph, x: Any) -> list[int]:
    """The ids of the tensors of the graph that stand for a source: for a variable, all its reads."""
    if isinstance(x, Tensor):
        return [id(graph.own(x))]
    if hasattr(x, "_serial"):
        return graph.reads_of(x)
    return [id(graph.own(tensor(x)))]


def _total(gs: list) -> Any:
    total = gs[0] if gs else None
    for g in gs[1:]:
        total = total + g
    return total


def hessians(
    ys: Any, xs: Any, gate_gradients: bool = False, aggregation_method: Any = None, name: str = "hessians"
) -> list:
    """The second derivatives of the sum of `ys` for each of `xs`: shape `x.shape + x.shape`; inside a
    function.
    """
    return [_hessian(tensor(x), g) for x, g in zip(nest.flatten(xs), gradients(ys, xs))]


def _hessian(x: Tensor, g: Any) -> Tensor:
    if g is None:
        raise ValueError(f"The targets of tf.hessians do not depend on {x!r}.")
    n = x.shape.num_elements()
    if n is None:
        raise ValueError(f"tf.hessians needs sources of known shape, got {x!r}.")
    flat = apply(o.reshape, tensor(g), shape=(n,))
    rows = [gradients(flat[i], x, unconnected_gradients="zero")[0] for i in range(n)]
    return apply(
        o.reshape, apply(o.stack, *[tensor(row) for row in rows], axis=0), shape=(*x.shape, *x.shape)
    )
