"""Reverse mode over any list of Nodes: a tape's or a graph's.

The Nodes are walked in reverse; each op's rule turns the cotangent of its output into one for each input that
lies on a path from the sources. Two things are done here, once, so that no rule mentions them: a cotangent is
summed down to the shape that broadcasting started from, and a zero cotangent absorbs inf and nan (see
`ops.elementwise.absorb`).

The tensors on such a path are numbered, so that cotangents lie in a list. A tape numbers them while it
records, other Nodes are `wired` for one walk. A wired Node has two more fields: the numbers of its inputs,
None for one that no gradient is wanted for, and that of its output, a tuple where the op has many.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import ALL, FLOATS
from nbtape.core.engine import EagerTensor, Tensor, moved, o
from nbtape.core.memory import CardArray, state
from nbtape.core.report import spec_of, with_report
from nbtape.core.slices import IndexedSlices
from nbtape.ops.elementwise import absorb

_PLACES = ((), (0,), (0, 1))  # of few inputs: to make a range takes as long as to multiply numbers
SCALARS = frozenset([d.as_numpy_dtype for d in ALL if d.np.kind in FLOATS])


def backward(nodes: Iterable[tuple], seeds: list[tuple[Tensor, Any]], sources: set[int]) -> dict[int, Any]:
    """Cotangents of those of `sources` (ids) that lead to a target, by id, for the cotangents `seeds`.

    `nodes` are tuples in the layout of Node.
    """
    wired, numbers = wire(nodes, sources)
    found = pull(wired, numbers, seeds, {numbers[key] for key in sources})
    return {key: g for key in sources if (g := found[numbers[key]]) is not None}


def wire(nodes: Iterable[tuple], sources: Iterable[int]) -> tuple[list[tuple], dict[int, int]]:
    """The Nodes that lead on from `sources`, wired, and the number of each tensor on the way, by id."""
    numbers = {key: i for i, key in enumerate(sources)}
    wired = []
    for op, xs, attrs, ys, place, *_ in nodes:
        ins = tuple([numbers.get(id(x)) for x in xs])
        if op.grad is not None and any([i is not None for i in ins]):
            wired.append((op, xs, attrs, ys, place, ins, number(op, ys, numbers)))
    return wired, numbers


def number(op: Any, ys: tuple, numbers: dict[int, int]) -> Any:
    """Give the outputs of an op the next numbers."""
    if op.many:
        return tuple([numbers.setdefault(id(y), len(numbers)) for y in ys])
    return numbers.setdefault(id(ys[0]), len(numbers))


def pull(wired: list[tuple], numbers: dict[int, int], seeds: list[tuple[Tensor, Any]], kept: Any) -> list:
    """Cotangents by number, None where no path leads to a target.

    That of a Node's output is dropped when it has been used, unless its number is in `kept`. Runs on bare
    arrays, unless a recorder or a trace is open or values are on a card: then on Tensors, through `apply`, so
    that what it does is recorded, differentiated again, or compiled, or runs there.
    """
    if context.local.watch is not None or state.used and _on_card(wired, seeds):
        outer, context.local.pulling = context.local.pulling, True
        try:
            tensors = [(y, g if isinstance(g, Tensor | IndexedSlices) else EagerTensor(g)) for y, g in seeds]
            return _walk(wired, numbers, tensors, kept, False)
        finally:
            context.local.pulling = outer
    try:
        return _walk(wired, numbers, seeds, kept, True)
    except (FloatingPointError, RuntimeWarning):
        # The user made NumPy's warnings into errors; ours are not his.
        with np.errstate(all="ignore"):
            return _walk(wired, numbers, seeds, kept, True)


def _on_card(wired: list[tuple], seeds: list) -> bool:
    """Whether any value that the rules will be given is on a card."""
    tensors = chain([g for _, g in seeds], (x for node in wired for x in (*node[1], *node[3])))
    return any(type(x) is EagerTensor and type(x._value) is CardArray for x in tensors)


def _walk(wired: list[tuple], numbers: dict[int, int], seeds: list, kept: Any, bare: bool) -> list:
    """Pull the cotangents back through the Nodes.

    One long function, the inner loop of eager training: on scalars a call, or to unpack arguments, takes as
    long as the arithmetic, so one and two inputs are spelled out.
    """
    cotangents: list = [None] * len(numbers)
    g: Any = None
    for target, g in seeds:
        g = g._value if bare and type(g) is EagerTensor else g
        i = numbers.get(id(target))
        if i is not None:
            cotangents[i] = g if cotangents[i] is None else cotangents[i] + g
    scalar = type(g) if type(g) in SCALARS else None
    node: Any = None
    try:
        for node in reversed(wired):
            op, xs, attrs, ys, _, ins, out = node
            if op.many:
                g = _taken(ys, cotangents, out, kept, bare)
            else:
                g = cotangents[out]
                if out not in kept:
                    cotangents[out] = None
            if g is None:
                continue
            if type(g) is IndexedSlices:
                g = g.dense()
            if not bare:
                _pull_recorded(node, g, cotangents)
                continue
            n = len(xs)
            rules = op.grad if type(op.grad) is tuple else op.rules(n)
            y = tuple([t._value for t in ys]) if op.many else ys[0]._value
            a = b = None
            if n == 2:
                a, b = xs
                a = a._value if type(a) is EagerTensor else a
                b = b._value if type(b) is EagerTensor else b
                values: Any = (a, b)
            elif n == 1:
                a = xs[0]._value
                values = (a,)
            else:
                values = [x._value if type(x) is EagerTensor else x for x in xs]
            for k in _PLACES[n] if n < 3 else range(n):
                i, rule = ins[k], rules[k]
                if i is None or rule is None:
                    continue
                if attrs or n > 2:
                    gx = rule(g, y, *values, **attrs)
                else:
                    gx = rule(g, y, a, b) if n == 2 else rule(g, y, a)
                # A finite scalar for a scalar needs nothing done.
                if type(gx) is not scalar or type(values[k]) is not scalar or gx is not g and gx - gx:
                    gx = _settled(gx, g, values[k], op.absorbs)
                    if gx is None:
                        continue
                old = cotangents[i]
                cotangents[i] = gx if old is None else old + gx
    except (FloatingPointError, RuntimeWarning):
        raise
    except Exception as error:
        raise with_report(error, node[0], node[1], node[4], "in the gradient of ") from None
    return cotangents


def _settled(gx: Any, g: Any, value: Any, absorbs: bool) -> Any:
    """What a rule returned on arrays: inf and nan absorbed, of the dtype and shape of its input."""
    if gx is None or type(gx) is IndexedSlices:
        return gx
    if absorbs and gx is not g:
        gx = absorb(g, gx)
    if gx.dtype != value.dtype:  # beside bfloat16 a rule's Python numbers are float32
        gx = gx.astype(value.dtype)
    return gx if gx.shape == value.shape else o.sum_to.eager(gx, shape=value.shape)


def _pull_recorded(node: tuple, g: Any, cotangents: list) -> None:
    """Take the cotangent `g` of a Node's output to its inputs, on Tensors, through `apply`."""
    op, xs, attrs, ys, place, ins, _ = node
    y = ys if op.many else ys[0]
    for i, rule, x in zip(ins, op.rules(len(xs)), xs):
        if i is None or rule is None or (gx := rule(g, y, *xs, **attrs)) is None:
            continue
        if type(gx) is not IndexedSlices:
            gx = _fitted(o.absorb(g, gx) if op.absorbs and gx is not g else gx, x)
        for recorder in context.local.recorders:
            recorder.pulled(op, gx, g, xs, place)
        _accumulate(cotangents, i, gx)


