"""The rows that carry graphs: `cond` and `while_`, interpreted here, with their gradients.

Both take tensors and give tensors: what a branch or a body captured are inputs like the others. The gradient
of a `cond` is a `cond` over the gradients of its branches, the gradient of a loop is a loop that runs
backwards over the values that the carries had at each step. Both compute again what the forward pass computed
in between, except what may come out otherwise a second time (random numbers, Python functions): that is kept
as a further output.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.autodiff.backward import backward, differentiable
from nbtape.core import context
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import EagerTensor, Node, apply, o
from nbtape.core.errors import invalid
from nbtape.core.kernel import Region as Carries, View
from nbtape.core.shape import Spec, TensorShape, bracket
from nbtape.core.slices import IndexedSlices
from nbtape.graph.graph import PLACEHOLDER
from nbtape.graph.run import NARROWINGS, REPLAYS, acts, constant
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.graph.trace import Region, fill
from nbtape.ops.row import op


def is_float(x: Any) -> bool:
    return x._spec.dtype.kind in FLOATS


def floats(xs: Any) -> list[int]:
    """The positions of the tensors that gradients flow through."""
    return [i for i, x in enumerate(xs) if is_float(x)]


def merged(a: Spec, b: Spec) -> Spec:
    """What is true of two tensors, one of which is taken."""
    shape = TensorShape(a.shape).most_specific_compatible_shape(b.shape)
    return Spec(None if shape.rank is None else tuple(shape), a.dtype)


# Gradients of regions


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
        nodes = _again(region, graph, env)
        seeds = [(env[id(region.results[i])], g) for i, g in gs.items()]
        wanted = [x for x in inputs if is_float(x)]
        found = backward(nodes, seeds, {id(x) for x in wanted})
        outputs = [_dense(found.get(id(x)), x) for x in wanted]
    graph.close([graph.own(y) for y in outputs])
    return graph


def _dense(g: Any, x: Any) -> Any:
    if g is None:
        return o.zeros_like(x)
    return g.dense() if isinstance(g, IndexedSlices) else g


def _again(region: Region, graph: Region, env: dict) -> list[Node]:
    """Record the nodes of `region` once more, in `graph`; those that were kept only stand for their
    values.
    """
    nodes = []
    for node in region.nodes:
        kept = [env.get(id(y)) for y in node.outputs]
        if node.op is PLACEHOLDER or not node.outputs or kept[0] is None and acts(node):
            continue
        xs = [env[id(x)] for x in node.inputs]
        if kept[0] is not None:
            nodes.append(node._replace(inputs=tuple(xs), outputs=tuple(kept)))
            continue
        start = len(graph.nodes)
        replay = REPLAYS.get(node.op.name)
        ys = replay(node, xs) if replay else apply(node.op, *xs, **node.attrs)
        env.update({id(old): new for old, new in zip(node.outputs, ys if node.op.many else (ys,))})
        nodes += graph.nodes[start:]
    return nodes


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


# cond


def _cond_spec(pred: Spec, *xs: Spec, true: Region, false: Region) -> tuple:
    if pred.dtype.kind != "b":
        raise invalid(
            f"Input 'pred' passed {pred.dtype.name} expected bool. Compare it: x > 0, or tf.cast(x, tf.bool)."
        )
    outs = [merged(a._spec, b._spec) for a, b in zip(true.results, false.results)]
    return (*outs, *[Spec(None, x._spec.dtype) for x in (*true.kept, *false.kept)])


def _cond_run(pred: Any, xs: list, true: Region, false: Region) -> list:
    taken = true if pred else false
    ys = taken.run(xs)
    n = len(taken.results)
    kept = [[constant(np.zeros((), x._spec.dtype)[()]) for x in region.kept] for region in (true, false)]
    kept[0 if taken is true else 1] = ys[n:]
    return [*ys[:n], *kept[0], *kept[1]]


def _cond_eager(pred, *xs, true, false):
    with context.recording(()):
        return tuple([y._value for y in _cond_run(pred, [EagerTensor(x) for x in xs], true, false)])


def _cond_replay(node: Node, xs: list) -> tuple:
    if context.local.graph is not None:
        return apply(o.cond, *xs, **node.attrs)
    return linked(_cond_run(bool(xs[0]), xs[1:], **node.attrs), xs)


def _cond_grad(i: int, g: tuple, y: tuple, pred: Any, *xs: Any, true: Region, false: Region) -> Any:
    if i == 0 or not is_float(true.inputs[i - 1]):
        return None
    place = floats(true.inputs).index(i - 1)
    return _conds.get(place, g, lambda: _cond_gradients(g, y, pred, xs, true, false))


def _cond_gradients(g: tuple, y: tuple, pred: Any, xs: tuple, true: Region, false: Region) -> list:
    n = len(true.results)
    kept = y[n:]
    gs = [g[i] for i in floats(true.results)]
    if true.step is None or true.step[0] is not false:
        true.step = false, _branch_gradient(true, false, True), _branch_gradient(true, false, False)
    _, back, back_false = true.step
    return list(o.cond(pred, *xs, *kept, *gs, true=back, false=back_false))


def _branch_gradient(true: Region, false: Region, taken: bool) -> Region:
    """The gradient of one branch, with the inputs that both need."""
    branch = true if taken else false
    n, kept_true, kept_false = len(true.inputs), len(true.kept), len(false.kept)

    def gradient(*args: Any) -> list:
        kept = args[n : n + kept_true] if taken else args[n + kept_true : n + kept_true + kept_false]
        return gradient_of(branch).run([*args[:n], *kept, *args[n + kept_true + kept_false :]])

    inputs = [*branch.inputs, *true.kept, *false.kept, *[y for y in branch.results if is_float(y)]]
    return fill(Region(f"{branch.name}_gradient"), gradient, [x._spec for x in inputs])


_conds = Once()
op("cond", _cond_eager, _cond_spec, variadic=_cond_grad, many=True, kernel=Carries("cond"))
REPLAYS["cond"] = _cond_replay


# while_


def _while_spec(
    *xs: Spec, cond: Region | None, body: Region, carries: int, scanned: int, reverse: bool, saved: bool
):
    first = xs[carries].shape if scanned else None
    n = first[0] if first and cond is None else None
    carry = [x._spec for x in body.inputs[:carries]]
    rows = body.results[carries:]
    if saved:
        rows = [*rows, *body.inputs[:carries], *body.kept]
    return (
        *carry,
        *[Spec(None if y._spec.shape is None else (n, *y._spec.shape), y._spec.dtype) for y in rows],
    )


def _while_run(
    xs: list, cond: Region | None, body: Region, carries: int, scanned: int, reverse: bool, saved: bool
) -> list:
    """The loop, through `apply`: the tapes that are open see each op of each step."""
    carry, captured = list(xs[:carries]), xs[carries + scanned :]
    columns = [
        _unstacked(x, p._spec.dtype) for x, p in zip(xs[carries:], body.inputs[carries : carries + scanned])
    ]
    results = len(body.results)
    rows: list[list] = []
    while len(rows) < len(columns[0]) if cond is None else bool(cond.run([*carry, *captured])[0]):
        k = len(rows)
        ys = body.run([*carry, *[column[~k if reverse else k] for column in columns], *captured])
        rows.append([*ys[carries:results], *carry, *ys[results:]] if saved else ys[carries:results])
        carry = ys[:carries]
    if reverse:
        rows.reverse()
    specs = [y._spec for y in body.results[carries:]]
    if saved:
        specs += [x._spec for x in (*body.inputs[:carries], *body.kept)]
    shown = results - carries
    return [*carry, *[_stacked([row[i] for row in rows], spec, i >= shown) for i, spec in enumerate(specs)]]


def _unstacked(x: Any, dtype: np.dtype) -> list:
    value = x._value
    if value.dtype != dtype:  # see _stacked
        return [EagerTensor(np.asarray(row, dtype)[()]) for row in value]
    if context.local.watch is None:
        return [EagerTensor(row) for row in value]
    return list(apply(o.unstack, x, num=value.shape[0], axis=0))


def _stacked(rows: list, spec: Spec, kept: bool) -> Any:
    """The rows as one tensor. Those that are only kept for the gradient of the loop may be of several
    shapes.
    """
    if not rows:
        return EagerTensor(np.zeros((0, *[n or 0 for n in spec.shape or ()]), spec.dtype))
    if context.local.watch is not None and len({row._value.shape for row in rows}) == 1:
        return apply(o.stack, *rows, axis=0)
    values = [row._value for row in rows]
    if len({value.shape for value in values}) == 1:
        return EagerTensor(np.stack(values))
    if not kept:
        first, other = (
            bracket(values[0].shape),
            bracket(next(v.shape for v in values if v.shape != values[0].shape)),
        )
        raise invalid(f"PartialTensorShape: Incompatible shapes during merge: {first} vs. {other}")
    ragged = np.empty(len(values), object)
    ragged[:] = values
    return EagerTensor(ragged)


def _while_eager(*xs, **attrs):
    with context.recording(()):
        return tuple([y._value for y in _while_run([EagerTensor(x) for x in xs], **attrs)])


def _while_replay(node: Node, xs: list) -> tuple:
    if context.local.graph is not None:  # what a tape of this trace may need is kept; see _narrowed
        return apply(o.while_, *xs, **{**node.attrs, "saved": True})
    return linked(_while_run(xs, **node.attrs), xs)


def _narrowed(node: Node, used: set[int]) -> Node:
    """The loop without its history, where no gradient asked for it."""
    n = len(node.attrs["body"].results)
    if not node.attrs["saved"] or any(id(y) in used for y in node.outputs[n:]):
        return node
    return node._replace(attrs={**node.attrs, "saved": False}, outputs=node.outputs[:n])


def _while_grad(i: int, g: tuple, y: tuple, *xs: Any, **attrs: Any) -> Any:
    body = attrs["body"]
    if not is_float(body.inputs[i]):
        return None
    return _loops.get(floats(body.inputs).index(i), g, lambda: _while_gradients(g, y, xs, **attrs))


def _while_gradients(
    g: tuple, y: tuple, xs: tuple, cond: Region | None, body: Region, carries: int, scanned: int, reverse: bool,
    saved: bool,
) -> list:  # fmt: skip
    n, end = len(body.results), len(body.results) + carries
    if not saved:
        y = o.while_(*xs, cond=cond, body=body, carries=carries, scanned=scanned, reverse=reverse, saved=True)
        g = (*g, *[o.zeros_like(h) for h in y[n:]])
    carried = floats(body.inputs[:carries])
    rows = [carries + i for i in floats(body.results[carries:])]
    histories = [n + i for i in carried if not _is_zero(g[n + i])]
    captured = [carries + scanned + i for i in floats(body.inputs[carries + scanned :])]
    step = _backward_step(body, carries, scanned, tuple([i - n for i in histories]))
    found = o.while_(
        *[g[i] for i in carried],
        *[o.zeros_like(xs[i]) for i in captured],
        *y[n:end], *xs[carries : carries + scanned], *y[end:], *[g[i] for i in rows], *[g[i] for i in histories],
        *xs[carries + scanned :],
        cond=None, body=step, carries=len(carried) + len(captured),
        scanned=carries + scanned + len(body.kept) + len(rows) + len(histories), reverse=not reverse,
        saved=any(isinstance(x, SymbolicTensor) for x in xs),
    )  # fmt: skip
    totals = found[: len(carried) + len(captured)]
    streamed = found[len(totals) : len(step.results)]
    return [*totals[: len(carried)], *streamed, *totals[len(carried) :]]


def _is_zero(g: Any) -> bool:
    return isinstance(g, SymbolicTensor) and g.op.node.op is o.zeros_like


def _backward_step(body: Region, carries: int, scanned: int, histories: tuple) -> Region:
    """The body of the loop that goes back: cotangents of the carries and of what was captured are carried
    along.
    """
    if body.step is None or body.step[0] != histories:
        body.step = histories, _make_step(body, carries, scanned, histories)
    return body.step[1]


def _make_step(body: Region, carries: int, scanned: int, histories: tuple) -> Region:
    carry, streams = body.inputs[:carries], body.inputs[carries : carries + scanned]
    captured = body.inputs[carries + scanned :]
    carried, totals = [x for x in carry if is_float(x)], [x for x in captured if is_float(x)]
    rows = [y for y in body.results[carries:] if is_float(y)]
    groups = [carried, totals, carry, streams, body.kept, rows, [carry[i] for i in histories], captured]
    positions = floats(carry)

    def step(*args: Any) -> list:
        parts, start = [], 0
        for group in groups:
            parts.append(list(args[start : start + len(group)]))
            start += len(group)
        g, sums, before, xs, kept, g_rows, g_before, others = parts
        found = gradient_of(body).run([*before, *xs, *others, *kept, *g, *g_rows])
        g_carry, g_xs, g_captured = (
            found[: len(g)],
            found[len(g) : len(found) - len(sums)],
            found[len(found) - len(sums) :],
        )
        for i, more in zip(histories, g_before):
            g_carry[positions.index(i)] = g_carry[positions.index(i)] + more
        return [*g_carry, *[a + b for a, b in zip(sums, g_captured)], *g_xs]

    return fill(Region(f"{body.name}_gradient"), step, [x._spec for group in groups for x in group])


_loops = Once()
op("while_", _while_eager, _while_spec, variadic=_while_grad, many=True, kernel=Carries("while_"))
REPLAYS["while_"] = _while_replay
NARROWINGS["while_"] = _narrowed
