"""The row `while_`: a region that runs over and over, with values carried from step to step.

It carries the first inputs, streams the rows of the next ones through (one a step), and gives the last of
what it carried and the rows that each step made, stacked. It runs while `cond` holds, or once for each row.
Where `saved`, what was carried into each step comes out too: the gradient is such a loop over it, backwards.
"""

from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.engine import EagerTensor, Node, apply, o
from nbtape.core.errors import invalid
from nbtape.core.kernel import Region as Carries
from nbtape.core.memory import CardArray, on_host
from nbtape.core.shape import Spec, bracket
from nbtape.graph.regions import Once, floats, gradient_of, is_float, linked
from nbtape.graph.run import NARROWINGS, REPLAYS
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.graph.trace import Region, fill
from nbtape.ops.row import op


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
    shown = 0 if body.ragged else results - carries
    return [*carry, *[_stacked([row[i] for row in rows], s, i >= shown) for i, s in enumerate(specs)]]


def _unstacked(x: Any, dtype: np.dtype) -> list:
    value = x._value
    if value.dtype != dtype:  # see _stacked
        return [EagerTensor(np.asarray(row, dtype)[()]) for row in value]
    if context.local.watch is None and type(value) is not CardArray:
        return [EagerTensor(row) for row in value]
    return list(apply(o.unstack, x, num=value.shape[0], axis=0))


def _stacked(rows: list, spec: Spec, kept: bool) -> Any:
    """The rows as one tensor; those that are only kept for a gradient may be of several shapes."""
    values = [row._value for row in rows]
    by_op = context.local.watch is not None or CardArray in map(type, values)
    if by_op and len({value.shape for value in values}) == 1:
        return apply(o.stack, *rows, axis=0)
    return EagerTensor(stacked_arrays(list(map(on_host, values)), spec, kept))


def stacked_arrays(rows: list, spec: Spec, kept: bool) -> np.ndarray:
    """The same of arrays, each of which `spec` describes."""
    if not rows:
        return np.zeros((0, *[n or 0 for n in spec.shape or ()]), spec.dtype)
    shapes = {np.shape(row): None for row in rows}
    if len(shapes) == 1:
        return np.stack(rows)
    if not kept:
        first, second = [bracket(shape) for shape in shapes][:2]
        raise invalid(f"PartialTensorShape: Incompatible shapes during merge: {first} vs. {second}")
    ragged = np.empty(len(rows), object)
    ragged[:] = rows
    return ragged


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


def _while_gradients(g: tuple, y: tuple, xs: tuple, **attrs: Any) -> list:
    body, carries, scanned = attrs["body"], attrs["carries"], attrs["scanned"]
    n, end = len(body.results), len(body.results) + carries
    if not attrs["saved"]:
        y = o.while_(*xs, **{**attrs, "saved": True})
        g = (*g, *[o.zeros_like(h) for h in y[n:]])
    carried = floats(body.inputs[:carries])
    rows = [carries + i for i in floats(body.results[carries:])]
    histories = [n + i for i in carried if not _is_zero(g[n + i])]
    captured = [carries + scanned + i for i in floats(body.inputs[carries + scanned :])]
    step = _backward_step(body, carries, scanned, tuple([i - n for i in histories]))
    sums = [o.zeros_like(xs[i]) for i in captured]
    streams = [*y[n:end], *xs[carries : carries + scanned], *y[end:], *[g[i] for i in (*rows, *histories)]]
    inputs = [*[g[i] for i in carried], *sums, *streams, *xs[carries + scanned :]]
    symbolic = any(isinstance(x, SymbolicTensor) for x in xs)
    count = len(carried) + len(captured)
    reverse = not attrs["reverse"]
    found = o.while_(
        *inputs, cond=None, body=step, carries=count, scanned=len(streams), reverse=reverse, saved=symbolic
    )
    totals = found[:count]
    streamed = found[count : len(step.results)]
    return [*totals[: len(carried)], *streamed, *totals[len(carried) :]]


def _is_zero(g: Any) -> bool:
    return isinstance(g, SymbolicTensor) and g.op.node.op is o.zeros_like


def _backward_step(body: Region, carries: int, scanned: int, histories: tuple) -> Region:
    """The body of the loop that goes back, with the cotangents of carries and captured tensors."""
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
        end = len(found) - len(sums)
        g_carry, g_xs, g_captured = found[: len(g)], found[len(g) : end], found[end:]
        for i, more in zip(histories, g_before):
            g_carry[positions.index(i)] = g_carry[positions.index(i)] + more
        return [*g_carry, *[a + b for a, b in zip(sums, g_captured)], *g_xs]

    region = fill(Region(f"{body.name}_gradient"), step, [x._spec for group in groups for x in group])
    region.ragged = True
    return region


_loops = Once()
row = op("while_", _while_eager, _while_spec, variadic=_while_grad, many=True, kernel=Carries("while_"))
REPLAYS["while_"] = _while_replay
NARROWINGS["while_"] = _narrowed
