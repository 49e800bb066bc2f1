"""Scatters and segments as the compiler wants them: rows combined with those that indices choose."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.fusion.access import SCATTER
from nbtape.core.dtype import as_dtype
from nbtape.core.engine import o
from nbtape.core.shape import Spec
from nbtape.graph.passes.rewrite import constant
from nbtape.graph.program import Step, Value
from nbtape.graph.rows import spec_of_variable

_ANY = 1 << 31  # times the number of rows: so far below 0 an id may be


def _scatter_add(settler: Any, step: Step) -> Value | None:
    return scattered(settler, step, step.inputs, step.outputs[0].spec, "add")  # type: ignore[arg-type]


def _tensor_scatter(settler: Any, step: Step) -> Value | None:
    t, i, u = step.inputs
    return scattered(settler, step, (i, u), t.spec, step.attrs["kind"], target=(t,))


def _dynamic_update(settler: Any, step: Step) -> Value | None:
    x, i, v = step.inputs
    return scattered(settler, step, (i, v), x.spec, "update", target=(x,))


def _scatter_variable(settler: Any, step: Step) -> Value | None:
    i, u = step.inputs
    variable = step.attrs["variable"]
    spec = spec_of_variable(variable.deref())
    if spec.shape is None or None in spec.shape:
        return None
    return scattered(settler, step, (i, u), spec, step.attrs["kind"], variable=variable)


def _untake(settler: Any, step: Step) -> Value | None:
    g, i, like = step.inputs
    return scattered(settler, step, (i, g), like.spec, "add", step.attrs["axis"])


def scattered(
    settler: Any,
    step: Step,
    rows: tuple[Value, Value],
    spec: Spec,
    kind: str,
    axis: int = 0,
    **attrs: Any,
) -> Value | None:
    """A scatter of rows at indices, if kernels can combine them."""
    i, u = rows
    kinds = {"update": "fiub", "div": "f"}.get(kind, "fiu")
    if u.dtype != spec.dtype or spec.dtype.kind not in kinds or i.dtype.kind not in "iu":
        return None
    shape: Any = spec.shape
    wanted = (*shape[:axis], *(i.shape or ()), *shape[axis + 1 :])
    i = settler.within(i, [shape[axis]], step)
    if u.shape != wanted:
        whole = prod(u.shape or ()) == prod(wanted)
        u = settler.build(o.reshape if whole else o.broadcast_to, u, shape=wanted)
    target = attrs.pop("target", ())
    given = {"kind": kind, "axis": axis, "of": step, "variable": None, **attrs}
    return settler.append(SCATTER, (i, u, *target), given, Value(spec))


# Segments: ids below 0 are of rows that nobody wants


def _segment(kind: str, scatter: str) -> Callable[[Any, Step], Value | None]:
    """The rule of a segment reduction into a number of rows that is known."""

    def rule(settler: Any, step: Step) -> Value | None:
        build, (x, ids, *_), (y,) = settler.build, step.inputs, step.outputs
        if step.attrs["ordered"] or x.dtype.kind not in "fiu" or not prod(y.shape or ()):
            return None
        nothing = constant(_nothing(kind, x.dtype), x.dtype)
        rows = build(o.where, _wanted(settler, ids, x), x, nothing)
        target = build(o.broadcast_to, nothing, shape=y.shape)
        return scattered(
            settler, step, (_places(settler, step, ids), rows), y.spec, scatter, target=(target,)
        )

    return rule


def _nothing(kind: str, dtype: np.dtype) -> Any:
    """What an empty segment gets."""
    if kind in ("max", "min"):
        return as_dtype(dtype).min if kind == "max" else as_dtype(dtype).max
    return int(kind == "prod")


def _wanted(settler: Any, ids: Value, like: Value) -> Value:
    """Whether each id is of a row, in a shape to choose rows of `like` with."""
    more = len(like.shape or ()) - len(ids.shape or ())
    found = settler.build(o.greater_equal, ids, 0)
    return settler.build(o.reshape, found, shape=(*(ids.shape or ()), *[1] * more))


def _places(settler: Any, step: Step, ids: Value) -> Value:
    """Where in the rows of what `step` gives its ids point to; to the first, where they point to none."""
    rows = (step.outputs[0].shape or (0,))[0]
    found = settler.build(o.maximum, settler.within(ids, [rows], step, wrap=_ANY), 0)
    settler.below[found] = rows
    return found


def _segment_count(settler: Any, step: Step) -> Value | None:
    build, (_, ids, *_), (y,) = settler.build, step.inputs, step.outputs
    if step.attrs["ordered"] or not prod(y.shape or ()):
        return None
    ones = build(o.cast, build(o.greater_equal, ids, 0), dtype=y.dtype)
    counts = scattered(settler, step, (_places(settler, step, ids), ones), Spec(y.shape[:1], y.dtype), "add")  # type: ignore[index]
    return None if counts is None else build(o.reshape, build(o.maximum, counts, 1), shape=y.shape)


def _segment_take(settler: Any, step: Step) -> Value | None:
    build, (g, ids), (y,) = settler.build, step.inputs, step.outputs
    if not prod(g.shape or ()) or not prod(y.shape or ()):
        return None
    place = build(o.maximum, ids, 0)
    settler.below[place] = settler.below.get(ids, np.inf)
    place = settler.within(place, [g.shape[0]], step)  # type: ignore[index]
    rows = settler.append(o.take, (g, place), {"axis": 0}, Value(y.spec))
    return build(o.where, _wanted(settler, ids, y), rows, constant(0, y.dtype))


def _put_along(settler: Any, step: Step) -> Value | None:
    """Elements among zeros, by the place of each in all of them."""
    build, (v, i, *_), (y,) = settler.build, step.inputs, step.outputs
    shape, axis = y.shape or (), step.attrs["axis"] % len(y.shape or (0,))
    if v.shape != i.shape or not prod(v.shape or ()) or not prod(shape):
        return None
    at = build(o.cast, settler.from_start(i, shape[axis], step), dtype=np.dtype(np.int64))
    at = build(o.mul, at, prod(shape[axis + 1 :]))
    for a, n in enumerate(shape):
        if a != axis and n > 1:
            along = build(o.iota, size=n, dtype=np.dtype(np.int64))
            along = build(o.reshape, along, shape=(n, *[1] * (len(shape) - a - 1)))
            at = build(o.add, at, build(o.mul, along, prod(shape[a + 1 :])))
    at, rows = [build(o.reshape, x, shape=(prod(v.shape or ()),)) for x in (at, v)]
    settler.below[at] = prod(shape)
    found = scattered(settler, step, (at, rows), Spec((prod(shape),), y.dtype), "update")
    return None if found is None else build(o.reshape, found, shape=shape)


RULES: dict[str, Callable[[Any, Step], Value | None]] = {
    "scatter_add": _scatter_add,
    "tensor_scatter": _tensor_scatter,
    "dynamic_update": _dynamic_update,
    "scatter_variable": _scatter_variable,
    "untake": _untake,
    "segment_sum": _segment("sum", "add"),
    "segment_prod": _segment("prod", "mul"),
    "segment_max": _segment("max", "max"),
    "segment_min": _segment("min", "min"),
    "segment_count": _segment_count,
    "segment_take": _segment_take,
    "put_along": _put_along,
}