def _fitted(gx: Tensor, x: Tensor) -> Tensor:
    """`gx` summed down to the shape of `x`, on the device of `x`."""
    shape = spec_of(x).shape
    if shape is None or None in shape:
        return o.sum_to_like(gx, x)
    if spec_of(gx).shape != shape:
        gx = o.sum_to(gx, shape=shape)
    return moved(gx, x) if state.used and type(gx) is type(x) is EagerTensor else gx


def _taken(ys: tuple, cotangents: list, outs: tuple, kept: Any, bare: bool) -> tuple | None:
    """The cotangents of an op's several outputs: zeros for those that nothing came back to, None
    if for none.
    """
    gs = [cotangents[out] for out in outs]
    if all(g is None for g in gs):
        return None
    for out in outs:
        if out not in kept:
            cotangents[out] = None
    gs = [g.dense() if type(g) is IndexedSlices else g for g in gs]
    return tuple([_zeros(y, bare) if g is None else g for g, y in zip(gs, ys)])


def _accumulate(cotangents: list, i: int, g: Any) -> None:
    old = cotangents[i]
    cotangents[i] = g if old is None else old + g


def _zeros(y: Any, bare: bool) -> Any:
    return np.zeros(y._value.shape, y._value.dtype) if bare else o.zeros_like(y)


def differentiable(x: Any) -> bool:
    """Whether gradients flow through values of this tensor's dtype."""
    if type(x) is EagerTensor and type(x._value) in SCALARS:
        return True
    return (x._value if type(x) is EagerTensor else spec_of(x)).dtype.kind in FLOATS
