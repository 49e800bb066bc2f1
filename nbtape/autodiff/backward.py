"""Reverse mode over any list of Nodes: a tape's or a graph's.

The Nodes are walked in reverse; each op's rule turns the cotangent of its output into one for each input that
lies on a path from the sources. Two things are done here, once, so that no rule mentions them: a cotangent is
summed down to the shape that broadcasting started from, and a zero cotangent absorbs inf and nan (see
`ops.elementwise.absorb`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import EagerTensor, Tensor, o
from nbtape.core.report import spec_of, with_report
from nbtape.core.slices import IndexedSlices
from nbtape.ops.elementwise import absorb


def backward(
    nodes: Sequence[tuple], seeds: list[tuple[Tensor, Any]], sources: set[int], needed: set[int] | None = None
) -> dict[int, Any]:
    """Cotangents by id, for the cotangents `seeds` of targets: of all `sources` (ids) that lead to one, and
    of others.

    `nodes` are tuples in the layout of Node; `needed` are the ids that lie on a path from a source, where
    known. Runs on bare arrays, unless a recorder or a trace is open: then on Tensors, through `apply`, so
    that what it does is recorded, differentiated again, or compiled.
    """
    needed = reached(nodes, sources) if needed is None else needed
    if context.local.watch is not None:
        outer, context.local.pulling = context.local.pulling, True
        try:
            return _walk(nodes, seeds, sources, needed, False)
        finally:
            context.local.pulling = outer
    try:
        return _walk(nodes, seeds, sources, needed, True)
    except (FloatingPointError, RuntimeWarning):
        # The user made NumPy's warnings into errors; ours are not his.
        with np.errstate(all="ignore"):
            return _walk(nodes, seeds, sources, needed, True)


def _walk(
    nodes: Sequence[tuple], seeds: list, sources: set[int], needed: set[int], bare: bool
) -> dict[int, Any]:
    cotangents: dict[int, Any] = {}
    for target, g in seeds:
        if id(target) in needed:
            accumulate(cotangents, id(target), g._value if bare and type(g) is EagerTensor else g)
    pull = _pull_bare if bare else _pull_recorded
    node: Any = None
    try:
        for node in reversed(nodes):
            if node[0].many:
                g = _taken(node[3], cotangents, sources, bare)
                if g is not None:
                    pull(node, g, cotangents, needed)
                continue
            key = id(node[3][0])
            if key in cotangents:
                g = cotangents[key] if key in sources else cotangents.pop(key)
                pull(node, g.dense() if type(g) is IndexedSlices else g, cotangents, needed)
    except (FloatingPointError, RuntimeWarning):
        raise
    except Exception as error:
        raise with_report(error, node[0], node[1], node[4], "in the gradient of ") from None
    return cotangents


def reached(nodes: Sequence[tuple], sources: set[int]) -> set[int]:
    """Ids of everything that is a source or was computed from one, through ops that have a gradient."""
    found = set(sources)
    for op, xs, _, ys, _ in nodes:
        if op.grad is None:
            continue
        for x in xs:
            if id(x) in found:
                for y in ys:
                    found.add(id(y))
                break
    return found


def _pull_bare(node: tuple, g: Any, cotangents: dict, needed: set[int]) -> None:
    """Take the cotangent `g` of a Node's output back to those of its inputs that are needed, on arrays.

    The inner loop of eager training: one and two inputs are spelled out, since unpacking costs as much
    as the arithmetic of scalars.
    """
    op, xs, attrs, ys, _ = node
    n = len(xs)
    y = tuple([t._value for t in ys]) if op.many else ys[0]._value
    rules = op.grad if type(op.grad) is tuple else op.rules(n)
    a: Any = None
    b: Any = None
    if n == 2:
        a, b = xs
        a = a._value if type(a) is EagerTensor else a
        b = b._value if type(b) is EagerTensor else b
        values: Any = (a, b)
    else:
        values = (xs[0]._value,) if n == 1 else [x._value if type(x) is EagerTensor else x for x in xs]
    i = -1
    for x in xs:
        i += 1
        key = id(x)
        if key not in needed:
            continue
        rule = rules[i]
        if rule is None:
            continue
        if attrs or n > 2:
            gx = rule(g, y, *values, **attrs)
        else:
            gx = rule(g, y, a, b) if n == 2 else rule(g, y, values[0])
        value = values[i]
        # A finite scalar for a scalar needs nothing done.
        if type(gx) is not type(value) or type(gx) not in op.scalars or gx is not g and gx - gx:
            gx = _settled(gx, g, value, op.absorbs)
            if gx is None:
                continue
        cotangents[key] = cotangents[key] + gx if key in cotangents else gx


def _settled(gx: Any, g: Any, value: Any, absorbs: bool) -> Any:
    """What a rule returned on arrays: inf and nan absorbed, of the dtype and shape of its input."""
    if gx is None or type(gx) is IndexedSlices:
        return gx
    if absorbs and gx is not g:
        gx = absorb(g, gx)
    if gx.dtype != value.dtype:  # beside bfloat16 a rule's Python numbers are float32
        gx = gx.astype(value.dtype)
    return gx if gx.shape == value.shape else o.sum_to.eager(gx, shape=value.shape)


def _pull_recorded(node: tuple, g: Any, cotangents: dict, needed: set[int]) -> None:
    """The same on Tensors, through `apply`."""
    op, xs, attrs, ys, place = node
    y = ys if op.many else ys[0]
    for rule, x in zip(op.rules(len(xs)), xs):
        if rule is None or id(x) not in needed:
            continue
        gx = rule(g, y, *xs, **attrs)
        if gx is None:
            continue
        if type(gx) is not IndexedSlices:
            gx = _fitted(o.absorb(g, gx) if op.absorbs and gx is not g else gx, x)
        for recorder in context.local.recorders:
            recorder.pulled(op, gx, g, xs, place)
        accumulate(cotangents, id(x), gx)


def _fitted(gx: Tensor, x: Tensor) -> Tensor:
    """`gx` summed down to the shape of `x`."""
    shape = spec_of(x).shape
    if shape is None or None in shape:
        return o.sum_to_like(gx, x)
    return gx if spec_of(gx).shape == shape else o.sum_to(gx, shape=shape)


def _taken(ys: tuple, cotangents: dict, sources: set[int], bare: bool) -> tuple | None:
    """The cotangents of an op's several outputs: zeros for those that nothing came back to, None
    if for none.
    """
    gs = [cotangents.get(id(y)) if id(y) in sources else cotangents.pop(id(y), None) for y in ys]
    if all(g is None for g in gs):
        return None
    gs = [g.dense() if type(g) is IndexedSlices else g for g in gs]
    return tuple([_zeros(y, bare) if g is None else g for g, y in zip(gs, ys)])


def accumulate(cotangents: dict, key: int, g: Any) -> None:
    old = cotangents.get(key)
    cotangents[key] = g if old is None else old + g


def _zeros(y: Any, bare: bool) -> Any:
    return np.zeros(y._value.shape, y._value.dtype) if bare else o.zeros_like(y)


def differentiable(x: Any) -> bool:
    """Whether gradients flow through values of this tensor's dtype."""
    return (x._value if type(x) is EagerTensor else spec_of(x)).dtype.kind in FLOATS
