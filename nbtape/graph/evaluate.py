"""The reference for programs: runs their steps in turn on arrays, with the rows' eager functions."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.graph.program import Program, Step, Value


def evaluate(program: Program, inputs: Sequence[Any]) -> list:
    """The outputs of `program` for arrays in the place of its inputs.

    >>> from nbtape.graph.program import program_of
    >>> graph = tf.function(lambda x: x * 2.0).get_concrete_function(tf.TensorSpec([2])).graph
    >>> evaluate(program_of(graph), [np.float32([1.0, 2.0])])
    [array([2., 4.], dtype=float32)]
    """
    with context.recording(()), np.errstate(all="ignore"):
        return _run(program, inputs)


def _run(program: Program, inputs: Sequence[Any]) -> list:
    values = dict(zip(program.inputs, inputs, strict=True))

    def given(x: Value) -> Any:
        return values[x] if x.constant is None else x.constant

    for step in program.steps:
        xs = [given(x) for x in step.inputs]
        run = _CARRIES.get(step.op.name)
        found = run(step, xs) if run else step.op.eager(*xs, **step.attrs)
        values.update(zip(step.outputs, found if step.op.many else (found,)))
    return [given(y) for y in program.outputs]


def _cond(step: Step, xs: list) -> list:
    return _run(step.attrs["true" if xs[0] else "false"], xs[1:])


def _while(step: Step, xs: list) -> list:
    attrs = step.attrs
    cond, body, carries, reverse = attrs["cond"], attrs["body"], attrs["carries"], attrs["reverse"]
    carry, columns = list(xs[:carries]), xs[carries : carries + attrs["scanned"]]
    captured = xs[carries + attrs["scanned"] :]
    trips = attrs.get("trips") if attrs.get("trips") is not None or not columns else len(columns[0])
    rows: list[list] = []
    while _run(cond, [*carry, *captured])[0] if trips is None else len(rows) < trips:
        k = len(rows)
        i = ~k if reverse else k
        at = [np.asarray(x[i], p.dtype)[()] for x, p in zip(columns, body.inputs[carries:])]
        found = _run(body, [*carry, *at, *captured])
        rows.append(found[carries:])
        carry = found[:carries]
    if reverse:
        rows.reverse()
    return [*carry, *[_stacked([row[i] for row in rows], y) for i, y in enumerate(body.outputs[carries:])]]


def _stacked(rows: list, y: Value) -> Any:
    """Rows as one array; an array of arrays where their shapes differ."""
    if not rows:
        return np.zeros((0, *[n or 0 for n in y.shape or ()]), y.dtype)
    if len({np.shape(row) for row in rows}) == 1:
        return np.stack(rows)
    ragged = np.empty(len(rows), object)
    ragged[:] = rows
    return ragged


_CARRIES = {"cond": _cond, "while_": _while}
