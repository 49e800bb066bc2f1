"""Counts as the compiler wants them: ones, or weights, scattered to the places of what is counted."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.fusion.scatters import scattered
from nbtape.core.engine import o
from nbtape.core.shape import Spec
from nbtape.graph.passes.rewrite import constant
from nbtape.graph.program import Step, Value

_INT64 = np.dtype(np.int64)
_ANY = np.iinfo(np.int64).max


def _bincount(settler: Any, step: Step) -> Value | None:
    """Rows of counts, each with one more for numbers that have no bin."""
    build, (x, *weights), (y,), size = settler.build, step.inputs, step.outputs, step.attrs["size"]
    shape = x.shape or ()
    if not size or not prod(shape) or not shape:
        return None
    rows, bins = prod(shape[:-1]), size + 1
    kept = build(o.minimum, settler.within(x, [_ANY], step), size)
    start = build(o.reshape, build(o.mul, build(o.iota, size=rows, dtype=_INT64), bins), shape=(rows, 1))
    at = build(o.add, build(o.cast, build(o.reshape, kept, shape=(rows, shape[-1])), dtype=_INT64), start)
    found = _counts(settler, step, at, weights, rows * bins)
    if found is None:
        return None
    found = build(o.slice, build(o.reshape, found, shape=(rows, bins)), begin=(0, 0), size=(rows, size))
    if step.attrs["binary"]:
        found = build(o.cast, build(o.greater, found, 0), dtype=y.dtype)
    return build(o.reshape, found, shape=y.shape)


def _confusion_matrix(settler: Any, step: Step) -> Value | None:
    build, (labels, predictions, *weights), n = settler.build, step.inputs, step.attrs["size"]
    if not n or labels.shape != predictions.shape or not prod(labels.shape or ()):
        return None
    row, column = [settler.within(x, [n], step) for x in (labels, predictions)]
    found = _counts(settler, step, build(o.add, build(o.mul, row, n), column), weights, n * n)
    return None if found is None else build(o.reshape, found, shape=(n, n))


def _counts(settler: Any, step: Step, at: Value, weights: list[Value], places: int) -> Value | None:
    """How often each place occurs in `at`, all of which are in range, or the weights where it does."""
    build, dtype, count = settler.build, step.outputs[0].dtype, prod(at.shape or ())
    at = build(o.reshape, at, shape=(count,))
    settler.below[at] = places
    one = constant(1, dtype)
    ones = (
        build(o.reshape, weights[0], shape=(count,))
        if weights
        else build(o.broadcast_to, one, shape=(count,))
    )
    return scattered(settler, step, (at, ones), Spec((places,), dtype), "add")


RULES: dict[str, Callable[[Any, Step], Value | None]] = {
    "bincount": _bincount,
    "confusion_matrix": _confusion_matrix,
}
