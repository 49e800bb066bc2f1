"""Reverse mode over any list of Nodes: a tape's or a graph's.

The Nodes are walked in reverse; each op's rule turns the cotangent of its output into one for each input that lies on
a path from the sources. Two things are done here, once, so that no rule mentions them: a cotangent is summed down to
the shape that broadcasting started from, and a zero cotangent absorbs inf and nan (see `ops.elementwise.absorb`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import EagerTensor, Tensor, o, spec_of, with_report
from nbtape.core.slices import IndexedSlices
from nbtape.ops.elementwise import absorb


def backward(
    nodes: Sequence[tuple], seeds: list[tuple[Tensor, Any]], sources: set[int], needed: set[int] | None = None
) -> dict[int, Any]:
    """Cotangents of `sources` (ids) for the cotangents `seeds` of targets; a source with no path is absent.

    `nodes` are tuples in the layout of Node; `needed` are the ids that lie on a path from a source, where known.
    Runs on bare arrays, unless a recorder or a trace is open: then on Tensors, through `apply`, so that what it does
    is recorded, differentiated again, or compiled.
    """
    bare = context.local.watch is None
    needed = reached(nodes, sources) if needed is None else needed
    context.local.pulling = not bare
    try:
        return _walk(nodes, seeds, sources, needed, bare)
    except (FloatingPointError, RuntimeWarning):  # the user made NumPy's warnings into errors; ours are not his
        with np.errstate(all="ignore"):
            return _walk(nodes, seeds, sources, needed, bare)
    finally:
        context.local.pulling = False


def _walk(nodes: Sequence[tuple], seeds: list, sources: set[int], needed: set[int], bare: bool) -> dict[int, Any]:
    cotangents: dict[int, Any] = {}
    for target, g in seeds:
        if id(target) in needed:
            accumulate(cotangents, id(target), g._value if bare and type(g) is EagerTensor else g)
    node: Any = None
    try:
        for node in reversed(nodes):
            ys = node[3]
            if len(ys) == 1:
                key = id(ys[0])
                g = cotangents.get(key) if key in sources else cotangents.pop(key, None)
                if g is not None:
                    pull(node, g, cotangents, needed, bare)
            else:
                pull_many(node, cotangents, sources, needed, bare)
    except (FloatingPointError, RuntimeWarning):
        raise
    except Exception as error:
        raise with_report(error, node[0], node[1], node[4], "in the gradient of ") from None
    return {key: cotangents[key] for key in sources if key in cotangents}


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


def pull(node: tuple, g: Any, cotangents: dict, needed: set[int], bare: bool) -> None:
    """Take the cotangent `g` of a Node's output back to those of its inputs that are needed."""
    op, xs, attrs, ys, _ = node
    grad = op.grad
    if grad is None:
        return
    if type(g) is IndexedSlices:
        g = g.dense()
    y: Any = ys
    values: Any = xs
    if bare:
        y = tuple([t._value for t in ys]) if op.many else ys[0]._value
        if len(xs) == 1:
            values = (xs[0]._value,)
        else:
            values = [x._value if type(x) is EagerTensor else x for x in xs]
    elif not op.many:
        y = ys[0]
    for i, x in enumerate(xs):
        key = id(x)
        if key not in needed:
            continue
        if type(grad) is tuple:
            rule = grad[i]
            if rule is None:
                continue
            gx = rule(g, y, *values, **attrs) if attrs else rule(g, y, *values)
        else:
            gx = grad(i, g, y, *values, **attrs)
        if gx is None:
            continue
        # A finite scalar for a scalar needs nothing done.
        if type(gx) is not type(values[i]) or type(gx) not in op.scalars or gx - gx != 0:
            gx = _finished(gx, g, x, op.absorbs, bare)
        if not bare:
            for recorder in context.local.recorders:
                recorder.pulled(op, gx, g, xs, node[4])
        old = cotangents.get(key)
        cotangents[key] = gx if old is None else old + gx


def _finished(gx: Any, g: Any, x: Any, absorbs: bool, bare: bool) -> Any:
    """What a rule returned, with inf and nan absorbed and of the shape of its input."""
    if type(gx) is IndexedSlices:
        return gx
    if bare:
        if absorbs and gx is not g:
            gx = absorb(g, gx)
        value = x._value
        if gx.dtype != value.dtype:  # a rule's Python numbers made bfloat16 wider
            gx = gx.astype(value.dtype)
        return gx if gx.shape == value.shape else o.sum_to.eager(gx, shape=value.shape)
    if absorbs and gx is not g:
        gx = o.absorb(g, gx)
    shape = spec_of(x).shape
    if shape is None or None in shape:
        return o.sum_to_like(gx, x)
    return gx if spec_of(gx).shape == shape else o.sum_to(gx, shape=shape)


def pull_many(node: tuple, cotangents: dict, sources: set[int], needed: set[int], bare: bool) -> None:
    """`pull` for an op with several outputs: those that nothing came back to have a cotangent of zeros."""
    ys = node[3]
    gs = [cotangents.get(id(y)) if id(y) in sources else cotangents.pop(id(y), None) for y in ys]
    if all(g is None for g in gs):
        return
    gs = [g.dense() if type(g) is IndexedSlices else g for g in gs]
    pull(node, tuple([_zeros(y, bare) if g is None else g for g, y in zip(gs, ys, strict=True)]),
         cotangents, needed, bare)  # fmt: skip


def accumulate(cotangents: dict, key: int, g: Any) -> None:
    old = cotangents.get(key)
    cotangents[key] = g if old is None else old + g


def _zeros(y: Any, bare: bool) -> Any:
    return np.zeros(y._value.shape, y._value.dtype) if bare else o.zeros_like(y)


def differentiable(x: Any) -> bool:
    """Whether gradients flow through values of this tensor's dtype."""
    return (x._value if type(x) is EagerTensor else spec_of(x)).dtype.kind in FLOATS
